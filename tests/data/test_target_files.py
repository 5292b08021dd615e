"""Several labels and numbers as targets in .npz files, tar shards, Parquet files and packs."""

import json
from pathlib import Path
from typing import Any

import numpy
import pytest

from tests.data.test_shards import png, shard
from xpcnn.data import Dataset, load, load_parts, load_whole
from xpcnn.data.contents import ReadOptions
from xpcnn.data.path_contents import streams
from xpcnn.data.streams.packed_images import Packed
from xpcnn.data.streams.stream import Stream
from xpcnn.errors import ConfigError, DataError, LabelError, XpcnnError
from xpcnn.io.packing import pack

N = 20
THERE = numpy.stack([numpy.arange(N) % 2, numpy.arange(N) > 12], axis=1).astype(float)
VALUES = numpy.stack([numpy.arange(N) / 4, 100.0 - numpy.arange(N)], axis=1)


def by_value(data: Dataset) -> dict[int, list[float]]:
    """Return the targets of each picture, which is of one value: its place."""
    firsts = data.images[:][:, 0, 0, 0].tolist()
    return dict(zip(map(int, firsts), data.labels.tolist(), strict=True))


def all_of(path: Path, expected: Any, **options: Any) -> Dataset:
    """Return the training part, which with the test part has these targets, streamed or not."""
    for stream in (True, False):
        train, test = load(path, stream=stream, **options)
        assert isinstance(train.images, Stream) is stream
        assert by_value(train) | by_value(test) == dict(enumerate(expected.tolist()))
        assert train.labels.dtype == numpy.float64
    assert len(load_whole(path, **options)) == N
    return train


def shards(folder: Path, ending: str, labels: list[str]) -> Path:
    files = [
        (f"{i:02}.{kind}", content)
        for i, label in enumerate(labels)
        for kind, content in (("png", png(i)), (ending, label.encode()))
    ]
    return shard(folder / "s.tar", *files)


NAMES = ("odd", "late")
SETS = [[name for name, there in zip(NAMES, row, strict=True) if there] for row in THERE]
ROWS = [[int(x) for x in row] for row in THERE]
OBJECTS = [dict(zip(("a", "b"), row, strict=True)) | {"x": "y"} for row in VALUES.tolist()]


@pytest.mark.parametrize(
    ("ending", "labels", "options", "names"),
    [
        ("cls", [f"{a} {b}\n" for a, b in ROWS], {}, ("0", "1")),
        ("txt", [f"{a}, {b}" for a, b in ROWS], {}, ("0", "1")),
        ("json", [json.dumps(row) for row in ROWS], {}, ("0", "1")),
        ("json", [json.dumps({"labels": names, "id": 3}) for names in SETS], {}, ("late", "odd")),
        ("json", [json.dumps(x) for x in OBJECTS], {"label_column": "a,b"}, ("a", "b")),
        ("json", [json.dumps(x) for x in OBJECTS], {"label_column": ["b"]}, ("b",)),
        ("cls", [str(a) for a, _ in VALUES], {}, ("0",)),
    ],
    ids=["cls", "txt", "rows", "sets", "keys", "one key", "number"],
)
def test_shards(
    ending: str, labels: list[str], options: Any, names: tuple[str, ...], tmp_path: Path
) -> None:
    numbers = "label_column" in options or len(names) == 1
    expected = VALUES if numbers else THERE
    if names == ("late", "odd"):
        expected = THERE[:, ::-1]
    elif len(names) == 1:
        expected = VALUES[:, [int(names == ("b",))]]
    task = "regression" if numbers else "multi-label"
    path = shards(tmp_path, ending, labels)
    train = all_of(path, expected, task=task, **options)
    assert (train.task, train.classes) == (task, names)


def test_names_of_the_columns_of_shards(tmp_path: Path) -> None:
    path = shards(tmp_path, "json", [json.dumps(names) for names in SETS])
    (tmp_path / "classes.txt").write_text("odd\nlate\n")
    assert all_of(path, THERE, task="multi-label").classes == NAMES
    shards(tmp_path, "cls", [f"{a} {b}" for a, b in ROWS])
    assert all_of(path, THERE, task="multi-label").classes == NAMES
    (tmp_path / "classes.txt").write_text("odd\n")
    with pytest.raises(LabelError, match="has 2 targets for each sample, and the file of c"):
        load(path, task="multi-label")


