"""ONNX files that lie: places of data, sizes, names, depth. Every one is rejected with advice."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper

import xpcnn
from tests.io.onnx.test_import import written
from xpcnn.errors import CheckpointError
from xpcnn.io.onnx.importing import folding

GATED = "a = Flatten(x)  y = MatMul(a, m)"


def model(tmp_path: Path) -> ModelProto:
    return onnx.load(written(tmp_path / "m.onnx", GATED, {"m": numpy.ones((72, 2))}))


def refusal(found: ModelProto, path: Path) -> str:
    path.write_bytes(found.SerializeToString())
    with pytest.raises(CheckpointError) as caught:
        xpcnn.import_onnx(path)
    assert "\nTry: " in str(caught.value)
    return str(caught.value)


def external(found: ModelProto, location: str, **more: int) -> ModelProto:
    """Put the matrix into another file."""
    tensor = found.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **more}.items():
        tensor.external_data.add(key=key, value=str(value))
    return found


def test_external_data(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"12345678" + numpy.full((72, 2), 2.0, "f4").tobytes())
    found = external(model(tmp_path), "data", offset=8)
    (tmp_path / "m.onnx").write_bytes(found.SerializeToString())
    opened = xpcnn.import_onnx(tmp_path / "m.onnx")
    assert opened.predict_scores(numpy.ones((1, 2, 6, 6), "f4")).tolist() == [[144, 144]]


@pytest.mark.parametrize(
    "place", ["../data", "{}/../data", "/etc/passwd", "link", "sub/../../data"]
)
def test_external_data_elsewhere(place: str, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "data").write_bytes(bytes(1000))
    (folder / "link").symlink_to(tmp_path / "data")
    found = external(model(folder), place.format(folder))
    assert "has its data outside of the folder" in refusal(found, folder / "m.onnx")


@pytest.mark.parametrize(
    "more", [{"offset": 430}, {"offset": -1}, {"length": 9**20}, {"length": 4}]
)
def test_external_data_of_another_size(more: dict[str, int], tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(bytes(1000))
    assert "of 1,000 for 576" in refusal(external(model(tmp_path), "data", **more), tmp_path / "m")


def test_external_data_in_many_tensors_at_one_place(tmp_path: Path) -> None:
    found = external(model(tmp_path), "data")
    for i in range(3):
        tensor = found.graph.initializer.add()
        tensor.CopyFrom(found.graph.initializer[0])
        tensor.name, tensor.dims[0] = f"more{i}", 1 << 27
    assert "has 3,221,226,048 bytes of external data, more" in refusal(found, tmp_path / "m.onnx")


@pytest.mark.parametrize(
    ("nodes", "text"),
    [
        ("a = ConstantOfShape(e)  b = Neg(a)  y = Add(x, b)", "computed ahead are too many"),
        ("a = Concat(m, m, m, m, m, m, m)  y = Add(x, a)", "it makes a constant of 1,008 elem"),
        ("a = Where(t, u, u)  y = Add(x, a)", "it makes a constant of 1,600 elem"),
    ],
)
def test_constants_that_grow(
    nodes: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folding, "MOST", 1000)
    constants = {"e": [1000], "m": numpy.ones((72, 2)), "t": numpy.ones((40, 1)), "u": [[1] * 40]}
    used = {name: x for name, x in constants.items() if f"{name}," in nodes or f"({name}" in nodes}
    path = written(tmp_path / "m.onnx", nodes, used)
    assert text in refusal(onnx.load(path), path)


@pytest.mark.skipif(os.name != "posix", reason="pipes as POSIX has them")
def test_external_data_in_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    found = external(model(tmp_path), "pipe")
    assert "is a pipe or a device" in refusal(found, tmp_path / "m.onnx")


def _dims(found: ModelProto) -> None:
    found.graph.initializer[0].dims[:] = [1 << 40, 1 << 40]


def _negative(found: ModelProto) -> None:
    found.graph.initializer[0].dims[:] = [-72, -2]


def _short(found: ModelProto) -> None:
    found.graph.initializer[0].raw_data = bytes(12)


def _twice(found: ModelProto) -> None:
    found.graph.node[1].output[0] = "a"


def _circle(found: ModelProto) -> None:
    found.graph.node[0].input[0] = "y"


def _no_nodes(found: ModelProto) -> None:
    del found.graph.node[:]


def _two_inputs(found: ModelProto) -> None:
    found.graph.input.add(name="z")


def _other_domain(found: ModelProto) -> None:
    found.graph.node[0].domain = "evil"


def _many_nodes(found: ModelProto) -> None:
    found.graph.node.extend(helper.make_node("Relu", ["x"], [f"r{i}"]) for i in range(100_001))


def _metadata(found: ModelProto) -> None:
    found.producer_name = "xpcnn"
    found.metadata_props.add(key="classes", value='["a", 3]')


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (_dims, "which no tensor in a file can have"),
        (_negative, "which no tensor in a file can have"),
        (_short, "12 bytes for (72, 2) float32"),
        (_twice, "'a' is made twice"),
        (_circle, "its input 'y' is made by no node before it"),
        (_no_nodes, "it has no nodes"),
        (_two_inputs, "has the inputs 'x', 'z', expected one"),
        (_other_domain, "evil.Flatten (a): there is no such layer"),
        (_many_nodes, "has 100,003 nodes"),
        (_metadata, "expected a list of two names or more"),
    ],
)
def test_what_lies(damage: Callable[[ModelProto], None], text: str, tmp_path: Path) -> None:
    found = model(tmp_path)
    damage(found)
    assert text in refusal(found, tmp_path / "m.onnx")


def test_no_onnx_file(tmp_path: Path) -> None:
    for content in (b"", b"\x00" * 99, b"PK\x03\x04"):
        (tmp_path / "m.onnx").write_bytes(content)
        text = "is not a complete ONNX file|is no ONNX file of "
        with pytest.raises(CheckpointError, match=text):
            xpcnn.import_onnx(tmp_path / "m.onnx")


def test_branches_in_branches_and_many_of_them(tmp_path: Path) -> None:
    """y = x + f(x + f(x + ...)): deep; and a ladder of sums that share all that is before them."""
    deep = [helper.make_node("Relu", [f"a{i}"], [f"a{i + 1}"]) for i in range(200)]
    back = [helper.make_node("Add", [f"a{199 - i}", f"b{i}"], [f"b{i + 1}"]) for i in range(200)]
    last = [helper.make_node("Flatten", ["b200"], ["y"])]
    found = model(tmp_path)
    found.graph.input[0].name = "a0"
    del found.graph.node[:]
    found.graph.node.extend([*deep, helper.make_node("Identity", ["a200"], ["b0"]), *back, *last])
    assert "branches are nested more than 50 deep" in refusal(found, tmp_path / "m.onnx")
    del found.graph.node[:]
    found.graph.node.append(helper.make_node("Relu", ["a0"], ["a1"]))
    ladder = [
        helper.make_node("Add", [f"a{i}", f"a{i // 2}"], [f"a{i + 1}"]) for i in range(1, 9000)
    ]
    found.graph.node.extend([*ladder, helper.make_node("Flatten", ["a9000"], ["y"])])
    start = time.process_time()
    refusal(found, tmp_path / "m.onnx")
    assert time.process_time() - start < 5
