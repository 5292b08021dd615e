"""Images that stay on disk give the bits that they give in memory."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy
import pytest

import xpcnn
from tests.cli.process import environment
from tests.data.small_pictures import picture
from xpcnn import Model
from xpcnn.data import Dataset, preflight
from xpcnn.data.stored import Mapped, Stored, joined
from xpcnn.errors import DataError
from xpcnn.layers import Conv2D, Dense, Flatten, Layer, ReLU
from xpcnn.types import flatten

LAYERS: list[Layer] = [Conv2D(2, 3), ReLU(), Flatten(), Dense(3)]


def arrays(dtype: str = "u1") -> tuple[numpy.ndarray, numpy.ndarray]:
    images = numpy.random.default_rng(0).integers(0, 256, (40, 2, 6, 5))
    return images.astype(dtype), numpy.arange(40) % 3


def mapped(path: Path, images: numpy.ndarray) -> numpy.ndarray:
    numpy.save(path, images)
    found: numpy.ndarray = numpy.load(path, mmap_mode="r")
    return found


def test_it_is_read_by_index_as_an_array_is(tmp_path: Path) -> None:
    array = numpy.arange(12, dtype="u1").reshape(6, 1, 1, 2)  # 0 1, 2 3, 4 5, ...
    images = Mapped(mapped(tmp_path / "x.npy", array))
    assert images[2].tolist() == [[[4, 5]]]
    assert images[1:3].ravel().tolist() == [2, 3, 4, 5]
    assert images[[5, 0]].ravel().tolist() == [10, 11, 0, 1]
    assert images[array[:, 0, 0, 0] > 7].ravel().tolist() == [8, 9, 10, 11]
    assert (images.shape, images.ndim, images.size, len(images)) == ((6, 1, 1, 2), 4, 12, 6)
    part = images.part(numpy.asarray([4, 1]))
    assert [x.ravel().tolist() for x in part] == [[8, 9], [2, 3]]
    both = joined([part, images.part(slice(0, 1))])
    assert isinstance(both, Mapped)
    assert both[:].ravel().tolist() == [8, 9, 2, 3, 0, 1]
    with pytest.raises(IndexError):
        images[6]


@pytest.mark.parametrize("dtype", ["u1", "f4", "f8"])
def test_a_memory_map_trains_to_the_bits_of_an_array(dtype: str, tmp_path: Path) -> None:
    images, labels = arrays(dtype)

    def results(x: numpy.ndarray) -> list[Any]:
        model = Model(LAYERS, input_shape=(2, 6, 5), seed=1)
        history = model.fit(x, labels, validation=0.3, epochs=2, batch_size=7, progress=False)
        weights = {path: w.tobytes() for path, w in flatten(model.params).items()}
        p = model.predict_proba(x, batch_size=9).tobytes()
        return [weights, history.losses(), model.mean, model.reading, model.evaluate(x, labels), p]

    assert results(mapped(tmp_path / "x.npy", images)) == results(images)


def test_a_data_set_keeps_a_memory_map_on_disk(tmp_path: Path) -> None:
    images, labels = arrays("f4")
    there = Dataset.from_arrays(mapped(tmp_path / "x.npy", images), labels)
    here = Dataset.from_arrays(images, labels)
    assert isinstance(there.images, Stored)
    assert there.digest() == here.digest()
    assert (there.mean, there.std) == (here.mean, here.std)
    assert preflight(there, there) == preflight(here, here)
    parts, expected = xpcnn.data.split(there, 0.25, 3), xpcnn.data.split(here, 0.25, 3)
    for part, same in zip(parts, expected, strict=True):
        assert part is not None
        assert same is not None
        assert isinstance(part.images, Stored)
        assert (part.images[:] == same.images).all()
    assert isinstance(there.select(limit=3).images, Stored)


def test_not_finite(tmp_path: Path) -> None:
    images, labels = arrays("f4")
    images[3, 0, 0, 0] = numpy.nan
    with pytest.raises(DataError, match="1 of 40 images hold NaN or infinity, the first: images 3"):
        Dataset.from_arrays(mapped(tmp_path / "x.npy", images), labels)


@pytest.mark.parametrize("last", [False, True], ids=["channels first", "channels last"])
def test_the_arrays_of_an_npz_file_are_read_where_they_lie(last: bool, tmp_path: Path) -> None:
    images, labels = arrays()
    if last:
        images = numpy.concatenate([images, images[:, :1]], axis=1).transpose(0, 2, 3, 1)
    numpy.savez(
        tmp_path / "x.npz",
        images=images,
        labels=labels,
        test_images=images[:6],
        test_labels=labels[:6],
    )
    path = tmp_path / "x.npz"
    for there, here in zip(
        xpcnn.data.load(path, stream=True), xpcnn.data.load(path, stream=False), strict=True
    ):
        assert isinstance(there.images, Mapped)
        assert isinstance(here.images, numpy.ndarray)
        assert there.digest() == here.digest()
        assert (there.images[:] == here.images).all()
    everything = xpcnn.data.load_whole(path, stream=True)
    assert everything.digest() == xpcnn.data.load_whole(path).digest()


def test_a_compressed_file_cannot_be_read_where_it_lies(tmp_path: Path) -> None:
    images, labels = arrays()
    numpy.savez_compressed(tmp_path / "x.npz", images=images, labels=labels)
    with pytest.raises(DataError, match="is compressed, so that it cannot be mapped"):
        xpcnn.data.load(tmp_path / "x.npz", stream=True)


MEASURED = """
import re, sys
from pathlib import Path
import xpcnn
from xpcnn.layers import Dense, Flatten

def anonymous():
    return int(re.search(r"RssAnon:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) >> 10

def fit(train):
    model = xpcnn.Model([Flatten(), Dense(len(train.classes))], input_shape=train.shape)
    sgd = xpcnn.optimizers.SGD(1e-9)
    model.fit(train, epochs=1, validation=0.1, optimizer=sgd, progress=False)

fit(xpcnn.data.load("digits")[0])  # what is imported is not counted
before = anonymous()
train, test = xpcnn.data.load(sys.argv[1], stream=True)
fit(train)
print(*train.shape[1:], anonymous() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory as Linux shows it")
@pytest.mark.parametrize("kind", ["npz", "pictures"])
def test_memory_does_not_grow_with_the_data(kind: str, tmp_path: Path) -> None:
    if kind == "npz":
        path, count = tmp_path / "x.npz", 3_000
        images = numpy.zeros((count, 1, 128, 128), numpy.uint8)  # 49 MB
        images[:, 0, 0, :2] = numpy.arange(count, dtype="<u2").view("u1").reshape(count, 2)
        numpy.savez(path, images=images, labels=numpy.arange(count) % 2)
    else:
        pytest.importorskip("PIL.Image", reason="Pillow is not installed")
        path = tmp_path
        for name in "ab":  # 59 MB in memory; on disk, links to two files
            first = picture(path / name / "0.png", numpy.full((128, 128, 3), ord(name)))
            for i in range(1, 600):
                os.link(first, path / name / f"{i}.png")
    command = [sys.executable, "-c", MEASURED, str(path)]
    told = subprocess.run(
        command, check=True, capture_output=True, text=True, env=environment()
    ).stdout
    h, w, grown = map(int, told.split())
    assert (h, w) == (128, 128)
    assert grown < 30, grown  # MiB