def test_classes_at_a_key(tmp_path: Path) -> None:
    path = shards(tmp_path, "json", [json.dumps({"kind": "cd"[i % 2]}) for i in range(N)])
    train, _ = load(path, label_column="kind")
    assert (train.task, train.classes) == ("classification", ("c", "d"))


@pytest.mark.parametrize(
    ("ending", "first", "options", "message"),
    [
        ("cls", "0 1", {}, "the classes are numbers such as '0 1'\nTry: --task multi-label"),
        ("cls", "0 2", {"task": "multi-label"}, "'2' is not 0 or 1"),
        ("cls", ",", {"task": "regression"}, "00.cls: has 0 targets"),
        ("cls", "a b", {"task": "regression"}, "'a' is not a number"),
        ("cls", "0 1 1", {"task": "multi-label"}, "01.cls: has 2 targets, expected 3"),
        ("json", "[1, null]", {"task": "regression"}, "'null' is not a number"),
        ("json", '["a", 1]', {"task": "multi-label"}, "'\"a\"' is not 0 or 1"),
        ("json", '["a"]', {"task": "multi-label"}, "some samples have names of labels, and others"),
        ("json", "{", {"task": "multi-label"}, "00.json: is not JSON: "),
        ("json", "{}", {"task": "multi-label"}, "the key of the labels may be any"),
        ("json", '{"a": 1}', {"label_column": "a,b"}, "00.json: has no key 'b'"),
        ("json", "[1e999, 0]", {"task": "regression"}, "targets are not a finite number"),
        ("json", "[0, 1]", {"label_column": 1}, "label_column is 1, expected different keys"),
        ("txt", "0 1", {}, "the sample '00' lacks a class, KEY.cls"),
    ],
)
def test_labels_that_shards_may_not_have(
    ending: str, first: str, options: Any, message: str, tmp_path: Path
) -> None:
    rest = "[0, 1]" if ending == "json" else "0 1"
    path = shards(tmp_path, ending, [first, *[rest] * (N - 1)])
    with pytest.raises(XpcnnError) as caught:
        load(path, **options)
    assert message in str(caught.value)
    assert "\nTry: " in str(caught.value)


def parquet(path: Path, names: list[str] | None = None, **columns: Any) -> Path:
    arrow: Any = pytest.importorskip("pyarrow", reason="PyArrow is not installed")
    import pyarrow.parquet

    pictures = [{"bytes": png(i), "path": None} for i in range(N)]
    table = arrow.table({"image": pictures, **columns})
    if names is not None:
        feature = {"feature": {"names": names, "_type": "ClassLabel"}, "_type": "Sequence"}
        told = json.dumps({"info": {"features": {"labels": feature}}})
        table = table.replace_schema_metadata({"huggingface": told})
    pyarrow.parquet.write_table(table, path, row_group_size=6)
    return path


def test_parquet(tmp_path: Path) -> None:
    a, b = VALUES.T
    path = parquet(tmp_path / "x.parquet", a=a, b=b, odd=THERE[:, 0] > 0, late=THERE[:, 1])
    train = all_of(path, VALUES, task="regression", label_column="a,b")
    assert (train.task, train.classes) == ("regression", ("a", "b"))
    train = all_of(path, THERE, label_column=["odd", "late"])  # several columns are labels
    assert (train.task, train.classes) == ("multi-label", NAMES)
    assert "odd, late are taken for labels that an image may have" in train.notes[-1]
    turned = all_of(path, VALUES[:, ::-1], task="regression", label_column="b,a")
    assert turned.classes == ("b", "a")
    assert all_of(path, VALUES[:, :1], task="regression", label_column="a").classes == ("a",)
    with pytest.raises(LabelError, match=r"labels are double; expected whole numbers\nTry: --task"):
        load(path, label_column="b")
    with pytest.raises(DataError, match=r"has the columns .*\nTry: --label-column NAME"):
        load(path)


def test_parquet_of_lists(tmp_path: Path) -> None:
    """Indices of named labels, as Hugging Face writes them; rows of numbers without names."""
    indices = [[i for i, there in enumerate(row) if there] for row in THERE]
    path = parquet(tmp_path / "x.parquet", list(NAMES), labels=indices)
    train = all_of(path, THERE)
    assert (train.task, train.classes) == ("multi-label", NAMES)
    with pytest.raises(LabelError, match="has lists of several lengths, and the metadata do not"):
        load(parquet(path, labels=indices))
    with pytest.raises(LabelError, match="labels has 1, which is not a label of 1"):
        load(parquet(path, ["odd"], labels=indices))
    for wrong in ([0.5], ["odd"], [[0]]):
        with pytest.raises(LabelError, match="labels holds lists of other things than"):
            load(parquet(path, list(NAMES), labels=[wrong] * N))
    all_of(parquet(path, labels=VALUES.tolist()), VALUES, task="regression")


