"""Weights with the names of torchvision and timm: names, layouts, values to the bit, mismatches."""

import shlex
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy
import pytest
from safetensors.numpy import load_file, save_file

import xpcnn
from tests.io.onnx.runtime import assert_close, model_of, samples
from tests.presets import narrow
from xpcnn.config import toml
from xpcnn.config.preset import Preset
from xpcnn.config.tables import to_config
from xpcnn.errors import CheckpointError, ConfigError
from xpcnn.io.foreign.names import NETWORKS
from xpcnn.io.pickles import refuse_pickle
from xpcnn.layers import Dense, Flatten
from xpcnn.types import flatten

PRESETS = {
    "resnet18": "resnet18",
    "resnet18-cifar": "resnet18",
    "resnet34": "resnet34",
    "resnet50": "resnet50",
    "vgg11": "vgg11",
    "vgg13-bn": "vgg13_bn",
    "vgg16": "vgg16",
    "vgg16-bn": "vgg16_bn",
    "mobilenet-v2": "mobilenet_v2",
    "efficientnet-lite0": "efficientnet_lite0",
}


def narrow_file(name: str, path: Path) -> Path:
    """Write a narrow form of a preset as a TOML file."""
    found = narrow(name)
    table = xpcnn.models.preset(name).table
    text = toml.write(table | {"input_shape": [3, 48, 48], "layers": _tables(found)})
    path.write_text(text, encoding="utf-8")
    return path


def _tables(found: Preset) -> Any:
    layers = to_config(found.layers)["layers"]
    layers[-1]["units"] = "classes"
    return layers


def narrow_model(name: str) -> xpcnn.Model:
    found = narrow(name)
    return model_of(found.layers, found.input_shape)


def test_names_by_eye() -> None:
    names = {key: [name for name, _ in value] for key, value in NETWORKS.items()}
    assert names["resnet18"][:5] == [
        *("conv1", "bn1", "layer1.0.conv1", "layer1.0.bn1", "layer1.0.conv2")
    ]
    assert names["resnet18"][9:17] == [
        *("layer1.1.bn2", "layer2.0.conv1", "layer2.0.bn1", "layer2.0.conv2", "layer2.0.bn2"),
        *("layer2.0.downsample.0", "layer2.0.downsample.1", "layer2.1.conv1"),
    ]
    assert names["resnet50"][2:10] == [
        *("layer1.0.conv1", "layer1.0.bn1", "layer1.0.conv2", "layer1.0.bn2"),
        *("layer1.0.conv3", "layer1.0.bn3", "layer1.0.downsample.0", "layer1.0.downsample.1"),
    ]
    assert names["vgg11"] == [
        *(f"features.{i}" for i in (0, 3, 6, 8, 11, 13, 16, 18)),
        *(f"classifier.{i}" for i in (0, 3, 6)),
    ]
    assert names["vgg16_bn"][:6] == [f"features.{i}" for i in (0, 1, 3, 4, 7, 8)]
    assert names["mobilenet_v2"][:8] == [
        *("features.0.0", "features.0.1", "features.1.conv.0.0", "features.1.conv.0.1"),
        *("features.1.conv.1", "features.1.conv.2", "features.2.conv.0.0", "features.2.conv.0.1"),
    ]
    assert names["efficientnet_lite0"][2:8] == [
        *("blocks.0.0.conv_dw", "blocks.0.0.bn1", "blocks.0.0.conv_pw", "blocks.0.0.bn2"),
        *("blocks.1.0.conv_pw", "blocks.1.0.bn1"),
    ]
    assert len({tuple(kind for _, kind in value) for value in NETWORKS.values()}) == len(NETWORKS)


@pytest.mark.parametrize("name", PRESETS)
def test_there_and_back(name: str, tmp_path: Path) -> None:
    model = narrow_model(name)
    xpcnn.export_pytorch(model, tmp_path / "w.safetensors")
    tensors = load_file(tmp_path / "w.safetensors")
    names = NETWORKS[PRESETS[name]]
    assert {key.rpartition(".")[0] for key in tensors} == {at for at, _ in names}
    last = tensors[f"{names[-1][0]}.weight"]
    weights = model.get_weights()
    numpy.testing.assert_array_equal(last.T, weights[[*flatten(model.params)][-2]])
    file = narrow_file(name, tmp_path / "narrow.toml")
    again = xpcnn.import_pytorch(tmp_path / "w.safetensors", file, classes=list("abcde"))
    for path, x in again.get_weights().items():
        numpy.testing.assert_array_equal(x, weights[path])
    assert again.provenance["network"] == PRESETS[name]
    assert again.reading is not None
    assert again.reading.shape == (3, 48, 48)
    assert again.classes == tuple("abcde")
    half = name == "efficientnet-lite0"
    assert again.mean == ((127.5,) * 3 if half else (123.675, 116.28, 103.53))
    xpcnn.export_pytorch(again, tmp_path / "again.safetensors")
    first, second = ((tmp_path / f"{x}.safetensors").read_bytes() for x in ("w", "again"))
    assert first == second


