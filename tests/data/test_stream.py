"""Pictures that are decoded while they are used train as pictures in memory do."""

import itertools
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest

import xpcnn
from tests.data.small_pictures import picture
from tests.group.members import Member, together
from tests.waiting import PATIENCE
from xpcnn import Model
from xpcnn.data import Dataset, folders, preflight, stored
from xpcnn.data.augment import Flip, Noise
from xpcnn.data.streams import stream_parts
from xpcnn.data.streams.folder_index import in_turn
from xpcnn.data.streams.read_ahead import VARIABLE, batches_ahead, reading_threads
from xpcnn.data.streams.stream import Stream
from xpcnn.errors import ConfigError, DataError
from xpcnn.layers import Conv2D, Dense, Dropout, Flatten, Layer, ReLU
from xpcnn.training import Callback, Checkpoints
from xpcnn.types import flatten

pytest.importorskip("PIL.Image", reason="Pillow is not installed")

LAYERS: list[Layer] = [Conv2D(2, 3), ReLU(), Flatten(), Dropout(0.2), Dense(3)]
RUN: dict[str, Any] = {"epochs": 2, "batch_size": 5, "augment": [Flip(), Noise(0.1)]}


def flat(root: Path, **classes: list[int]) -> Path:
    """Write a picture of 3 x 2 equal pixels for each value of each class; return the folder."""
    for name, values in classes.items():
        for i, value in enumerate(values):
            picture(root / name / f"{i}.png", numpy.full((3, 2), value))
    return root


