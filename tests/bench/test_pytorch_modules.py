"""Our networks built in PyTorch: the same outputs, whatever the layer, the loss and the weights."""

from typing import Any

import numpy
import pytest

from tests.gpu.networks import presets
from xpcnn import layers
from xpcnn.errors import BackendError
from xpcnn.initializers import Draw
from xpcnn.layers import Context, Layer, Sequential
from xpcnn.layers.rebuilding import without_dropout
from xpcnn.losses import MSE, BCEWithLogits, Loss, SoftmaxCrossEntropy
from xpcnn.models import Preset
from xpcnn.types import Params, Shape, flatten, unflatten_like

torch: Any = pytest.importorskip("torch")
modules: Any = pytest.importorskip("xpcnn.benchmark.pytorch.modules")

NETWORKS: dict[str, list[Layer]] = {
    "rows": [layers.Flatten(), layers.Dense(5, bias=False), layers.BatchNorm(), layers.PReLU()],
    "images": [
        layers.Conv2D(4, 3, stride=(2, 1), padding=(1, 2), groups=2),
        layers.MinPool2D(2, stride=1, padding=1),
        layers.GlobalMaxPool2D(),
    ],
    "uneven padding": [
        layers.Conv2D(4, 2, padding="same", dilation=3),
        layers.Conv2D(4, 3, padding="same", stride=3),
        layers.GlobalAvgPool2D(),
    ],
    "adaptive": [layers.AdaptiveMaxPool2D((5, 4)), layers.AdaptiveAvgPool2D((3, 2))],
    "mobile": [
        layers.DepthwiseConv2D(3, multiplier=2, padding=1, stride=2),
        layers.GroupNorm(2),
        layers.SpatialDropout(0.0),
    ],
    "larger": [
        layers.ConvTranspose2D(4, 3, stride=2, padding=1, output_padding=1, groups=2),
        layers.LayerNorm(),
        layers.Upsample((1, 2), "bilinear"),
    ],
    "ceil": [layers.AvgPool2D(2, ceil_mode=True, count_include_pad=False), layers.Flatten()],
    "reshape": [layers.Flatten(), layers.Reshape((6, 2, 7)), layers.Conv2D(2, 2), layers.Flatten()],
    "branches": [
        layers.Residual(Sequential([layers.Conv2D(2, 1), layers.BatchNorm()])),
        layers.Multiply(Sequential([layers.GlobalAvgPool2D(), layers.Dense(2), layers.Sigmoid()])),
        layers.Multiply(layers.Conv2D(1, 1), layers.Conv2D(3, 1)),
        layers.Concat([layers.ReLU(), layers.MaxPool2D(3, stride=1, padding=1)]),
        layers.Flatten(),
    ],
}


@pytest.mark.parametrize("net", NETWORKS.values(), ids=NETWORKS)
def test_twins_in_pytorch(net: list[Layer]) -> None:
    check_module(Sequential(net))


@pytest.mark.parametrize("found", presets(), ids=lambda found: found.name)
def test_twins_of_presets(found: Preset) -> None:
    check_module(without_dropout(found.layers), found.input_shape)


def test_twins_of_elementwise_layers() -> None:
    others: dict[type, Layer] = {
        layers.Dropout: layers.Dropout(0.0),
        layers.SpatialDropout: layers.SpatialDropout(0.0),
        layers.Reshape: layers.Reshape((7, 6, 2)),
    }
    for kind in modules.ELEMENTWISE:
        check_module(others.get(kind) or kind())


def check_module(layer: Layer, shape: Shape = (2, 7, 6)) -> None:
    """Compare outputs in training and, with the running statistics from there, in inference."""
    params, buffers, _ = layer.init(shape, Draw(0))
    params, buffers = moved_off(params), moved_off(buffers)
    module = modules.module_of(layer, params, buffers)
    module.double()
    x = numpy.random.default_rng(3).standard_normal((3, *shape))
    for training in (True, False):
        module.train(training)
        y, buffers, _ = layer.forward(params, buffers, x, Context(training))
        with torch.no_grad():
            expected = module(torch.from_numpy(x)).numpy()
        numpy.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-12)


def moved_off(tree: Params) -> Params:
    """Return float64 arrays away from the ones and zeros that they start with."""
    rng = numpy.random.default_rng(1)
    flat = {path: x + rng.uniform(0.1, 0.5, x.shape) for path, x in flatten(tree).items()}
    return unflatten_like(tree, flat)


@pytest.mark.parametrize(
    ("loss", "outputs"),
    [
        (SoftmaxCrossEntropy(label_smoothing=0.1), 3),
        (BCEWithLogits(), 3),
        (BCEWithLogits(), 1),
        (MSE(), 3),
        (MSE(), 1),
    ],
    ids=repr,
)
def test_losses(loss: Loss, outputs: int) -> None:
    scores = numpy.random.default_rng(0).standard_normal((4, outputs))
    labels = numpy.asarray([0, 1, 1, 0])
    theirs = modules.loss_of(loss)(torch.from_numpy(scores), torch.from_numpy(labels))
    assert float(loss(scores, labels)[0]) == pytest.approx(float(theirs), rel=1e-12)


def test_what_pytorch_lacks_is_refused_by_name() -> None:
    uneven = layers.MaxPool2D(2, padding=((0, 1), (0, 1)))
    with pytest.raises(BackendError, match=r"no padding \(\(0, 1\), .* of MaxPool2D"):
        modules.module_of(uneven, {}, {})
    with pytest.raises(BackendError, match="no padding same of MaxPool2D"):
        modules.module_of(layers.MaxPool2D(3, padding="same"), {}, {})
    own = layers.Activation(lambda x: x, lambda x: x)
    with pytest.raises(BackendError, match="PyTorch has no Activation"):
        modules.module_of(own, {}, {})