def test_pytorch_computes_the_same(tmp_path: Path) -> None:
    """A residual network written in PyTorch reads the file and gives the same scores."""
    torch = pytest.importorskip("torch", reason="torch: not installed")
    nn = torch.nn

    class Block(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self, c: int, f: int, stride: int) -> None:
            super().__init__()
            self.conv1, self.bn1 = nn.Conv2d(c, f, 3, stride, 1, bias=False), nn.BatchNorm2d(f)
            self.conv2, self.bn2 = nn.Conv2d(f, f, 3, 1, 1, bias=False), nn.BatchNorm2d(f)
            self.downsample = None
            if c != f:
                short = nn.Conv2d(c, f, 1, stride, bias=False)
                self.downsample = nn.Sequential(short, nn.BatchNorm2d(f))

        def forward(self, x: Any) -> Any:
            y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
            return torch.relu(y + (x if self.downsample is None else self.downsample(x)))

    class ResNet18(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.conv1, self.bn1 = nn.Conv2d(3, 8, 7, 2, 3, bias=False), nn.BatchNorm2d(8)
            c = 8
            for i, f in enumerate((8, 16, 32, 64), 1):
                blocks = nn.Sequential(Block(c, f, 1 if i == 1 else 2), Block(f, f, 1))
                setattr(self, f"layer{i}", blocks)
                c = f
            self.fc = nn.Linear(64, 5)

        def forward(self, x: Any) -> Any:
            x = nn.functional.max_pool2d(torch.relu(self.bn1(self.conv1(x))), 3, 2, 1)
            for i in range(1, 5):
                x = getattr(self, f"layer{i}")(x)
            return self.fc(x.mean((2, 3)))

    model = narrow_model("resnet18")
    xpcnn.export_pytorch(model, tmp_path / "w.safetensors")
    network = ResNet18().eval()
    tensors = load_file(tmp_path / "w.safetensors")
    network.load_state_dict({name: torch.from_numpy(x) for name, x in tensors.items()})
    x = samples(3, (3, 48, 48))
    with torch.no_grad():
        expected = network(torch.from_numpy(x)).numpy()
    assert_close(model.predict_scores(x), expected)


def refusal(path: Path, name: str, tmp_path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        xpcnn.import_pytorch(path, narrow_file(name, tmp_path / "narrow.toml"))
    return str(caught.value)


def test_every_mismatch_is_listed(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    xpcnn.export_pytorch(narrow_model("resnet18"), path)
    tensors = load_file(path)
    del tensors["bn1.running_mean"]
    tensors |= {"head.bias": numpy.zeros(2, "f4"), "conv1.weight": numpy.zeros((8, 3, 5, 5), "f4")}
    save_file(tensors, path)
    assert refusal(path, "resnet18", tmp_path) == (
        f"{path}: the tensors do not fit the model: conv1.weight is (8, 3, 5, 5) float32, expected "
        "(8, 3, 7, 7) float32; bn1.running_mean (8,) float32 is missing; head.bias (2,) float32 is "
        "unknown\nTry: the network that the file is of: resnet18"
    )
    text = refusal(path, "resnet34", tmp_path)
    assert "layer1.2.conv1.weight (8, 8, 3, 3) float32 is missing" in text
    assert text.endswith("\nTry: the network that the file is of: resnet18")
    assert "has no classifier.weight, which efficientnet_lite0 ends with" in refusal(
        path, "efficientnet-lite0", tmp_path
    )


def test_the_advice_names_the_network_of_the_file(tmp_path: Path) -> None:
    """ResNet-34 has all the names of ResNet-18, and more."""
    path = tmp_path / "w.safetensors"
    xpcnn.export_pytorch(narrow_model("resnet34"), path)
    text = refusal(path, "resnet18", tmp_path)
    assert text.endswith("\nTry: the network that the file is of: resnet34")


def test_advice_for_names_and_numbers_that_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    xpcnn.export_pytorch(narrow_model("resnet18"), path)
    tensors = load_file(path)
    save_file({name: x.astype("f2") for name, x in tensors.items()}, path)
    assert refusal(path, "resnet18", tmp_path).endswith(
        "\nTry: weights of float32: {name: x.float() for name, x in network.state_dict().items()}"
    )
    save_file(tensors | {"step": numpy.array(3)}, path)
    text = refusal(path, "resnet18", tmp_path)
    assert text.endswith("step () I64 is unknown\nTry: the network that the file is of: resnet18")


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "model.backbone."])
def test_names_with_a_prefix(tmp_path: Path, prefix: str) -> None:
    """As of DataParallel, of torch.compile, and of a network inside another."""
    path, file = tmp_path / "w.safetensors", narrow_file("resnet18", tmp_path / "narrow.toml")
    model = narrow_model("resnet18")
    xpcnn.export_pytorch(model, path)
    tensors = {prefix + name: x for name, x in load_file(path).items()}
    save_file(tensors, path)
    again = xpcnn.import_pytorch(path, file).get_weights()
    assert all((again[name] == x).all() for name, x in model.get_weights().items())
    del tensors[prefix + "bn1.running_mean"]
    save_file(tensors | {"head.bias": numpy.zeros(2, "f4")}, path)
    assert refusal(path, "resnet18", tmp_path) == (
        f"{path}: the tensors do not fit the model: {prefix}bn1.running_mean (8,) float32 is "
        "missing; head.bias (2,) float32 is unknown\nTry: the network that the file is of: resnet18"
    )
    assert refusal(path, "resnet34", tmp_path).endswith("the file is of: resnet18")


def test_a_pickle_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "my net.pth"
    for start in (b"PK\x03\x04", b"\x80\x02"):
        path.write_bytes(start + bytes(60))
        text = refusal(path, "resnet18", tmp_path)
        assert text.startswith(f"{path} is a pickle, which can run code, and is not read\nTry: py")
        assert text.endswith(f"sys.argv[2])\" '{path}' 'my net.safetensors'")


@pytest.mark.parametrize("key", [None, "state_dict", "model"])
def test_the_line_that_converts_a_pickle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str | None
) -> None:
    """The weights alone, of a checkpoint with an optimizer, arguments and the epoch too."""
    torch = pytest.importorskip("torch", reason="torch: not installed")
    weights, other = {"w": torch.ones(2), "b": torch.zeros(1)}, torch.ones(3)
    state = {"state": {0: {"momentum_buffer": other}}, "param_groups": [{"lr": 0.1}]}
    saved = {"epoch": 3, "args": Namespace(lr=0.1), "loops": {}, "optimizer": state, key: weights}
    torch.save(weights if key is None else saved, tmp_path / "net.pth")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError) as caught:
        refuse_pickle(Path("net.pth"))
    _, _, command = str(caught.value).partition("\nTry: ")
    _, _, program, *arguments = shlex.split(command)
    monkeypatch.setattr(sys, "argv", ["-c", *arguments])
    exec(program, {})
    found = load_file("net.safetensors")
    assert {name: x.tolist() for name, x in found.items()} == {"w": [1, 1], "b": [0]}