@pytest.fixture(scope="module")
def pets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of pictures of noise, in three classes, with all parts."""
    root, rng = tmp_path_factory.mktemp("pets"), numpy.random.default_rng(0)
    for part, count in (("train", 9), ("val", 4), ("test", 3)):
        for name, i in itertools.product(("ape", "bee", "cat"), range(count)):
            picture(root / part / name / f"{i}.png", rng.integers(0, 256, (6, 7, 3)))
    return root


def test_a_stream_is_read_by_index(tmp_path: Path) -> None:
    flat(tmp_path, cat=[10], dog=[20, 21, 22])
    (images, labels), *_ = folders.read(tmp_path, stream=True)
    assert isinstance(images, Stream)
    assert (images.shape, images.dtype) == ((4, 1, 3, 2), numpy.dtype(numpy.uint8))
    assert labels.tolist() == [0, 1, 1, 1]
    assert images[:][:, 0, 0, 0].tolist() == [10, 20, 21, 22]
    assert images[2].tolist() == [[[21, 21]] * 3]
    assert images.part(numpy.asarray([3, 0]))[:][:, 0, 0, 0].tolist() == [22, 10]


def test_another_folder_may_become_the_current_one(
    pets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pets.parent)
    train, _ = xpcnn.data.load(f"{pets.name}/", stream=True)
    monkeypatch.chdir(pets)
    assert len(train.images[:]) == 27


def test_the_pictures_of_classes_come_in_turn() -> None:
    assert in_turn(numpy.asarray([0, 0, 0, 1, 2, 2])).tolist() == [0, 3, 4, 1, 5, 2]


def trained(data: Path, stream: bool, **options: Any) -> list[Any]:
    """Return what equal runs have equal: figures, weights, statistics, test, predictions."""
    train, validation, test = xpcnn.data.load_parts(data, stream=stream)
    assert isinstance(train.images, Stream) == stream
    model = Model(LAYERS, input_shape=train.shape, seed=1)
    history = model.fit(train, validation=validation, progress=False, **RUN | options)
    weights = {path: w.tobytes() for path, w in flatten(model.params).items()}
    p = model.predict_proba(test.images).tobytes()
    figures = [(e.loss, e.accuracy, e.val_loss) for e in history]
    return [figures, weights, model.mean, model.std, model.reading, model.evaluate(test), p]


def test_a_stream_trains_to_the_bits_of_pictures_in_memory(pets: Path) -> None:
    assert trained(pets, stream=True) == trained(pets, stream=False)


def test_processes_that_share_batches_read_a_stream(pets: Path) -> None:
    def streamed(member: Member) -> list[Any]:
        return trained(pets, stream=True, group=member)

    def in_memory(member: Member) -> list[Any]:
        return trained(pets, stream=False, group=member)

    assert together(2, streamed) == together(2, in_memory)


class InterruptAfter(Callback):
    def __init__(self, step: int) -> None:
        self.step = step

    def on_step(self, step: int) -> None:
        if step == self.step:
            raise KeyboardInterrupt


def test_it_resumes_in_the_middle_of_an_epoch_with_other_threads(
    pets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "3")
    straight = trained(pets, stream=True)
    checkpoints = Checkpoints(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        trained(pets, stream=True, checkpoints=checkpoints, callbacks=[InterruptAfter(4)])
    monkeypatch.setenv(VARIABLE, "1")
    assert trained(pets, stream=True, checkpoints=checkpoints, resume=True) == straight


def test_another_picture_is_another_run(pets: Path, tmp_path: Path) -> None:
    train, _, test = xpcnn.data.load_parts(pets, stream=True)
    again, *_ = xpcnn.data.load_parts(pets, stream=True)
    assert train.digest() == again.digest()
    others = [
        test,
        train[:5],
        train[::-1],
        Dataset(**{**vars(train), "labels": train.labels[::-1]}),
    ]
    assert len({train.digest(), *(other.digest() for other in others)}) == 5


def test_a_part_is_set_aside_by_the_hashes_of_names(tmp_path: Path) -> None:
    values = list(range(40))
    flat(tmp_path, cat=values, dog=[100 + value for value in values])
    train, test = xpcnn.data.load(tmp_path, stream=True)
    aside = set(test.images[:].max(axis=(1, 2, 3)).tolist())
    assert len(test) == 16
    assert sum(value < 100 for value in aside) == 8
    picture(tmp_path / "cat" / "new.png", numpy.full((3, 2), 200))  # moves one at most
    _, test = xpcnn.data.load(tmp_path, stream=True)
    assert len(aside - set(test.images[:].max(axis=(1, 2, 3)).tolist())) <= 1
    (_, first), (_, second) = (xpcnn.data.split(train, 0.25, seed) for seed in (0, 1))
    assert first is not None
    assert second is not None
    assert len(first) == 16
    assert first.digest() != second.digest()
    numbers = [xpcnn.data.fold(train, i, 4, 0)[1] for i in (1, 2, 3, 4)]
    assert sorted(map(len, numbers)) == [16, 16, 16, 16]


@pytest.mark.parametrize("bound", ["pictures", "values"])
def test_mean_and_deviation_are_those_of_some_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    flat(tmp_path, cat=[0, 50], dog=[100, 250])
    (images, labels), *_ = folders.read(tmp_path, stream=True)
    limits = {"pictures": ("FOR_STATISTICS", 2), "values": ("_VALUES", 2 * images[0].size)}
    monkeypatch.setattr(stored, *limits[bound])
    data = Dataset.from_arrays(images, labels, ["cat", "dog"])
    chosen = images[images.some_rows(2)]
    assert (data.mean, data.std) == ((chosen.mean(),), (chosen.std(),))


def test_a_damaged_picture_is_named_when_it_is_met(tmp_path: Path) -> None:
    flat(tmp_path, cat=[1, 2, 3], dog=[4, 5, 6])
    broken = tmp_path / "cat" / "1.png"
    content = broken.read_bytes()
    broken.write_bytes(content[:40])
    (images, _), *_ = folders.read(tmp_path, stream=True)
    assert images[0].max() == 1
    with pytest.raises(DataError, match=r"cat/1.png: .*\nTry: fix or remove it, or --skip-dam"):
        images[:]
    broken.write_bytes(content)
    assert images[:].max() == 6  # once it is mended


def test_another_of_its_class_stands_in_for_a_damaged_picture(tmp_path: Path) -> None:
    flat(tmp_path, cat=[1, 2, 3], dog=[4, 5, 6])
    for name in ("cat/2.png", "dog/1.png"):
        (tmp_path / name).write_bytes(b"no picture")
    (images, labels), *_ = folders.read(tmp_path, stream=True, skip_damaged=True)
    assert labels.tolist() == [0, 1, 0, 1, 0, 1]
    for _ in range(2):
        assert images[:][:, 0, 0, 0].tolist() == [1, 4, 2, 6, 1, 6]  # in place of 3 and 5
    assert len(images.damaged) == 2
    assert len(images.part(slice(0, 2)).damaged) == 2
    for i in range(3):
        (tmp_path / "cat" / f"{i}.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"cat/0.png: is empty"):
        folders.read(tmp_path, stream=True, skip_damaged=True)[0][0][0]


def test_damaged_pictures_of_a_sample_have_others_of_the_whole_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mean and deviation are of one picture, which is damaged: another of its class stands in."""
    flat(tmp_path, cat=[1, 2], dog=[3, 4])
    monkeypatch.setattr(stored, "FOR_STATISTICS", 1)
    (images, _), *_ = folders.read(tmp_path, stream=True, skip_damaged=True)
    (row,) = images.for_statistics().rows
    images.index.file(row).write_bytes(b"no picture")
    (sample,) = images.for_statistics()[:]
    assert 1 <= sample.min() == sample.max() <= 4
    with pytest.raises(DataError):  # a part of its own takes none of another part
        images.part(images.some_rows(1))[:]


