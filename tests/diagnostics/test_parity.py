"""Parity of backends: equal ones agree, a planted error is named where it arises."""

from dataclasses import dataclass

import numpy
import pytest

from tests.fake_cupy import launches
from tests.lib import open_lib
from xpcnn import Model, backend
from xpcnn.diagnostics import check_parity
from xpcnn.errors import BackendError, ConfigError
from xpcnn.initializers import Draw
from xpcnn.layers import (
    BatchNorm,
    Context,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Layer,
    MaxPool2D,
    ReLU,
    Residual,
    Sequential,
)
from xpcnn.optimizers import Adam
from xpcnn.training import TrainingOptions
from xpcnn.types import Array, LayerPullback, Params, Shape

BACKENDS = ("numpy", "array_api_strict")


@dataclass(frozen=True)
class Planted:
    """The identity, but by one part too large in one direction on one library."""

    forward_by: float = 0.0
    backward_by: float = 0.0
    library: type = numpy.ndarray

    def init(self, shape: Shape, draw: Draw) -> tuple[Params, Params, Shape]:
        return {}, {}, shape

    def forward(
        self, params: Params, buffers: Params, x: Array, ctx: Context
    ) -> tuple[Array, Params, LayerPullback]:
        wrong = not isinstance(x, self.library)

        def pullback(dy: Array, want_dx: bool = True) -> tuple[Array | None, Params]:
            return (dy * (1.0 + self.backward_by) if wrong else dy), {}

        return (x * (1.0 + self.forward_by) if wrong else x), {}, pullback


def model(*middle: Layer) -> Model:
    body: Layer = Sequential([Conv2D(4, 3, padding="same", bias=False), BatchNorm()])
    layers: list[Layer] = [
        Conv2D(4, 3, padding="same"),
        ReLU(),
        Residual(body),
        *middle,
        MaxPool2D(2),
    ]
    return Model([*layers, Flatten(), Dropout(0.3), Dense(3)], input_shape=(2, 6, 6))


def test_backends_agree_on_every_layer_and_over_steps() -> None:
    network = model()
    before = network.get_weights()
    found = check_parity(network, BACKENDS, options=TrainingOptions(optimizer=Adam(0.01)))
    assert found.agrees
    assert found.first is None
    named = list(dict.fromkeys(result.what for result in found.results))
    assert named[:3] == [
        "output of layers.0 (Conv2D)",
        "gradient of the input of layers.0 (Conv2D)",
        "gradient of layers.0.weight",
    ]
    assert "layers.2.body.layers.1.mean" in named  # a running statistic
    assert "loss" in named
    assert named[-1].endswith("after step 3")
    # on three sides: the first backend in float32, the other in both
    assert {(r.backend, r.dtype) for r in found.results} == {
        ("numpy", "float32"),
        ("array_api_strict", "float64"),
        ("array_api_strict", "float32"),
    }
    assert all(numpy.array_equal(before[path], x) for path, x in network.get_weights().items())


@pytest.mark.parametrize(
    ("planted", "what"),
    [
        (Planted(forward_by=1e-5), "output of layers.3 (Planted)"),
        (Planted(backward_by=1e-5), "gradient of the input of layers.3 (Planted)"),
    ],
    ids=["forward", "backward"],
)
def test_an_error_of_a_hundred_thousandth_is_named_where_it_arises(
    planted: Planted, what: str
) -> None:
    found = check_parity(model(planted), BACKENDS)
    assert not found.agrees
    assert found.first is not None
    assert (found.first.what, found.first.backend) == (what, "array_api_strict")
    assert 0.9e-5 < found.first.error / found.first.magnitude < 1.1e-5
    wrong = {result.what for result in found.results if not result.agrees}
    assert not any("layers.7" in name for name in wrong if "step" not in name)
    assert "differ in" in str(found)
    assert what in str(found)


def test_cupy_agrees_on_a_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """The CuPy backend on the array library of the tests, with its CUDA kernels run on the host."""
    opened = open_lib("cupy-on-host").backend
    launches.clear()
    real = backend.load
    monkeypatch.setattr(
        "xpcnn.diagnostics.parity.load", lambda name: opened if name == "cupy" else real(name)
    )
    monkeypatch.setattr("xpcnn.diagnostics.parity.problem", lambda name: None)
    found = check_parity(model(), ("numpy", "cupy"), options=TrainingOptions(optimizer=Adam(0.01)))
    assert str(found).startswith("numpy and cupy agree in all ")
    assert {(r.backend, r.dtype) for r in found.results} == {
        ("numpy", "float32"),
        ("cupy", "float64"),
        ("cupy", "float32"),
    }
    assert launches  # kernels of its own, not the references alone


def test_nan_is_a_difference() -> None:
    found = check_parity(model(Planted(forward_by=numpy.nan)), BACKENDS)
    assert found.first is not None
    assert found.first.what == "output of layers.3 (Planted)"


@dataclass(frozen=True)
class Overflowing(Planted):
    """The identity, but infinite on all libraries, or on NumPy alone."""

    everywhere: bool = True

    def forward(
        self, params: Params, buffers: Params, x: Array, ctx: Context
    ) -> tuple[Array, Params, LayerPullback]:
        _, _, pullback = super().forward(params, buffers, x, ctx)
        is_infinite = self.everywhere or isinstance(x, self.library)
        return x + (numpy.inf if is_infinite else 0.0), {}, pullback


@pytest.mark.parametrize("everywhere", [True, False])
def test_a_reference_that_is_not_finite_agrees_with_nothing(everywhere: bool) -> None:
    """Its bound would be infinite, and every finite result lie in it."""
    network = Model([Overflowing(everywhere=everywhere)], input_shape=(2,))
    found = check_parity(network, BACKENDS)
    assert found.first is not None
    assert found.first.what == "output of layers.0 (Overflowing)"
    for result in found.results:
        if result.what == found.first.what:
            assert not result.agrees
            assert str(result).endswith(
                "cannot be compared: infinite or NaN on the first backend in float64"
            )


def test_a_backend_that_cannot_be_used_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "xpcnn.diagnostics.parity.problem",
        lambda name: ("not installed", "pip install it") if name == "cupy" else None,
    )
    found = check_parity(Model([Dense(2)], input_shape=(3,)), ("numpy", "cupy", "array_api_strict"))
    assert found.missing == {"cupy": "not installed. Try: pip install it"}
    assert found.first is None
    assert not found.agrees
    assert str(found).startswith(
        "cupy: not compared: not installed. Try: pip install it\nnumpy and"
    )
    with pytest.raises(BackendError) as caught:
        check_parity(Model([Dense(2)], input_shape=(3,)), ("numpy", "cupy"))
    assert str(caught.value) == (
        "of the backends numpy, cupy, 1 can be used here; cupy: not installed\n"
        "Try: numpy and a backend that is installed"
    )


def test_two_backends_are_needed() -> None:
    with pytest.raises(ConfigError) as caught:
        check_parity(Model([Dense(2)], input_shape=(3,)), ["numpy", "numpy"])
    assert str(caught.value) == (
        "backends: expected two different names or more, got numpy\nTry: numpy and torch"
    )