@pytest.mark.parametrize("length", [640, 19280])  # whose bytes are those of a pickle and of a zip
def test_weights_whose_header_begins_like_a_pickle(tmp_path: Path, length: int) -> None:
    path = tmp_path / "net.safetensors"
    save_file({"a": numpy.zeros(1, numpy.float32)}, path)
    content = path.read_bytes()
    header = content[8 : 8 + int.from_bytes(content[:8], "little")]
    path.write_bytes(length.to_bytes(8, "little") + header.ljust(length) + bytes(4))
    assert "has no fc.weight, which resnet18 ends with" in refusal(path, "resnet18", tmp_path)


def test_what_is_no_file_of_weights(tmp_path: Path) -> None:
    model = narrow_model("resnet18")
    model.save(tmp_path / "own.safetensors")
    assert "is a model of xpcnn" in refusal(tmp_path / "own.safetensors", "resnet18", tmp_path)
    (tmp_path / "cut.safetensors").write_bytes(bytes(40))
    assert "not a complete safetensors" in refusal(
        tmp_path / "cut.safetensors", "resnet18", tmp_path
    )
    xpcnn.export_pytorch(model, tmp_path / "w.safetensors")
    tensors = load_file(tmp_path / "w.safetensors")
    tensors["fc.bias"][0] = numpy.nan
    save_file(tensors, tmp_path / "w.safetensors")
    assert "fc.bias hold NaN" in refusal(tmp_path / "w.safetensors", "resnet18", tmp_path)
    for shape in ((), (0, 64), (1 << 40, 0)):
        save_file({"fc.weight": numpy.zeros(shape, "f4")}, tmp_path / "head.safetensors")
        text = refusal(tmp_path / "head.safetensors", "resnet18", tmp_path)
        assert f"fc.weight has shape {shape}, expected (classes, inputs)" in text
    other = xpcnn.Model([Flatten(), Dense(2)], input_shape=(3,))
    with pytest.raises(ConfigError, match="is none of those whose names in PyTorch are known\nTry"):
        xpcnn.export_pytorch(other, tmp_path / "w.safetensors")
