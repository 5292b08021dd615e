"""Parquet files in the layout of Hugging Face's data sets."""

import copy
import io
import json
import pickle
from pathlib import Path
from typing import Any

import numpy
import pytest

import xpcnn
from xpcnn.data.streams.parquet_index import index_of
from xpcnn.data.streams.stream import Stream
from xpcnn.errors import DataError, LabelError

image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
arrow: Any = pytest.importorskip("pyarrow", reason="PyArrow is not installed")
parquet: Any = pytest.importorskip("pyarrow.parquet", reason="PyArrow is not installed")


def png(value: int) -> bytes:
    out = io.BytesIO()
    image.fromarray(numpy.full((3, 2), value, numpy.uint8)).save(out, "PNG")
    return out.getvalue()


def written(path: Path, values: list[int], labels: Any, names: list[str] | None = None) -> Path:
    """Write a picture of equal pixels for each value, in groups of two rows."""
    pictures = [{"bytes": png(value), "path": None} for value in values]
    table = arrow.table({"image": pictures, "label": labels})
    if names is not None:
        features = {"label": {"names": names, "_type": "ClassLabel"}}
        told = json.dumps({"info": {"features": features}})
        table = table.replace_schema_metadata({"huggingface": told})
    parquet.write_table(table, path, row_group_size=2)
    return path


def test_pictures_labels_and_names_of_classes(tmp_path: Path) -> None:
    written(tmp_path / "train-00000-of-00001.parquet", [1, 2, 3], [1, 0, 1], ["cat", "dog"])
    written(tmp_path / "test-00000-of-00001.parquet", [4, 5], [0, 1], ["cat", "dog"])
    index, rows, classes = index_of(tmp_path)
    assert (index.labels.tolist(), classes) == ([0, 1, 1, 0, 1], ("cat", "dog"))
    assert {name: own.tolist() for name, own in rows.items()} == {
        "test": [0, 1],
        "train": [2, 3, 4],
    }
    assert index.file(4).content == png(3)
    assert index.file(4).name.endswith("train-00000-of-00001.parquet: picture 0 of group 1")
    train, test = xpcnn.data.load(tmp_path, stream=True)
    assert isinstance(train.images, Stream)
    for again in (copy.deepcopy(train), pickle.loads(pickle.dumps(train))):
        assert again.digest() == train.digest()
        assert (again.images[:] == train.images[:]).all()
    assert train.images[:][:, 0, 0, 0].tolist() == [1, 2, 3]
    assert (xpcnn.data.load(tmp_path)[1].images == test.images[:]).all()


def test_files_that_differ(tmp_path: Path) -> None:
    first = written(tmp_path / "train-0.parquet", [1, 2, 3], [1, 0, 1], ["cat", "dog"])
    table = parquet.read_table(written(tmp_path / "test-0.parquet", [4, 5], [0, 1]))
    parquet.write_table(table.rename_columns(["img", "label"]), tmp_path / "test-0.parquet")
    train, test = xpcnn.data.load(tmp_path)
    assert (train.classes, test.images[:, 0, 0, 0].tolist()) == (("cat", "dog"), [4, 5])
    written(tmp_path / "test-0.parquet", [4, 5], [0, 1], ["dog", "cat"])
    with pytest.raises(LabelError, match=f"{first.name}: the names of its classes, or their order"):
        xpcnn.data.load(tmp_path)


def test_many_rows_in_few_bytes(tmp_path: Path) -> None:
    path, large = tmp_path / "x.parquet", png(7) + bytes(900_000)
    values = arrow.DictionaryArray.from_arrays([0] * 3000, arrow.array([large]))
    labels = arrow.array(numpy.arange(3000) % 2)
    parquet.write_table(arrow.table({"image": values, "label": labels}), path, store_schema=False)
    index, _, _ = index_of(path)
    before = arrow.total_allocated_bytes()
    assert index.file(2999).content == large
    assert arrow.total_allocated_bytes() - before < 10_000_000  # not 2.7 GB
    few = arrow.table({"image": values.take([0] * 500_000), "label": labels.take([0] * 500_000)})
    parquet.write_table(few, path, store_schema=False)
    with pytest.raises(DataError, match="says that it has 500000 rows in"):
        index_of(path)


def test_another_folder_may_become_the_current_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    index, _, _ = index_of(written(Path("x.parquet"), [1, 2], [0, 1]))
    monkeypatch.chdir("/")
    for one in (pickle.loads(pickle.dumps(index)), index):
        assert one.file(1).content == png(2)


def test_a_file_without_rows(tmp_path: Path) -> None:
    empty = arrow.table({"image": arrow.array([], "binary"), "label": arrow.array([], "int64")})
    parquet.write_table(empty, tmp_path / "x.parquet")
    with pytest.raises(DataError, match="has no rows of a training part"):
        index_of(tmp_path / "x.parquet")
    assert len(xpcnn.data.load_whole(written(tmp_path / "test-0.parquet", [1, 2], [0, 1]))) == 2


def test_labels_without_names(tmp_path: Path) -> None:
    path = written(tmp_path / "x.parquet", list(range(20)), [i % 3 for i in range(20)])
    assert xpcnn.data.load(path)[0].classes == ("0", "1", "2")


def test_what_is_no_such_file(tmp_path: Path) -> None:
    path = written(tmp_path / "x.parquet", [1, 2], ["a", "b"])
    with pytest.raises(xpcnn.errors.LabelError, match=r"x\.parquet: label: labels are string, exp"):
        index_of(path)
    written(path, [1, 2, 3], [0, None, 1])
    with pytest.raises(
        xpcnn.errors.LabelError, match=r"x\.parquet: label: some labels are missing"
    ):
        index_of(path)
    parquet.write_table(arrow.table({"pixels": [1], "label": [1]}), path)
    with pytest.raises(DataError, match="has the columns pixels, label, expected image and label"):
        index_of(path)
    for content in (b"", b"PAR1", b"PAR1" * 9, path.read_bytes()[:-9]):
        path.write_bytes(content)
        with pytest.raises(DataError, match="is not a Parquet file, or is damaged: "):
            index_of(path)


def test_a_damaged_dictionary(tmp_path: Path) -> None:
    """Of one value, and an index that is 5."""
    index, _, _ = index_of(written(tmp_path / "x.parquet", [1, 2], [0, 1]))
    values = arrow.array([png(1)])
    index._kept[0, 0] = arrow.DictionaryArray.from_arrays(arrow.array([5, 0]), values, safe=False)
    assert index.file(1).content == png(1)
    with pytest.raises(DataError, match="picture 0 of group 0: has no bytes"):
        index.file(0)


def test_missing_bytes(tmp_path: Path) -> None:
    table = arrow.table({"image": [{"bytes": None, "path": "a.png"}], "label": [0]})
    parquet.write_table(table, tmp_path / "x.parquet")
    index, _, _ = index_of(tmp_path / "x.parquet")
    with pytest.raises(DataError, match="picture 0 of group 0: has no bytes"):
        index.file(0)
