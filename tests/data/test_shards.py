"""Tar shards in webdataset's layout: read where they lie, and trusted in nothing."""

import io
import tarfile
from pathlib import Path

import numpy
import pytest

import xpcnn
from tests.data.small_pictures import picture
from xpcnn.data.streams.shard_index import entries, index_of
from xpcnn.data.streams.stream import Stream
from xpcnn.errors import DataError, LabelError, XpcnnError

image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")


def png(value: int) -> bytes:
    out = io.BytesIO()
    image.fromarray(numpy.full((3, 2), value, numpy.uint8)).save(out, "PNG")
    return out.getvalue()


def shard(path: Path, *files: tuple[str, bytes], form: int = tarfile.USTAR_FORMAT) -> Path:
    """Write an uncompressed tar file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", format=form) as archive:
        for name, content in files:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def sample(key: str, value: int, label: str) -> list[tuple[str, bytes]]:
    return [(f"{key}.png", png(value)), (f"{key}.cls", label.encode())]


def test_samples_are_pictures_and_their_classes(tmp_path: Path) -> None:
    path = shard(tmp_path / "s.tar", *sample("0001", 7, "1"), *sample("a/0002.x", 9, "0"))
    index, rows, classes = index_of(path)
    assert (index.labels.tolist(), classes) == ([1, 0], None)
    assert rows["train"].tolist() == [0, 1]
    assert index.file(1).content == png(9)
    assert index.file(0).name == f"{tmp_path}/s.tar/0001.png"


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_names_of_any_length(form: int, tmp_path: Path) -> None:
    names = ["./x.cls", f"{'d' * 90}/{'e' * 90}.cls"]
    if form != tarfile.USTAR_FORMAT:
        names.append(f"{'long' * 99}.cls")
    path = shard(tmp_path / "s.tar", *((name, b"1") for name in names), form=form)
    found = [entry.name for entry, _ in entries(path)]
    assert found == [name.removeprefix("./") for name in names]


def test_parts_and_names_of_classes(tmp_path: Path) -> None:
    for part, count in (("train-0", 4), ("train-1", 2), ("val-0", 2), ("test-0", 2)):
        files = [f for i in range(count) for f in sample(f"{part}{i}", 10 * i, str(i % 2))]
        shard(tmp_path / f"pets-{part}.tar", *files)
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    train, validation, test = xpcnn.data.load_parts(tmp_path, stream=True)
    assert validation is not None
    assert (train.classes, len(train), len(validation), len(test)) == (("cat", "dog"), 6, 2, 2)
    assert isinstance(train.images, Stream)
    assert train.images[:][:, 0, 0, 0].tolist() == [0, 10, 20, 30, 0, 10]
    for stream in (None, False):
        here = xpcnn.data.load(tmp_path, stream=stream)[0]
        assert isinstance(here.images, numpy.ndarray)
        assert (here.images == train.images[:]).all()
    whole = tmp_path / "pets-train-0.tar"
    other = shard(tmp_path / "other" / "s.tar", *sample("a", 5, "1"))
    held = xpcnn.data.load_parts(whole, validation=other, image_size=(6, 4)).validation
    assert held is not None
    assert held.images.tolist() == [[[[5] * 4] * 6]]  # read as the training images were
    assert (held.classes, held.labels.tolist()) == (("cat", "dog"), [1])
    named = xpcnn.data.load_whole(other, classes=("cat", "dog"))
    assert (named.classes, named.labels.tolist()) == (("cat", "dog"), [1])


def test_classes_that_are_names(tmp_path: Path) -> None:
    files = [f for i in range(12) for f in sample(str(i), i, ("dog", "cat")[i % 2])]
    train, test = xpcnn.data.load(shard(tmp_path / "s.tar", *files))
    assert train.classes == ("cat", "dog")
    assert len(train) + len(test) == 12


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([("a.png", png(1))], "the sample 'a' lacks a class, KEY.cls"),
        (
            [("cat/a.png", png(1))],
            "shards as webdataset writes them: KEY.jpg beside KEY.cls, not "
            "compressed; an archive of folders has to be unpacked",
        ),
        ([("a.cls", b"1")], "the sample 'a' lacks a picture"),
        ([("a.txt", b"1")], "holds no pictures"),
        ([("a.png", png(1)), ("a.cls", b"1" * 1025)], "a.cls has 1025 bytes, too many"),
        ([*sample("a.1", 1, "0"), *sample("a.2", 2, "1")], "up to its first dot, has 2 pictures"),
        ([("a.jpg", b""), *sample("a", 1, "0")], "up to its first dot, has 2 pictures"),
        ([*sample("a", 1, "0"), ("a.x.cls", b"1")], "up to its first dot, has 2 classes"),
    ],
)
def test_what_is_no_sample(files: list[tuple[str, bytes]], message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        index_of(shard(tmp_path / "s.tar", *files))


def test_damaged_shards(tmp_path: Path) -> None:
    path = shard(tmp_path / "s.tar", *sample("a", 1, "0"), *sample("b", 2, "1"))
    whole = path.read_bytes()
    path.write_bytes(whole[:520])
    with pytest.raises(
        DataError, match=r"a file in it, at byte 0, has \d+ bytes, more than follow"
    ):
        index_of(path)
    path.write_bytes(b"x" + whole[1:])
    with pytest.raises(DataError, match="is not a tar file, or is damaged at byte 0"):
        index_of(path)
    import gzip

    path.write_bytes(gzip.compress(whole))
    with pytest.raises(DataError, match=r"(?s)is not a tar file.*Try: shards as webdataset writes"):
        index_of(path)
    path.write_bytes(whole)
    index, _, _ = index_of(path)
    path.write_bytes(whole[:700])
    with pytest.raises(DataError, match=r"s.tar has become shorter"):
        index.file(1)


def test_a_picture_beside_its_mask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    index, _, _ = index_of(shard(Path("s.tar"), ("a.mask.png", png(1)), *sample("a", 2, "0")))
    assert index.file(0).name == "s.tar/a.png"
    monkeypatch.chdir("/")
    assert index.file(0).content == png(2)


def test_a_shard_of_any_name_is_evaluated_on(tmp_path: Path) -> None:
    files = [f for i in range(12) for f in sample(str(i), i, str(i % 2))]
    test = shard(tmp_path / "test-0.tar", *files)
    assert len(xpcnn.data.load_whole(test)) == 12
    shard(tmp_path / "train-0.tar")
    with pytest.raises(DataError, match="holds no pictures of the training part\nTry: "):
        xpcnn.data.load(tmp_path)


def test_labels_and_parts_that_do_not_fit(tmp_path: Path) -> None:
    shard(tmp_path / "train-0.tar", *sample("a", 1, "0"), *sample("b", 2, "2"))
    (tmp_path / "classes.txt").write_text("\ufeffcat\ndog\n", encoding="utf-8")
    assert index_of(tmp_path)[2] == ("cat", "dog")
    with pytest.raises(LabelError, match="label"):
        xpcnn.data.load(tmp_path)
    shard(tmp_path / "more.tar", *sample("c", 1, "0"))
    with pytest.raises(DataError, match=r"more.tar: the names of other files say"):
        xpcnn.data.load(tmp_path)


def test_a_folder_with_folders_of_pictures_is_no_folder_of_shards(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        for i in range(8):
            picture(tmp_path / name / f"{i}.png", numpy.full((3, 2), i))
    shard(tmp_path / "old.tar", *sample("a", 1, "0"))
    train, _ = xpcnn.data.load(tmp_path)
    assert train.classes == ("cat", "dog")
    with pytest.raises(XpcnnError):
        xpcnn.data.load(tmp_path / "cat")
