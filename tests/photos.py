"""How well `xpcnn train --dataset photos/` does without any other flag.

    python -m tests.photos --data-dir FOLDER        # with CIFAR-10's binary files; minutes

Writes 400 JPEGs each of cats, dogs and ships out of CIFAR-10's training images, a folder for each
class, and trains on them with the defaults; then the same pictures enlarged to sizes between 40 and
160 pixels. Prints the accuracy on the test part that `train` sets aside, seed by seed, and means.
Needs Pillow.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy

import xpcnn
from tests.cli.process import environment

CLASSES = ("cat", "dog", "ship")
SIZES = (40, 160)
QUALITY = 90


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


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the pictures, train, and print the accuracies."""
    parser = argparse.ArgumentParser(prog="python -m tests.photos")
    parser.add_argument("--data-dir", help="folder with CIFAR-10; downloaded without it")
    parser.add_argument("--images", type=int, default=400, help="of each class (%(default)s)")
    parser.add_argument("--seeds", type=int, default=3, help="how many (%(default)s)")
    parser.add_argument("--flags", default="", help="further flags of `xpcnn train`")
    given = parser.parse_args(arguments)
    data, _ = xpcnn.data.load("cifar10", given.data_dir, classes=CLASSES)
    with tempfile.TemporaryDirectory() as place:
        for kind in ("as they are", "enlarged"):
            photos = Path(place) / kind.replace(" ", "-")
            for label, name in enumerate(CLASSES):
                images = data.images[data.labels == label][: given.images]
                write(photos / name, images, mixed=kind == "enlarged", seed=label)
            found = []
            for seed in range(given.seeds):
                found.append(train(photos, seed, given.flags.split()))
                accuracy, seconds = found[-1]
                print(f"{kind}, seed {seed}: test accuracy {accuracy:.4f}, {seconds:.0f} s")
            accuracies, times = zip(*found, strict=True)
            print(
                f"{kind}: test accuracy {statistics.mean(accuracies):.4f} (mean of {given.seeds} "
                f"seeds, worst {min(accuracies):.4f}), {statistics.mean(times):.0f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()
