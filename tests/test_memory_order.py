"""NumPy keeps images batch-last in memory, forward and backward, through every preset."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy
import pytest

from tests.presets import SMALL
from xpcnn import Model, backend, layers, models, random
from xpcnn.initializers import Draw
from xpcnn.layers import Context, Layer
from xpcnn.types import Array, Params


def is_batch_last(x: Array) -> bool:
    """Whether the memory of x (n, c, h, w) has the order (c, h, w, n), the batch without gaps."""
    n, c, h, w = x.strides
    return bool(c >= h >= w >= n == x.itemsize)


class Orders:
    """Notes for every op the memory order of the images that go in and out."""

    def __init__(self) -> None:
        self.images = 0
        self.lost: list[str] = []

    def see(self, where: str, x: Any) -> None:
        if isinstance(x, numpy.ndarray) and x.ndim == 4 and 1 not in x.shape:
            self.images += 1
            if not is_batch_last(x):
                self.lost.append(f"{where} {x.shape}")

    def watched(self, forward: Callable[..., Any]) -> Callable[..., Any]:
        def run(layer: Layer, params: Params, buffers: Params, x: Array, ctx: Context) -> Any:
            where = f"{ctx.path} {type(layer).__name__}"
            self.see(f"{where} x", x)
            y, buffers, pullback = forward(layer, params, buffers, x, ctx)
            self.see(f"{where} y", y)

            def back(dy: Array, want_dx: bool = True) -> Any:
                self.see(f"{where} dy", dy)
                dx, grads = pullback(dy, want_dx)
                self.see(f"{where} dx", dx)
                return dx, grads

            return y, buffers, back

        return run


@pytest.mark.parametrize("name", SMALL)
def test_every_preset_keeps_batch_last(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    backend.load("numpy")
    if backend.kernel_for(numpy.zeros(1), "conv2d") is None:
        pytest.skip("runs without kernels")
    orders = Orders()
    for layer in vars(layers).values():
        if isinstance(layer, type) and dataclasses.is_dataclass(layer):
            monkeypatch.setattr(layer, "forward", orders.watched(layer.forward))  # type: ignore[attr-defined]
    preset = models.preset(name)
    model = Model(preset.layers, input_shape=preset.input_shape)
    raw = numpy.zeros((6, *preset.input_shape), numpy.uint8)
    (x, _), *_ = model.network.samples(raw, None).batches(6)
    ctx = Context(True, True, 1, lambda path, step, shape: random.uniform(1, step, shape))
    y, _, back = model.layers.forward(model.params, model.buffers, x, ctx)
    back(numpy.ones_like(y), want_dx=False)
    assert orders.lost == []
    assert orders.images > 0 or name == "xor"  # 1 x 1 images have no order


def test_layers_that_no_preset_has_keep_batch_last() -> None:
    backend.load("numpy")
    if backend.kernel_for(numpy.zeros(1), "conv2d") is None:
        pytest.skip("runs without kernels")
    gate = layers.Sequential([layers.GlobalAvgPool2D(), layers.Dense(4), layers.HardSigmoid()])
    for layer in (layers.Multiply(gate), layers.AdaptiveMaxPool2D((3, 5)), layers.ReLU6()):
        params, buffers, _ = layer.init((4, 6, 5), Draw(0))
        x = numpy.zeros((4, 6, 5, 3), "float32").transpose(3, 0, 1, 2)
        y, _, back = layer.forward(params, buffers, x, Context(True, grad=True))
        dy = numpy.zeros((*y.shape[1:], 3), "float32").transpose(3, 0, 1, 2)
        assert is_batch_last(y), layer
        assert is_batch_last(back(dy)[0]), layer


def test_a_lost_order_is_seen() -> None:
    orders = Orders()
    orders.see("here", numpy.zeros((2, 3, 4, 5)))
    assert orders.lost == ["here (2, 3, 4, 5)"]
