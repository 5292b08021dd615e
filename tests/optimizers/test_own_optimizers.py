"""Optimizers of the user's own that return something else than an optimizer does."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy
import pytest

from xpcnn import Model
from xpcnn.errors import ConfigError, DTypeError, ShapeError
from xpcnn.layers import Dense

X = numpy.linspace(0.0, 1.0, 12, dtype="float32").reshape(4, 3)


@dataclass(frozen=True)
class Momentum:
    """v = g + 0.9 v, p = p - lr v, and what a test puts in place of a result."""

    init_as: Callable[[Any], Any] = lambda state: state
    update_as: Callable[[Any, Any], Any] = lambda params, state: (params, state)
    lr: float = 0.1

    def init(self, params: Any) -> Any:
        return self.init_as({"v": {path: numpy.zeros_like(p) for path, p in params.items()}})

    def update(self, params: Any, grads: Any, state: Any, lr: Any, step: Any) -> Any:
        v = {path: grads[path] + 0.9 * state["v"][path] for path in params}
        return self.update_as({path: p - lr * v[path] for path, p in params.items()}, {"v": v})


def fit(optimizer: Any, **options: Any) -> Any:
    model = Model([Dense(3), Dense(2)], input_shape=(3,))
    return model.fit(X, numpy.arange(4) % 2, epochs=2, optimizer=optimizer, **options)


def first(params: Any) -> Any:
    return dict(list(params.items())[:1])


AT = "the optimizer Momentum: "
WRONG: list[tuple[Any, type[Exception], str]] = [
    (Momentum(lambda s: None), ConfigError, f"^{AT}init returned None for the state, expected a d"),
    (Momentum(lambda s: s | {"t": 0}), ConfigError, f"^{AT}init returned 0 for 't', expected arr"),
    (
        Momentum(lambda s: {"v": {"all": X}}),
        ConfigError,
        f"^{AT}init returned 'v' with 'all' in",
    ),
    (
        Momentum(update_as=lambda p, s: p),
        ConfigError,
        f"^{AT}update returned a dict, expected .pa",
    ),
    (Momentum(update_as=lambda p, s: (s, p)), ConfigError, f"^{AT}update returned .* parameter '"),
    (
        Momentum(update_as=lambda p, s: (first(p), s)),
        ConfigError,
        f"^{AT}update returned no parameter 'layers",
    ),
    (
        Momentum(update_as=lambda p, s: (p | {"b": X}, s)),
        ConfigError,
        f"^{AT}update returned an unknown parameter 'b'",
    ),
    (
        Momentum(update_as=lambda p, s: ({k: x[None] for k, x in p.items()}, s)),
        ShapeError,
        rf"^{AT}update returned the shape \(1, 3, 3\) for 'layers.0.weight', expected \(3, 3\)",
    ),
    (
        Momentum(update_as=lambda p, s: ({k: x.astype("f8") for k, x in p.items()}, s)),
        DTypeError,
        f"^{AT}update returned float64 for 'layers.0.weight', expected float32",
    ),
    (
        Momentum(update_as=lambda p, s: (p, {})),
        ConfigError,
        rf"^{AT}update returned the state \[\], and init \['v'\]",
    ),
    (Momentum(lr="1"), ConfigError, "^optimizer: lr must be a finite num"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize("options", [{}, {"layer_lr": {"layers.0.*": 0.5}}, {"accumulate": 2}])
def test_the_optimizer_itself_is_right(options: Any) -> None:
    losses = fit(Momentum(), batch_size=2, **options)["loss"]
    assert losses[1] < losses[0]


@pytest.mark.parametrize(("optimizer", "kind", "message"), WRONG)
def test_a_wrong_result_is_named(optimizer: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        fit(optimizer)


@pytest.mark.parametrize("name", ["init", "lr"])
def test_what_is_missing_is_named(name: str) -> None:
    class Partial:
        def update(self) -> None: ...

    other = {"init": "lr", "lr": "init"}[name]
    setattr(Partial, other, 0.1)
    with pytest.raises(ConfigError, match=f"^optimizer is a Partial, which has no '{name}'\nTry: "):
        fit(Partial())


def test_it_cannot_write_into_what_it_was_given() -> None:
    """The model has these arrays until the run has ended well."""

    class InPlace(Momentum):
        def update(self, params: Any, grads: Any, state: Any, lr: Any, step: Any) -> Any:
            for path, p in params.items():
                p -= lr * grads[path]
            return params, state

    with pytest.raises(ValueError, match="read-only"):
        fit(InPlace())