def test_npz(tmp_path: Path) -> None:
    images = numpy.arange(N, dtype="u1")[:, None, None] + numpy.zeros((N, 4, 4), "u1")
    path = tmp_path / "d.npz"
    numpy.savez(path, images=images, labels=THERE.astype("u1"), classes=NAMES)
    for stream in (False, True):
        train, test = load(path, stream=stream)
        assert by_value(train) | by_value(test) == dict(enumerate(THERE.tolist()))
        assert (train.task, train.classes) == ("multi-label", NAMES)
        assert "odd, late are taken for labels that an image may have" in train.notes[-1]
    numpy.savez(path, x_train=images, y_train=VALUES[:, 0], x_test=images, y_test=VALUES[:, 0])
    train, test = load(path, task="regression")
    assert (train.task, train.labels.tolist()) == ("regression", VALUES[:, :1].tolist())
    assert test.labels.tolist() == VALUES[:, :1].tolist()
    held = load_parts(path, task="regression", validation=path_of_all(tmp_path, images))
    assert held.validation is not None
    assert held.validation.labels.tolist() == VALUES[:, :1].tolist()
    with pytest.raises(LabelError, match=r"multi-label targets have shape \(20,\), expected"):
        load(tmp_path / "held.npz", task="multi-label")


def path_of_all(folder: Path, images: numpy.ndarray) -> Path:
    numpy.savez(folder / "held.npz", images=images, labels=VALUES[:, 0])
    return folder / "held.npz"


def packed(source: Path, out: Path, **options: Any) -> Path:
    found = streams(source, ReadOptions(**options))
    assert found.classes is not None
    pack(found.parts, found.classes, out, task=found.task)
    return out


def test_packs(tmp_path: Path) -> None:
    path = shards(tmp_path, "cls", [f"{a} {b}" for a, b in VALUES])
    out = packed(path, tmp_path / "out", task="regression")
    train, test = load(out)
    assert isinstance(train.images, Packed)
    streamed, _ = load(path, stream=True, task="regression")
    assert (train.digest(), train.classes) == (streamed.digest(), ("0", "1"))
    assert by_value(train) | by_value(test) == dict(enumerate(VALUES.tolist()))
    assert by_value(load_whole(out, stream=False)) == dict(enumerate(VALUES.tolist()))
    with pytest.raises(ConfigError, match="the task is multi-label, but the targets packed in"):
        load(out, task="multi-label")
    shards(tmp_path, "cls", [f"{a} {b}" for b, a in VALUES])
    with pytest.raises(ConfigError, match="holds a pack of other pictures"):
        packed(path, out, task="regression")


def test_damaged_pictures_with_targets(tmp_path: Path) -> None:
    files = [(f"{i:02}.png", png(i) if i != 7 else b"x") for i in range(N)]
    labels = [(f"{i:02}.cls", f"{a} {b}".encode()) for i, (a, b) in enumerate(VALUES)]
    path = shard(tmp_path / "s.tar", *sorted(files + labels))
    options: Any = {"task": "regression", "skip_damaged": True}
    whole = load_whole(path, stream=False, **options)
    left = {i: row for i, row in enumerate(VALUES.tolist()) if i != 7}
    assert by_value(whole) == left
    assert whole.notes[-1].startswith("damaged pictures left out: 1 of 20; the first: ")
    streamed = load_whole(path, stream=True, **options)
    assert isinstance(streamed.images, Stream)
    assert (by_value(streamed), streamed.notes[-1]) == (left, "damaged pictures left out: 1")
    train, test = load(path, stream=True, **options)
    assert by_value(train) | by_value(test) == left
    assert "damaged pictures left out: 1" in train.notes
    with pytest.raises(DataError, match=r"07\.png: .*\nTry: fix or remove it, or --skip-damaged"):
        load_whole(path, stream=True, task="regression").images[:]
    of_pack = load_whole(packed(path, tmp_path / "out", **options))
    assert (by_value(of_pack), of_pack.notes) == (left, ("damaged pictures left out: 1",))


def test_a_folder_of_classes_has_no_targets(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        (tmp_path / "photos" / name / "0.png").write_bytes(png(0))
    with pytest.raises(ConfigError, match="is a folder of pictures by class\nTry: a CSV file"):
        load(tmp_path / "photos", task="regression")
