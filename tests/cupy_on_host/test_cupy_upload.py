"""Batches copied to a device while it computes: the same bits, and no work out of order."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest

from tests.cuda_on_host import arrays, streams
from tests.fake_cupy import cupy_on_host
from xpcnn import Model, backend
from xpcnn.backend import Backend
from xpcnn.data.augment import Flip
from xpcnn.layers import Dense, Flatten, Layer
from xpcnn.training.prefetch import prefetched
from xpcnn.types import flatten

BATCHES = [numpy.arange(i, i + rows * 6, dtype="float32").reshape(rows, 6) for i, rows in
           enumerate((4, 4, 4, 4, 4, 3))]  # fmt: skip


@pytest.fixture(autouse=True)
def every_copy_has_ended(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(streams, "uses", {})
    monkeypatch.setattr(streams, "in_flight", [])
    yield
    assert len(streams.in_flight) == 0


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Backend:
    """Return CuPy on the host, without its CUDA kernels, which take seconds to compile."""
    opened = cupy_on_host()
    monkeypatch.setitem(backend._kernels, opened.array_type, {})
    return opened


def doubled(gpu: Backend, session: Any = None) -> list[Any]:
    """Return twice each batch, computed on the device as a run does."""
    twice = (x + x for x in gpu.uploaded(iter(BATCHES)))
    return [arrays.on_host(y) for y in prefetched(twice, session or gpu.session)]


def test_the_batches_arrive_in_order(gpu: Backend) -> None:
    arrays.waits.clear()
    found = doubled(gpu)
    for y, batch in zip(found, BATCHES, strict=True):
        assert y.tolist() == (2 * batch).tolist()
    assert len(streams.uses) == 2  # buffers
    assert arrays.waits == []


def nothing(*_: object) -> None:
    pass


@pytest.mark.parametrize(
    ("left_out", "message"),
    [
        ("the step waits for the copy", "read before the end of its copy"),
        ("the copy waits for the use", "a copy begins while its memory may be in use"),
        ("the use is recorded", "a copy begins while its memory may be in use"),
        ("the host waits for the copy", "pinned memory changed during its copy"),
    ],
)
def test_an_order_that_is_not_kept_is_seen(
    gpu: Backend, left_out: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait, record = streams.Stream.wait_event, streams.Event.record
    default = streams.default
    if left_out == "the step waits for the copy":
        monkeypatch.setattr(default, "wait_event", nothing)
    elif left_out == "the copy waits for the use":
        monkeypatch.setattr(
            streams.Stream, "wait_event", lambda s, e: wait(s, e) if s is default else None
        )
    elif left_out == "the use is recorded":
        monkeypatch.setattr(
            streams.Event, "record", lambda e, s=None: record(e, s) if s or not e.time else None
        )
    else:
        monkeypatch.setattr(streams.Event, "synchronize", nothing)
    with pytest.raises(AssertionError, match=message):
        doubled(gpu)
    streams.in_flight.clear()


def test_copies_end_when_a_run_stops(gpu: Backend) -> None:
    coming = gpu.uploaded(iter(BATCHES))
    next(coming)
    assert len(streams.in_flight) == 1
    coming.close()  # type: ignore[attr-defined]  # a generator


def test_the_thread_copies_to_the_device_of_the_backend(
    gpu: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    usual = streams.Stream.__init__

    def noted(stream: Any, non_blocking: bool) -> None:
        usual(stream, non_blocking)
        made.append(stream.device)

    monkeypatch.setattr(streams.Stream, "__init__", noted)
    monkeypatch.setattr(gpu.device, "id", 1)
    doubled(gpu)
    assert made == [1]


LAYERS: list[Layer] = [Flatten(), Dense(3)]


def trained(gpu: Backend, images: numpy.ndarray, augment: list[Any]) -> dict[str, bytes]:
    model = Model(LAYERS, input_shape=images.shape[1:], backend=gpu)
    labels = numpy.arange(len(images)) % 3
    model.fit(
        (images, labels), validation=0.2, epochs=2, batch_size=4, augment=augment, health=False
    )
    return {path: gpu.to_host(w).tobytes() for path, w in flatten(model.params).items()}


@pytest.mark.parametrize("augment", [[], [Flip()]], ids=["plain", "augmented"])
def test_a_run_on_a_memory_map_has_the_bits_of_one_in_memory(
    gpu: Backend, augment: list[Any], tmp_path: Path
) -> None:
    images = numpy.random.default_rng(0).integers(0, 256, (33, 1, 4, 4), dtype=numpy.uint8)
    numpy.save(tmp_path / "images.npy", images)
    mapped = numpy.load(tmp_path / "images.npy", mmap_mode="r")
    expected = trained(gpu, images, augment)
    assert not streams.uses
    assert trained(gpu, mapped, augment) == expected
    assert streams.uses


def test_other_libraries_move_each_batch_when_it_is_asked_for() -> None:
    host = backend.load("numpy")
    assert not host.uploads_ahead
    coming = host.uploaded(iter(BATCHES[:1]))
    assert next(coming) is BATCHES[0]
