"""What holds for every optimizer."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy
import pytest

from tests.compare import assert_kind, assert_rounded
from tests.lib import Lib
from tests.optimizers.steps import single
from xpcnn import optimizers
from xpcnn.errors import ConfigError
from xpcnn.optimizers import (
    LAMB,
    LARS,
    SGD,
    Adagrad,
    Adam,
    AdamW,
    Lion,
    Muon,
    NAdam,
    Optimizer,
    RAdam,
    RMSprop,
)
from xpcnn.types import Array

ALL: list[Optimizer] = [
    SGD(0.1),
    SGD(0.1, momentum=0.9, dampening=0.5, weight_decay=0.1),
    SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.1, decoupled=True),
    Adagrad(0.1, lr_decay=0.1, weight_decay=0.1),
    RMSprop(0.1, momentum=0.9, centered=True, weight_decay=0.1),
    Adam(0.1, weight_decay=0.1, amsgrad=True),
    AdamW(0.1),
    NAdam(0.1, weight_decay=0.1),
    RAdam(0.1, weight_decay=0.1, beta2=0.9),
    Lion(0.1, weight_decay=0.1),
    LARS(0.1, weight_decay=0.1, adapt_all=True),
    LAMB(0.1, adapt_all=True),
    Muon(0.1, ns_steps=1),  # more let the bounds of rounding grow without end
]
SHAPES = {"layers.0.weight": (2, 3), "layers.0.bias": (3,)}


def values(seed: int) -> dict[str, Any]:
    rng = numpy.random.default_rng(seed)
    return {path: rng.standard_normal(shape) for path, shape in SHAPES.items()}


def run(
    optimizer: Optimizer, array: Callable[[Any], Array], count: int = 3
) -> list[dict[str, Array]]:
    """Return parameters and every state after `count` steps, of arrays that `array` makes."""
    params = {path: array(p) for path, p in values(0).items()}
    state = optimizer.init(params)
    for step in range(1, count + 1):
        grads = {path: array(g) for path, g in values(step).items()}
        params, state = optimizer.update(params, grads, state, array(optimizer.lr), array(step))
    return [params, *state.values()]


@pytest.mark.parametrize("optimizer", ALL, ids=repr)
def test_every_library_agrees(optimizer: Optimizer, lib: Lib, dtype: str) -> None:
    """Also that float32 stays float32, that shapes stay, and that nothing writes (read-only)."""
    results = run(optimizer, partial(lib.asarray, dtype=dtype))
    array = single if dtype == "float32" else numpy.asarray
    for got, expected in zip(results, run(optimizer, array), strict=True):
        for path, like in expected.items():
            if dtype == "float32":
                assert_rounded(got[path], expected[path], lib, path)
                continue
            assert_kind(got[path], dtype, like.shape, lib, path)
            numpy.testing.assert_allclose(
                lib.to_host(got[path]), expected[path], rtol=1e-14, atol=1e-14
            )


@pytest.mark.parametrize("optimizer", ALL, ids=repr)
def test_state_keeps_its_form(optimizer: Optimizer, lib: Lib, dtype: str) -> None:
    params = {path: lib.asarray(p, dtype) for path, p in values(0).items()}
    before = optimizer.init(params)
    one = lib.asarray(1.0, dtype)
    _, after = optimizer.update(params, params, before, one, one)
    assert list(after) == list(before)
    for name, arrays in before.items():
        shapes = {path: x.shape for path, x in arrays.items()}
        assert {path: x.shape for path, x in after[name].items()} == shapes
        assert all(shape in ((), SHAPES[path]) for path, shape in shapes.items())


@pytest.mark.parametrize("optimizer", ALL, ids=repr)
def test_no_value_is_read(optimizer: Optimizer) -> None:
    """Tensors on PyTorch's meta device have no values: float(x), bool(x) and item() raise."""
    torch = pytest.importorskip("torch")

    def array(x: Any) -> Any:
        return torch.empty(numpy.shape(x), dtype=torch.float32, device="meta")

    with pytest.raises(RuntimeError, match="meta"):
        bool(array(1.0) > 0)
    for arrays in run(optimizer, array):
        assert all(x.device.type == "meta" for x in arrays.values())
        clipped = optimizers.clip_by_value(optimizers.clip_by_global_norm(arrays, 1.0), 1.0)
        assert all(x.device.type == "meta" for x in clipped.values())


@pytest.mark.parametrize(
    "optimizer",
    [
        SGD(0.5, weight_decay=1.0, decay_all=False),
        SGD(0.5, weight_decay=1.0, decoupled=True, decay_all=False),
        Adagrad(0.5, weight_decay=1.0, decay_all=False),
        RMSprop(0.5, weight_decay=1.0, decay_all=False),
        Adam(0.5, weight_decay=1.0, decay_all=False),
        AdamW(0.5, weight_decay=1.0, decay_all=False),
        NAdam(0.5, weight_decay=1.0, decay_all=False),
        RAdam(0.5, weight_decay=1.0, decay_all=False),
        Lion(0.5, weight_decay=1.0, decay_all=False),
        LARS(0.5, weight_decay=1.0, decay_all=False),
        LAMB(0.5, weight_decay=1.0, decay_all=False),
        Muon(0.5, weight_decay=1.0, decay_all=False),
    ],
    ids=repr,
)
def test_biases_and_norms_can_be_left_out_of_decay(
    optimizer: Optimizer, lib: Lib, dtype: str
) -> None:
    params = {
        "weight": lib.asarray([[4.0]], dtype),
        "bias": lib.asarray([4.0], dtype),
        "scalar": lib.asarray(4.0, dtype),
    }
    grads = {path: 0.0 * p for path, p in params.items()}
    one = lib.asarray(1.0, dtype)
    after, _ = optimizer.update(params, grads, optimizer.init(params), 0.5 * one, one)
    assert float(lib.to_host(after["weight"])[0, 0]) < 4.0
    assert float(lib.to_host(after["bias"])[0]) == 4.0
    assert float(lib.to_host(after["scalar"])) == 4.0


