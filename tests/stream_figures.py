"""`python -m tests.stream_figures`: what data on disk costs, in figures. Linux; not in CI.

    decode      pictures per second of a core, beside Pillow alone
    wait        share of an epoch in which the step waits for pictures, on a stream and on a pack
    packed      speed of training on a pack, beside the same images in memory
    memory      peak memory of a training on 20,000 links
    imagenet    seconds to the first step, with 1,000 classes and 1,280,000 pictures (links)
    sparse      the same, of 20 GB of packed images (files of holes)

`--only NAME` prints one; `--scratch FOLDER` holds the files, by default a temporary folder.
"""

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy
from PIL import Image

import xpcnn
from xpcnn.data import Dataset
from xpcnn.data.contents import ReadOptions
from xpcnn.data.folder_tree import Name
from xpcnn.data.path_contents import streams
from xpcnn.data.pictures import read_picture
from xpcnn.data.reading import Fit, Pictures
from xpcnn.data.stored import Stored
from xpcnn.data.streams.packed import Pack
from xpcnn.data.streams.packed_images import shard_path, shard_sizes
from xpcnn.data.streams.read_ahead import reading_threads
from xpcnn.io.packing import pack

ROUNDS = 3


def photograph(path: Path, random: numpy.random.Generator, w: int = 500, h: int = 375) -> None:
    """Write a JPEG of quality 90 with coarse shapes and fine noise, about 85 KB."""
    shapes = random.integers(0, 256, (24, 32, 3), dtype=numpy.uint8)
    pixels = numpy.asarray(Image.fromarray(shapes).resize((w, h), Image.Resampling.BICUBIC))
    noisy = pixels + random.normal(0, 10, pixels.shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(noisy.clip(0, 255).astype(numpy.uint8)).save(path, quality=90)


def photographs(folder: Path, count: int, classes: int = 2, w: int = 500, h: int = 375) -> Path:
    """Write photographs into a folder for each class, once; return the folder."""
    if not folder.exists():
        random = numpy.random.default_rng(0)
        for i in range(count):
            photograph(folder / f"c{i % classes:04}" / f"{i}.jpg", random, w, h)
    return folder


def alone(path: Path, size: int) -> None:
    """Read a picture with Pillow as one would by hand."""
    with Image.open(path) as picture:
        picture.convert("RGB").resize((size, size), Image.Resampling.BICUBIC)


def decode(scratch: Path) -> None:
    files = sorted(photographs(scratch / "photos", 200).rglob("*.jpg"))

    def rate(read: Callable[[Path], object]) -> float:
        start = time.process_time()
        for path in files:
            read(path)
        return len(files) / (time.process_time() - start)

    fits: tuple[Fit, ...] = ("pad", "crop")
    for size, fit in itertools.product((224, 64, 32), fits):
        reading = Pictures("RGB", (size, size), fit)
        pairs = [
            (rate(lambda path: alone(path, size)), rate(lambda path: read_picture(path, reading)))  # noqa: B023 - called at once
            for _ in range(ROUNDS)
        ]
        pillow, ours = (max(column) for column in zip(*pairs, strict=True))
        print(
            f"500 x 375 to {size} x {size}, {fit}: {ours:.0f} pictures per second of a core, "
            f"Pillow alone {pillow:.0f}, ratio {ours / pillow:.2f}"
        )


def wait(scratch: Path) -> None:
    root = photographs(scratch / "small photos", 3000, 10, 64, 48)
    for what, path in (("stream", root), ("pack", packed(scratch, root, 32))):
        train, _ = xpcnn.data.load(path, stream=True, image_size=(32, 32))
        for name in ("tiny", "medium", "resnet20"):
            waited, seconds, speed = epoch(train, name)
            print(
                f"{what}, {name}: {waited / seconds:.0%} of the epoch waiting for pictures, "
                f"{speed:,.0f} images/s, {reading_threads()} threads read"
            )


def epoch(train: Dataset, name: str) -> tuple[float, float, float]:
    """Train an epoch; return seconds waited for data, seconds in all, images per second."""
    preset = xpcnn.models.preset(name).for_data(train.shape, len(train.classes))
    model = xpcnn.Model(preset.layers, input_shape=train.shape)
    kind, waited = type(train.images), [0.0]
    usual = getattr(kind, "batches", None)

    def timed(images: Stored, wanted: Iterable[numpy.ndarray]) -> Iterator[numpy.ndarray]:
        assert usual is not None
        batches = usual(images, wanted)
        while True:
            start = time.perf_counter()
            batch = next(batches, None)
            waited[0] += time.perf_counter() - start
            if batch is None:
                return
            yield batch

    if usual is not None:
        kind.batches = timed
    try:
        history = model.fit(train, epochs=1, progress=False, health=False)
    finally:
        if usual is not None:
            kind.batches = usual
    last = history.epochs[-1]
    return waited[0], last.seconds, last.images_per_second


def packed(scratch: Path, root: Path, size: int) -> Path:
    out = scratch / f"{root.name} packed {size}"
    found = streams(root, ReadOptions(image_size=(size, size)))
    pack(found.parts, found.classes or (), out, shard_mb=1)  # several shards
    return out


def beside_memory(scratch: Path) -> None:
    path = packed(scratch, photographs(scratch / "small photos", 3000, 10, 64, 48), 32)
    there, _ = xpcnn.data.load(path)
    here = Dataset(**{**vars(there), "images": there.images[:]})
    for name in ("tiny", "small", "medium"):
        pairs = [(epoch(here, name)[2], epoch(there, name)[2]) for _ in range(2 * ROUNDS)]
        memory, disk = (max(column) for column in zip(*pairs, strict=True))
        median = numpy.median([b / a for a, b in pairs])
        print(
            f"{name}: {disk:,.0f} images/s from a pack, {memory:,.0f} from memory, "
            f"ratio of the fastest {disk / memory:.2f}, median of pairs {median:.2f}"
        )


def links(folder: Path, count: int, classes: int, w: int = 500, h: int = 375) -> Path:
    """Make hard links to one photograph for each class: folders train and val; return the root."""
    root = folder / f"{count} links of {w} x {h}"
    if not root.exists():
        sources = photographs(folder / f"{classes} of {w} x {h}", classes, classes, w, h)
        for part, each in (("train", count // classes), ("val", 50)):
            for i, source in enumerate(sorted(sources.rglob("*.jpg"))):
                (root / part / f"n{i:08}").mkdir(parents=True)
                for j in range(each):
                    os.link(source, root / part / f"n{i:08}" / f"n{i:08}_{j}.JPEG")
    return root


def train(root: Path, *flags: str) -> dict[str, float]:
    """Run `xpcnn train --json` on a stream in a process of its own; return what it prints."""
    command = [sys.executable, "-m", "xpcnn", "train", "--dataset", str(root), "--stream", "yes"]
    with tempfile.TemporaryDirectory() as out:
        rest = ["--image-size", "32,32", "--model", "tiny", "--json", "--out", f"{out}/run"]
        ran = subprocess.run([*command, *rest, *flags], stdout=subprocess.PIPE, check=True)
    told: dict[str, float] = json.loads(ran.stdout)
    return told


def memory(scratch: Path) -> None:
    for count in (2_000, 20_000):
        told = train(links(scratch, count, 10, 128, 96), "--epochs", "1", "--quiet")
        print(f"{count:,} links: peak memory {told['peak_memory_mb']:.0f} MB")


FIRST_STEP = """
import sys, time
start = time.perf_counter()
import xpcnn
from xpcnn.training import Callback

class First(Callback):
    def on_step(self, step):
        peak = xpcnn.backend.load("numpy").memory()["peak_rss"] / 1e6
        print(f"first step after {time.perf_counter() - start:.1f} s "
              f"({time.process_time():.1f} s of cores), peak memory {peak:.0f} MB")

train, validation, test = xpcnn.data.load_parts(sys.argv[1], image_size=eval(sys.argv[2]))
print(f"{len(train):,} + {len(validation or ()):,} + {len(test):,} pictures, "
      f"{type(train.images).__name__}, data set after {time.perf_counter() - start:.1f} s")
layers = xpcnn.models.preset("tiny").for_data(train.shape, len(train.classes)).layers
model = xpcnn.Model(layers, input_shape=train.shape)
model.fit(train, max_steps=1, epochs=1, batch_size=64, callbacks=[First()], progress=False)
"""


def imagenet(scratch: Path) -> None:
    size = "(64, 64)"
    root = links(scratch, 1_280_000, 1000)
    subprocess.run([sys.executable, "-c", FIRST_STEP, root, size], check=True)


def sparse(scratch: Path) -> None:
    size = "None"
    root, count = scratch / "sparse", 133_000  # 20 GB at 224 x 224
    if not root.exists():
        root.mkdir()
        images: dict[Name, int] = {"train": count}
        told = Pack(Pictures("RGB", (224, 224)), ("a", "b"), images, 7000, "", True)
        (root / "pack.json").write_text(told.as_json())
        numpy.save(root / "train_labels.npy", numpy.arange(count) % 2)
        words = numpy.random.default_rng(0).integers(0, 1 << 63, count, numpy.uint64)
        numpy.save(root / "train_words.npy", words)
        for number, held in enumerate(shard_sizes(count, told.shard)):
            path, shape = shard_path(root, "train", number), (held, 3, 224, 224)
            numpy.lib.format.open_memmap(path, "w+", numpy.uint8, shape)
    subprocess.run([sys.executable, "-c", FIRST_STEP, root, size], check=True)


FIGURES = {
    "decode": decode,
    "wait": wait,
    "packed": beside_memory,
    "memory": memory,
    "sparse": sparse,
    "imagenet": imagenet,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.stream_figures", description=__doc__)
    parser.add_argument("--only", choices=[*FIGURES])
    parser.add_argument("--scratch", type=Path)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        scratch = chosen.scratch or Path(folder)
        for name in [chosen.only] if chosen.only else FIGURES:
            print(f"{name}:", flush=True)
            FIGURES[name](scratch)


if __name__ == "__main__":
    main()
