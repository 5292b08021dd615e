"""How well `xpcnn train --dataset photos/` does without any other flag.

    python -m tests.photos --data-dir FOLDER        # with CIFAR-10's binary files; minutes

Writes 400 JPEGs each of cats, dogs and ships out of CIFAR-10's training images, a folder for each
class, and trains on them with the defaults; then the same pictures enlarged to sizes between 40 and
160 pixels. Prints the accuracy on the test part that `train` sets aside, seed by seed, and means.

These two means do not show what enlarging costs. `train` chooses the test part by a hash of the
pixels, so the enlarged pictures have another one, and the accuracies on two parts of 240 pictures
differ by 0.04 (one standard error) through the choice alone. The cost is measured on pairs: the
same files as `train`, `val` and `test` folders, tested on the 1,000 test images of each class.
Prints the mean difference over the seeds and its standard error.
Needs Pillow.
"""

import argparse
import json
import math
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy

import xpcnn
from tests.cli.process import environment
from xpcnn.data import Dataset

CLASSES = ("cat", "dog", "ship")
KINDS = ("as they are", "enlarged")
SIZES = (40, 160)
QUALITY = 90
VALIDATION = 0.1


def write(folder: Path, images: numpy.ndarray, mixed: bool, seed: int = 0) -> None:
    """Write images (n, 3, h, w) as JPEG files, of mixed sizes if asked for."""
    from PIL import Image

    folder.mkdir(parents=True)
    sides = numpy.random.default_rng(seed).integers(*SIZES, len(images), endpoint=True)
    for i, (image, side) in enumerate(zip(images, sides.tolist(), strict=True)):
        picture = Image.fromarray(image.transpose(1, 2, 0))
        if mixed:
            picture = picture.resize((side, side), Image.Resampling.BICUBIC)
        picture.save(folder / f"{i:04}.jpg", quality=QUALITY)


def write_all(folder: Path, train: Dataset, test: Dataset, count: int, mixed: bool) -> None:
    """Write `count` pictures of each class to `folder/photos`, and as parts to `folder/parts`."""
    held = math.ceil(count * VALIDATION)
    for label, name in enumerate(CLASSES):
        images = train.images[train.labels == label][:count]
        unseen = test.images[test.labels == label]
        write(folder / "photos" / name, images, mixed, label)
        parts = {"train": images[held:], "val": images[:held], "test": unseen}
        for part, chosen in parts.items():
            write(folder / "parts" / part / name, chosen, mixed, label)


def train(photos: Path, seed: int, flags: Sequence[str] = ()) -> tuple[float, float]:
    """Train with the defaults in a process of its own; return test accuracy and seconds."""
    command = [sys.executable, "-m", "xpcnn", "train", "--dataset", str(photos), "--json"]
    out = photos.parent / f"run-{photos.name}-{seed}"
    command += ["--quiet", "--seed", str(seed), "--out", str(out), *flags]
    ran = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    if ran.returncode:
        raise SystemExit(ran.stderr)
    result = json.loads(ran.stdout)
    return result["test"]["accuracy"], result["seconds"]


def measure(name: str, photos: Path, seeds: int, flags: Sequence[str]) -> list[float]:
    """Train with each seed; print and return the test accuracies."""
    accuracies, times = [], []
    for seed in range(seeds):
        accuracy, seconds = train(photos, seed, flags)
        accuracies.append(accuracy)
        times.append(seconds)
        print(f"{name}, seed {seed}: test accuracy {accuracy:.4f}, {seconds:.0f} s", flush=True)
    print(
        f"{name}: test accuracy {statistics.mean(accuracies):.4f} (mean of {seeds} seeds, "
        f"worst {min(accuracies):.4f}), {statistics.mean(times):.0f} s",
        flush=True,
    )
    return accuracies


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the pictures, train, and print the accuracies."""
    parser = argparse.ArgumentParser(prog="python -m tests.photos")
    parser.add_argument("--data-dir", help="folder with CIFAR-10; downloaded without it")
    parser.add_argument("--images", type=int, default=400, help="of each class (%(default)s)")
    parser.add_argument("--seeds", type=int, default=3, help="how many (%(default)s)")
    parser.add_argument("--flags", default="", help="further flags of `xpcnn train`")
    given = parser.parse_args(arguments)
    flags = given.flags.split()
    data, unseen = xpcnn.data.load("cifar10", given.data_dir, classes=CLASSES)
    with tempfile.TemporaryDirectory() as place:
        folders = {kind: Path(place) / kind.replace(" ", "-") for kind in KINDS}
        for kind, folder in folders.items():
            write_all(folder, data, unseen, given.images, mixed=kind == "enlarged")
            measure(kind, folder / "photos", given.seeds, flags)
        pairs = [
            measure(f"{kind}, unseen pictures", folder / "parts", given.seeds, flags)
            for kind, folder in folders.items()
        ]
    lost = [before - after for before, after in zip(*pairs, strict=True)]
    error = statistics.stdev(lost) / math.sqrt(len(lost)) if len(lost) > 1 else math.nan
    print(
        f"lost by enlarging, on the same {len(unseen):,} unseen pictures: "
        f"{statistics.mean(lost):.4f}, standard error {error:.4f}"
    )


if __name__ == "__main__":
    main()