def test_hyperparameters_become_python_floats() -> None:
    adam = Adam(numpy.float64(0.5), beta1=numpy.float64(0.5), weight_decay=1)
    assert type(adam.lr) is type(adam.beta1) is type(adam.weight_decay) is float


@pytest.mark.parametrize(
    ("kind", "options", "text"),
    [
        (Adam, {"lr": math.inf}, "Adam: lr must be a finite number >= 0, got inf\nTry: "),
        (Adagrad, {"lr": "0.1"}, "Adagrad: lr must be a finite number >= 0, got str\nTry: "),
        (RMSprop, {"lr": True}, "RMSprop: lr must be a finite number >= 0, got bool\nTry: "),
        (SGD, {"nesterov": 1}, "SGD: nesterov must be True or False, got int\nTry: "),
        (Adam, {"beta2": 1.0}, "Adam: beta2 must be a number >= 0 and < 1, got 1\nTry: "),
        (AdamW, {"weight_decay": -1}, "AdamW: weight_decay must be a finite number >= 0, got -1\n"),
        (
            AdamW,
            {"lr": numpy.ones(1)},
            "AdamW: lr must be a finite number >= 0, got ndarray\nTry: ",
        ),
        (RMSprop, {"alpha": 1.5}, "RMSprop: alpha must be a number >= 0 and < 1, got 1.5\nTry: "),
        (
            NAdam,
            {"momentum_decay": -1},
            "NAdam: momentum_decay must be a finite number >= 0, got -1",
        ),
        (RAdam, {"beta2": 1}, "RAdam: beta2 must be a number >= 0 and < 1, got 1\nTry: "),
        (Lion, {"beta1": -0.5}, "Lion: beta1 must be a number >= 0 and < 1, got -0.5\nTry: "),
        (LARS, {"trust": 0}, "LARS: trust must be a finite number > 0, got 0\nTry: "),
        (LAMB, {"adapt_all": 1}, "LAMB: adapt_all must be True or False, got int\nTry: "),
        (Adagrad, {"eps": -1e-8}, "Adagrad: eps must be a finite number >= 0, got -1e-08\nTry: "),
    ],
)
def test_bad_hyperparameters(kind: type, options: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        kind(**options)
    assert str(caught.value).startswith(text)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sgd", SGD(0.1)),
        ("momentum", SGD(0.1, momentum=0.9)),
        ("nesterov", SGD(0.1, momentum=0.9, nesterov=True)),
        ("adagrad", Adagrad(0.1)),
        ("rmsprop", RMSprop(0.1)),
        ("adam", Adam(0.1)),
        ("adamw", AdamW(0.1)),
        ("nadam", NAdam(0.1)),
        ("radam", RAdam(0.1)),
        ("lion", Lion(0.1)),
        ("lars", LARS(0.1)),
        ("lamb", LAMB(0.1)),
        ("muon", Muon(0.1)),
    ],
)
def test_make(name: str, expected: Optimizer) -> None:
    assert optimizers.make(name, lr=0.1) == expected


def test_make_overrides_the_presets() -> None:
    assert optimizers.make("momentum", momentum=0.5) == SGD(momentum=0.5)


def test_names() -> None:
    assert list(optimizers.BY_NAME) == [
        *("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw"),
        *("nadam", "radam", "lion", "lars", "lamb", "muon"),
    ]


@pytest.mark.parametrize("optimizer", ALL, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_numbers_of_python_as_lr_and_step(optimizer: Optimizer, dtype: str, lib: Lib) -> None:
    """As in a training loop of one's own; a float64 of NumPy would make parameters float64."""
    params, grads = ({p: lib.asarray(x, dtype) for p, x in values(i).items()} for i in (0, 1))
    state = optimizer.init(params)
    array = partial(lib.asarray, dtype=dtype)
    expected, _ = optimizer.update(params, grads, state, array(0.1), array(2.0))
    for lr, step in ((0.1, 2), (numpy.float64(0.1), numpy.int64(2))):
        params = {p: lib.asarray(x, dtype) for p, x in values(0).items()}
        new, _ = optimizer.update(params, grads, optimizer.init(params), lr, step)
        for path, x in new.items():
            assert x.dtype == lib.backend.dtype(dtype)
            assert numpy.array_equal(lib.to_host(x), lib.to_host(expected[path]))


@pytest.mark.parametrize("optimizer", ALL, ids=str)
def test_nested_parameters_are_refused(optimizer: Optimizer) -> None:
    nested = {"layers.0": {"bias": numpy.ones(2)}}
    flat = {"layers.0.bias": numpy.ones(2)}
    message = r"^params\['layers\.0'\] is a dictionary, .*\nTry: flatten\(params\) of xpcnn\.types"
    with pytest.raises(ConfigError, match=message):
        optimizer.update(nested, nested, {}, 0.1, 1)
    with pytest.raises(ConfigError, match=r"^grads\['layers\.0'\] is a dictionary"):
        optimizer.update(flat, nested, optimizer.init(flat), 0.1, 1)
    if optimizer.init(flat):
        with pytest.raises(ConfigError, match=message):
            optimizer.init(nested)


def test_nested_gradients_are_not_clipped() -> None:
    for clip in (optimizers.clip_by_global_norm, optimizers.clip_by_value):
        with pytest.raises(ConfigError, match=r"^grads\['a'\] is a dictionary"):
            clip({"a": {"b": numpy.ones(2)}}, 1.0)
