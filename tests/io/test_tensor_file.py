"""The safetensors file: its bytes, and every way in which one that is read can be wrong."""

import json
from pathlib import Path
from typing import Any

import numpy
import pytest
from safetensors.numpy import save

from xpcnn.errors import CheckpointError
from xpcnn.io.tensor_file import FORMAT, Spec, Tensors, check_tensors, read, write

AGAIN = "\nTry: get the file again, or an earlier copy: it may be cut off or damaged"


def tensors() -> Tensors:
    return {
        "layers.1.weight": numpy.arange(6, dtype=numpy.float32).reshape(2, 3),
        "layers.0.weight": numpy.arange(24, dtype=numpy.float64).reshape(2, 3, 4),
        "scale": numpy.asarray(2.5, dtype=numpy.float32),
        "none": numpy.zeros((0, 3), dtype=numpy.float32),
        "step": numpy.asarray([7], dtype=numpy.int64),
    }


def rewrite(path: Path, metadata: dict[str, str] | None, **arrays: numpy.ndarray) -> Path:
    """Write a safetensors file that xpcnn might not have written."""
    path.write_bytes(save(arrays, metadata))
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "m.safetensors"


def test_tensors_and_metadata_come_back(path: Path) -> None:
    metadata = {"layers": [1, "ü\ud800", None, 0.1], "a": {"b": True}}
    write(path, tensors(), metadata)
    again, found = read(path)
    assert found == metadata
    assert set(again) == set(tensors())
    for name, x in tensors().items():
        numpy.testing.assert_array_equal(again[name], x, strict=True)
        assert again[name].flags.c_contiguous


def test_any_memory_order_is_written_as_it_reads(path: Path) -> None:
    x = numpy.arange(24, dtype=numpy.float32).reshape(2, 3, 4)
    views = {"t": x.transpose(2, 0, 1), "s": x[:, ::2, ::-1], "f": numpy.asfortranarray(x)}
    write(path, views, {})
    again, _ = read(path)
    for name, view in views.items():
        numpy.testing.assert_array_equal(again[name], view, strict=True)


def test_the_same_model_gives_the_same_bytes(path: Path) -> None:
    write(path, tensors(), {"b": 1, "a": {"d": 2, "c": 3}})
    first = path.read_bytes()
    write(path, dict(reversed(tensors().items())), {"a": {"c": 3, "d": 2}, "b": 1})
    assert path.read_bytes() == first
    length = int.from_bytes(first[:8], "little")
    header = json.loads(first[8 : 8 + length])
    assert list(header["__metadata__"]) == ["xpcnn"]
    assert json.loads(header["__metadata__"]["xpcnn"])["format"] == FORMAT == 2


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_values_that_are_not_finite_go_neither_way(path: Path, bad: float) -> None:
    write(path, tensors(), {})
    before = path.read_bytes()
    broken = tensors()
    broken["layers.0.weight"][1, 2, 3] = broken["scale"][...] = bad
    text = (
        f"{path}: NaN or infinity in layers.0.weight, scale\n"
        "Try: an earlier state of the model, and a smaller learning rate or clip_norm=1.0"
    )
    with pytest.raises(CheckpointError) as caught:
        write(path, broken, {})
    assert str(caught.value) == text
    assert path.read_bytes() == before
    rewrite(path, {"xpcnn": '{"format": 1}'}, **broken)
    with pytest.raises(CheckpointError) as caught:
        read(path)
    assert str(caught.value) == text


@pytest.mark.parametrize("value", [{1, 2}, float("nan"), numpy.float32(1), {(1, 2): 3}])
def test_metadata_must_be_json(path: Path, value: Any) -> None:
    with pytest.raises(CheckpointError, match=r"cannot be written: the metadata is not JSON: "):
        write(path, tensors(), {"value": value})
    assert not path.exists()


def test_a_file_cut_off_at_any_byte_is_refused(path: Path) -> None:
    write(path, tensors(), {"layers": []})
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        text = "is not a complete safetensors file: "
        with pytest.raises(CheckpointError, match=text) as caught:
            read(path)
        assert str(caught.value).startswith(str(path))
        assert str(caught.value).endswith(AGAIN)
    path.write_bytes(whole + b"more")
    with pytest.raises(CheckpointError, match=r"is not a complete safetensors file: "):
        read(path)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"PK\x03\x04 zip", r"is a pickle, which can run code, .*\nTry: python -c .*torch\.load"),
        (b"\x80\x04\x95 pickle" * 9, "is a pickle, which can run code, and is not read"),
        (b"\0" * 99, "is not a complete safetensors file: "),
    ],
)
def test_other_files_are_refused(path: Path, content: bytes, told: str) -> None:
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=told):
        read(path)