def test_large_data_is_a_stream_unless_it_is_told_otherwise(
    pets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = (27 + 12 + 9) * 3 * 6 * 7  # bytes of all pictures
    for module in (stored, stream_parts):
        monkeypatch.setattr(module, "STREAM_FROM", taken - 1)
    train, _ = xpcnn.data.load(pets)
    assert isinstance(train.images, Stream)
    assert train.notes[0].startswith("48 pictures would take 0.0 GB of memory, so they are decoded")
    assert "--stream no" in train.notes[0]
    assert isinstance(xpcnn.data.load(pets, stream=False)[0].images, numpy.ndarray)
    assert isinstance(xpcnn.data.load(pets, image_size=(3, 3))[0].images, numpy.ndarray)
    monkeypatch.setattr(stream_parts, "STREAM_FROM", taken)
    assert isinstance(xpcnn.data.load(pets)[0].images, numpy.ndarray)


def test_preflight_looks_at_some(tmp_path: Path) -> None:
    train, test = xpcnn.data.load(flat(tmp_path, cat=[1, 2, 3] * 9, dog=[4, 5, 6] * 9), stream=True)
    found = [str(finding) for finding in preflight(train, test)]
    assert len(found) == 2
    assert found[0].startswith(f"{len(train)} of {len(train)} training images are blank")


def numbers(rows: Iterator[numpy.ndarray]) -> Iterator[numpy.ndarray]:
    return batches_ahead(lambda row: numpy.asarray([row]), rows, (1,), numpy.dtype(int))


@pytest.mark.parametrize("threads", ["1", "7"])
def test_batches_come_in_order_with_any_number_of_threads(
    threads: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, threads)
    wanted = [numpy.asarray([3, 1, 4]), numpy.arange(50), *numpy.arange(40).reshape(20, 2)]
    assert [x[:, 0].tolist() for x in numbers(iter(wanted))] == [x.tolist() for x in wanted]


def test_no_more_than_some_batches_are_read_ahead() -> None:
    asked: list[int] = []

    def wanted() -> Iterator[numpy.ndarray]:
        for i in range(100):
            asked.append(i)
            yield numpy.asarray([i])

    batches = numbers(wanted())
    next(batches)
    assert len(asked) == 17
    batches.close()  # type: ignore[attr-defined]


def test_closing_does_not_wait_for_a_thread_that_reads() -> None:
    closed = threading.Event()
    ended: list[int] = []

    def read(row: int) -> numpy.ndarray:
        if row:
            closed.wait(PATIENCE)
        ended.append(row)
        return numpy.asarray([row])

    batches = batches_ahead(read, iter(numpy.arange(9).reshape(9, 1)), (1,), numpy.dtype(int))
    assert next(batches).tolist() == [[0]]
    batches.close()  # type: ignore[attr-defined]
    assert ended == [0]
    closed.set()


def test_an_error_is_raised_at_its_batch() -> None:
    def read(row: int) -> numpy.ndarray:
        if row > 1:
            raise DataError(f"row {row}")
        return numpy.asarray([row])

    rows = [numpy.asarray(some) for some in ([0, 1], [1, 3, 2], [0])]
    batches = batches_ahead(read, rows, (1,), numpy.dtype(int))
    assert next(batches).tolist() == [[0], [1]]
    with pytest.raises(DataError, match="row 3"):
        next(batches)


def test_the_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "0")
    with pytest.raises(ConfigError, match="XPCNN_READ_THREADS is '0', expected a whole number"):
        reading_threads()
    monkeypatch.delenv(VARIABLE)
    assert reading_threads() >= 1
