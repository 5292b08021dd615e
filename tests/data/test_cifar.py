"""The binary CIFAR files, as a folder and as an archive, and every way they can be wrong."""

import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.data.make_files import tar_bytes
from xpcnn.data import cifar, files
from xpcnn.data.images import Part
from xpcnn.errors import DataError, LabelError

AGAIN = "Try: " + files.AGAIN
TEN = replace(cifar.CIFAR10, train_records=3, test_records=2)
HUNDRED = replace(cifar.CIFAR100, train_records=5, test_records=2)


def contents(layout: cifar.Layout) -> dict[str, bytes]:
    """Return random files of that layout, by name."""
    rng = np.random.default_rng(3)
    made = {}
    for name, n in layout.records.items():
        records = rng.integers(0, 256, (n, layout.label_bytes + 3072), dtype=np.uint8)
        records[:, 0] = 7  # the label of CIFAR-10, the coarse one of CIFAR-100
        records[:, layout.label_bytes - 1] = rng.integers(0, layout.classes, n)
        made[name] = records.tobytes()
    return made


def write(folder: Path, made: dict[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in made.items():
        (folder / name).write_bytes(content)


def archive(folder: Path, layout: cifar.Layout, content: bytes) -> Path:
    path = folder / layout.archive
    path.write_bytes(content)
    return path


def check(parts: tuple[Part, Part], made: dict[str, bytes], layout: cifar.Layout) -> None:
    for (images, labels), names in zip(parts, (layout.train, layout.test), strict=True):
        raw = np.frombuffer(b"".join(made[name] for name in names), np.uint8)
        rows = raw.reshape(-1, layout.label_bytes + 3072)
        assert labels.dtype == np.int64
        assert labels.tolist() == rows[:, layout.label_bytes - 1].tolist()
        assert images.shape == (len(rows), 3, 32, 32)
        assert images[-1, 2, 31, 30] == rows[-1, -2]  # blue, last row, last but one column
        np.testing.assert_array_equal(images.reshape(len(rows), -1), rows[:, layout.label_bytes :])


@pytest.mark.parametrize("layout", [TEN, HUNDRED], ids=["cifar10", "cifar100"])
def test_a_folder_is_read(tmp_path: Path, layout: cifar.Layout) -> None:
    made = contents(layout)
    write(tmp_path / "here", made)
    write(tmp_path / "below" / layout.folder, made)
    check(cifar.read([tmp_path / "here"], layout), made, layout)
    check(cifar.read([tmp_path / "none", tmp_path / "below"], layout), made, layout)


@pytest.mark.parametrize("layout", [TEN, HUNDRED], ids=["cifar10", "cifar100"])
def test_an_archive_is_read_without_unpacking_it(tmp_path: Path, layout: cifar.Layout) -> None:
    made = contents(layout)
    names = reversed(made)  # the order in the archive is not that of the parts
    members = {f"{layout.folder}/{name}": made[name] for name in names}
    folder = tarfile.TarInfo(layout.folder)
    folder.type = tarfile.DIRTYPE
    path = archive(tmp_path, layout, tar_bytes({"readme.html": b"<p>", **members}, (folder, b"")))
    check(cifar.read([tmp_path], layout), made, layout)
    assert list(tmp_path.rglob("*")) == [path]


def test_files_longer_than_one_read_are_joined(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cifar, "_RECORDS", 2)  # 5 records: two reads of 2, one of 1
    made = contents(HUNDRED)
    write(tmp_path, made)
    check(cifar.read([tmp_path], HUNDRED), made, HUNDRED)


def test_the_real_layouts_are_those_of_the_published_files() -> None:
    assert {cifar.CIFAR10.length(name) for name in cifar.CIFAR10.records} == {30_730_000}
    assert len(cifar.CIFAR10.records) == 6
    assert cifar.CIFAR100.length("train.bin") == 153_700_000
    assert cifar.CIFAR100.length("test.bin") == 30_740_000


@pytest.mark.parametrize("change", [-1, 1, -3073, 3073])
def test_a_file_of_another_length_is_refused(tmp_path: Path, change: int) -> None:
    made = contents(TEN)
    made["data_batch_4.bin"] = (made["data_batch_4.bin"] + bytes(3073))[: 3 * 3073 + change]
    write(tmp_path, made)
    with pytest.raises(DataError) as caught:
        cifar.read([tmp_path], TEN)
    path = tmp_path / "data_batch_4.bin"
    assert str(caught.value) == f"{path}: has {9219 + change} bytes, expected 9219\n{AGAIN}"


def test_labels_out_of_range_name_the_file(tmp_path: Path) -> None:
    made = contents(TEN)
    made["test_batch.bin"] = b"\x0a" + made["test_batch.bin"][1:]
    write(tmp_path, made)
    with pytest.raises(LabelError) as caught:
        cifar.read([tmp_path], TEN)
    assert str(caught.value) == (
        f"{tmp_path / 'test_batch.bin'}: 1 of 2 labels lie outside 0..9, the first: "
        "labels[0] = 10\nTry: name every class that occurs, or leave out the images of the others"
    )


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        cifar.read([tmp_path], TEN)
    assert str(caught.value) == (
        f"no data_batch_1.bin or cifar-10-binary.tar.gz in {tmp_path} and "
        f"{tmp_path / 'cifar-10-batches-bin'}\n"
        "Try: give the folder that holds the file with --data-dir"
    )
    made = contents(TEN)
    del made["data_batch_3.bin"]
    write(tmp_path, made)
    with pytest.raises(DataError, match=r"^no data_batch_3\.bin in "):
        cifar.read([tmp_path], TEN)


def link(name: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
    return info


def bomb(kind: bytes) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo("zeros")
    info.type, info.size = kind, 1 << 22
    return info, bytes(1 << 22)


def bad_archives() -> dict[str, tuple[bytes, str]]:
    made = contents(TEN)
    good = tar_bytes(made)
    short = {**made, "data_batch_2.bin": made["data_batch_2.bin"][:-1]}
    lacking = {name: made[name] for name in TEN.train[:4]}
    limit = 17 * 3073 + (1 << 20)
    return {
        "a member too short": (
            tar_bytes(short),
            "{p}: data_batch_2.bin has 9218 bytes, expected 9219",
        ),
        "a member that is a link": (
            tar_bytes(made, (link("test_batch.bin"), b"")),
            "{p}: test_batch.bin has 0 bytes, expected 6146",
        ),
        "members missing": (
            tar_bytes(lacking),
            "{p}: the archive lacks data_batch_5.bin, test_batch.bin",
        ),
        "expands too far": (
            tar_bytes(made, bomb(tarfile.REGTYPE)),
            f"{{p}}: expands to more than the {limit} bytes it may hold",
        ),
        "a name too long": (
            tar_bytes(made, bomb(tarfile.GNUTYPE_LONGNAME)),
            f"{{p}}: expands to more than the {limit} bytes it may hold",
        ),
        "cut": (good[: len(good) // 2], "{p}: the compressed data ends too early"),
        "no archive": (b"<!DOCTYPE html>" * 99, "{p}: the archive is damaged: invalid header"),
        "empty": (b"", "{p}: the archive is damaged: empty file"),
    }


@pytest.mark.parametrize("kind", bad_archives())
def test_a_wrong_archive_is_named_with_what_is_wrong(tmp_path: Path, kind: str) -> None:
    content, text = bad_archives()[kind]
    path = archive(tmp_path, TEN, content)
    with pytest.raises(DataError) as caught:
        cifar.read([tmp_path], TEN)
    assert str(caught.value) == text.format(p=path) + "\n" + AGAIN
    assert list(tmp_path.rglob("*")) == [path]


@pytest.mark.parametrize(
    ("layout", "there"),
    [
        (TEN, "cifar-10-batches-py"),
        (TEN, "cifar-10-python.tar.gz"),
        (TEN, "data_batch_1"),
        (HUNDRED, "cifar-100-python"),
    ],
)
def test_the_python_version_is_refused_with_what_is_needed(
    tmp_path: Path, layout: cifar.Layout, there: str
) -> None:
    if there.endswith(("py", "python")):
        (tmp_path / there).mkdir()
    else:
        (tmp_path / there).write_bytes(b"\x80\x04.")
    with pytest.raises(DataError) as caught:
        cifar.read([tmp_path / "none", tmp_path], layout)
    assert str(caught.value) == (
        f"{tmp_path / there}: is the Python version of the data set, a pickle, which could run any "
        f"code; the binary version is read\nTry: {layout.archive} from "
        "https://www.cs.toronto.edu/~kriz/cifar.html, or no --data-dir to have it downloaded"
    )
    made = contents(layout)
    write(tmp_path, made)  # beside the binary version it does not matter
    check(cifar.read([tmp_path], layout), made, layout)