def test_an_onnx_file_is_imported(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"\x08\x08\x12\x05xpcnn")
    with pytest.raises(CheckpointError, match=r"m.onnx is an ONNX file, .*\nTry: xpcnn import "):
        read(tmp_path / "m.onnx")


def test_a_toml_file_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "model.toml").write_text("classes = 10")
    with pytest.raises(CheckpointError, match=r"model.toml is a TOML file, expected a model file"):
        read(tmp_path / "model.toml")


def test_a_missing_file_and_a_folder_are_said(tmp_path: Path) -> None:
    path = tmp_path / "none.safetensors"
    with pytest.raises(CheckpointError) as caught:
        read(path)
    assert str(caught.value) == f"{path}: there is no such file\nTry: check the path"
    with pytest.raises(CheckpointError) as caught:
        read(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path} is a folder, expected a model file\n"
        "Try: the file in it that ends in .safetensors"
    )
    write(tmp_path / "model.safetensors", {}, {})
    with pytest.raises(CheckpointError, match=rf"\nTry: {tmp_path}/model.safetensors$"):
        read(tmp_path)


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}])
def test_files_of_others_are_refused(path: Path, metadata: dict[str, str] | None) -> None:
    rewrite(path, metadata, **tensors())
    with pytest.raises(CheckpointError) as caught:
        read(path)
    assert str(caught.value) == (
        f"{path} was not written by xpcnn: it has no metadata 'xpcnn'\n"
        "Try: a file written by Model.save; for weights of PyTorch, xpcnn.import_pytorch, or "
        "model.set_weights with arrays by path"
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "the metadata is not JSON: "),
        ('{"format": 1', "the metadata is not JSON: "),
        ("[" * 100_000, "the metadata is not JSON: "),
        ("9" * 10_000, "the metadata is not JSON: "),
        ("[]", "the metadata has no format version"),
        ("{}", "the metadata has no format version"),
        ('{"format": "1"}', "the metadata has no format version"),
        ('{"format": true}', "the metadata has no format version"),
        ('{"format": 0}', "the metadata has no format version"),
    ],
)
def test_damaged_metadata_is_refused(path: Path, text: str, problem: str) -> None:
    rewrite(path, {"xpcnn": text}, **tensors())
    with pytest.raises(CheckpointError) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: {problem}")
    assert str(caught.value).endswith(AGAIN)


def test_all_that_does_not_fit_is_listed_before_anything_is_read(path: Path) -> None:
    write(path, tensors(), {"x": 1})
    got = {name: Spec(x.shape, x.dtype.name) for name, x in tensors().items()}

    def expect(metadata: dict[str, Any]) -> dict[str, Spec]:
        assert metadata == {"x": 1}
        return {
            "layers.0.weight": Spec((2, 3, 4), "float32"),
            "layers.1.weight": Spec((2, 4), "float32"),
            "layers.2.bias": Spec((5,), "float32"),
            "none": got["none"],
            "step": got["step"],
        }

    with pytest.raises(CheckpointError) as caught:
        read(path, expect)
    assert str(caught.value) == (
        f"{path}: the tensors do not fit the model: "
        "layers.0.weight is (2, 3, 4) float64, expected (2, 3, 4) float32; "
        "layers.1.weight is (2, 3) float32, expected (2, 4) float32; "
        "layers.2.bias (5,) float32 is missing; "
        "scale () float32 is unknown\n"
        "Try: the file of the model that these tensors belong to"
    )
    assert read(path, lambda _: got)[0].keys() == got.keys()


def test_a_long_list_of_problems_is_cut() -> None:
    many = {f"t{i:02}": Spec((1,), "float32") for i in range(30)}
    with pytest.raises(CheckpointError, match=r"t19 \(1,\) float32 is unknown; and 10 more\nTry"):
        check_tensors("here", {}, many)
    check_tensors("here", many, dict(reversed(many.items())))


def test_dtypes_that_numpy_lacks_are_refused(path: Path) -> None:
    header = json.dumps(
        {
            "__metadata__": {"xpcnn": '{"format": 1}'},
            "w": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]},
        }
    ).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"\0" * 4)
    with pytest.raises(CheckpointError, match="w has the dtype BF16, which is not read"):
        read(path)
    with pytest.raises(CheckpointError, match=r"w is \(2,\) BF16, expected \(2,\) float32"):
        read(path, lambda _: {"w": Spec((2,), "float32")})
