"""Mistakes with files and folders, and extras that are not installed."""

import errno
import os
import re
import sys
from pathlib import Path
from types import ModuleType

import numpy
import pytest
from safetensors.numpy import load_file, save

import xpcnn
from tests.data.small_pictures import picture
from tests.io.forged_files import forge
from tests.mistakes.mistake import Given, Mistake
from xpcnn import Model, backend
from xpcnn.cli.model_opening import open_model
from xpcnn.data.pictures import read_picture
from xpcnn.data.reading import Arrays, Pictures
from xpcnn.errors import BackendError, CheckpointError, ConfigError, DataError
from xpcnn.layers import Activation, Dense

AGAIN = "Try: get the file again, or an earlier copy: it may be cut off or damaged"

FILES = [
    Mistake(
        "a model file for another shape",
        lambda b: xpcnn.load(with_shape(b.saved(), [1, 12, 12])),
        CheckpointError,
        "{folder}/m.safetensors: the tensors do not fit the model: "
        "layers.4.weight is (36, 3) float32, expected (100, 3) float32\n"
        "Try: the file of the model that these tensors belong to",
    ),
    Mistake(
        "a model file that is cut off",
        lambda b: xpcnn.load(cut_off(b.saved())),
        CheckpointError,
        re.compile(rf".*/m\.safetensors is not a complete safetensors file: .*\n{AGAIN}"),
    ),
    Mistake(
        "a model file with NaN",
        lambda b: xpcnn.load(with_nan(b.saved())),
        CheckpointError,
        "{folder}/m.safetensors: NaN or infinity in layers.4.bias\n"
        "Try: an earlier state of the model, and a smaller learning rate or clip_norm=1.0",
    ),
    Mistake(
        "a model file of a later version",
        lambda b: xpcnn.load(of_format(b.saved(), 3)),
        CheckpointError,
        "{folder}/m.safetensors has format 3, written by a later xpcnn; this one reads 2\n"
        "Try: a newer xpcnn: pip install --upgrade xpcnn",
    ),
    Mistake(
        "a file that is no model",
        lambda b: xpcnn.load(of_others(b.folder / "m.safetensors")),
        CheckpointError,
        "{folder}/m.safetensors was not written by xpcnn: it has no metadata 'xpcnn'\n"
        "Try: a file written by Model.save; for weights of PyTorch, xpcnn.import_pytorch, or "
        "model.set_weights with arrays by path",
    ),
    Mistake(
        "a model file that is not there",
        lambda b: xpcnn.load(b.folder / "m.safetensors"),
        CheckpointError,
        "{folder}/m.safetensors: there is no such file\nTry: check the path",
    ),
    Mistake(
        "a folder for a model file",
        lambda b: xpcnn.load(b.folder),
        CheckpointError,
        "{folder} is a folder, expected a model file\n"
        "Try: the file in it that ends in .safetensors",
    ),
    Mistake(
        "a run folder that is none",
        lambda b: open_model(str(b.folder)),
        CheckpointError,
        "{folder} is not a run folder: it has no model.safetensors\n"
        "Try: a folder that `xpcnn train` named at its end",
    ),
    Mistake(
        "no space on the disk",
        lambda b: full_disk(b).save(b.folder / "m.safetensors"),
        CheckpointError,
        "{folder}/m.safetensors cannot be written: No space left on device\n"
        "Try: free some space, or another disk",
    ),
    Mistake(
        "saving into a folder that is not there",
        lambda b: b.model.save(b.folder / "none" / "m.safetensors"),
        CheckpointError,
        "{folder}/none/m.safetensors cannot be written: No such file or directory\n"
        "Try: make the folder first",
    ),
    Mistake(
        "saving to a folder",
        lambda b: b.model.save(b.folder),
        CheckpointError,
        "{folder} cannot be written: it is a folder\nTry: a file name in that folder",
    ),
    Mistake(
        "saving a layer that is made of functions",
        lambda b: with_functions().save(b.folder / "m.safetensors"),
        ConfigError,
        "layers.0 (Activation): f is a builtin_function_or_method, which a file cannot hold\n"
        "Try: a layer class of your own, a frozen dataclass of numbers, texts, tuples of them, "
        "layers and initializers; xpcnn.load(path, layers=[YourLayer]) reads it",
    ),
    Mistake(
        "a data set that is not there",
        lambda b: xpcnn.data.load(b.folder / "none.npz"),
        DataError,
        "{folder}/none.npz: there is no such file or folder\nTry: check the path",
    ),
    Mistake(
        "a picture with NaN",
        lambda b: read_picture(tiff(b.folder / "a.tif", numpy.nan), Pictures("F", (3, 3))),
        DataError,
        "{folder}/a.tif: holds NaN or infinity\n"
        "Try: fill these pixels in, or leave the picture out",
    ),
    Mistake(
        "a picture of floats for a model of 8 bits",
        lambda b: read_picture(tiff(b.folder / "a.tif", 0.5), Pictures("L", (3, 3))),
        DataError,
        "{folder}/a.tif: its values are floats, expected of 8 or 16 bits, from black to white\n"
        "Try: pictures of the kind that the others, or those in training, have",
    ),
    Mistake(
        "inverting colours",
        lambda _: read_picture("a.png", Pictures("RGB", (3, 3)), "yes"),
        ConfigError,
        "pictures of colours cannot be inverted: dark and light have no opposite there\n"
        "Try: invert them before, or leave --invert out",
    ),
    Mistake(
        "a picture for a model of arrays on a scale of their own",
        lambda _: read_picture("a.png", Arrays((1, 3, 3), None, None)),
        ConfigError,
        "the model was trained on arrays in which black and white are not known\n"
        "Try: model.predict(images) in Python, with arrays",
    ),
    Mistake(
        "a file that is no data set",
        lambda b: xpcnn.data.load(written(b.folder / "data.txt")),
        DataError,
        "{folder}/data.txt: is not a known kind of data file\n"
        "Try: a name that ends in .csv, if it has a row for each image",
    ),
]

EXTRAS = [
    Mistake(
        "CuPy is not installed",
        lambda b: without("cupy", b).load("cupy"),
        BackendError,
        "backend 'cupy' cannot be used: not installed (there is no module cupy)\n"
        'Try: pip install "cupy-cuda13x[ctk]" (driver older than 580: "cupy-cuda12x[ctk]")',
    ),
    Mistake(
        "PyTorch is not installed",
        lambda b: without("torch", b).load("torch"),
        BackendError,
        "backend 'torch' cannot be used: PyTorch is not installed\nTry: pip install torch",
    ),
    Mistake(
        "array-api-strict is not installed",
        lambda b: without("array_api_strict", b).load("array_api_strict"),
        BackendError,
        "backend 'array_api_strict' cannot be used: array-api-strict is not installed\n"
        "Try: pip install array-api-strict",
    ),
    Mistake(
        "Pillow is not installed",
        lambda b: without("PIL", b) and read_picture("a.png", Pictures("L", (3, 3))),
        DataError,
        "reading pictures needs Pillow, which is not installed\nTry: pip install 'xpcnn[images]'",
    ),
]


def tiff(path: Path, value: float) -> Path:
    """Write a picture of floats."""
    pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    return picture(path, numpy.full((3, 3), value), numpy.float32)


def with_shape(path: Path, shape: list[int]) -> Path:
    return rewritten(path, {"input_shape": shape})


def of_format(path: Path, number: int) -> Path:
    return rewritten(path, {"format": number})


def with_nan(path: Path) -> Path:
    tensors = load_file(path)
    tensors["layers.4.bias"][1] = numpy.nan
    return rewritten(path, {}, tensors)


def rewritten(
    path: Path, changes: dict[str, object], tensors: dict[str, numpy.ndarray] | None = None
) -> Path:
    """Write a model file again, with other metadata or tensors."""
    return forge(path, lambda metadata: metadata.update(changes), tensors)


def cut_off(path: Path) -> Path:
    path.write_bytes(path.read_bytes()[:-100])
    return path


def of_others(path: Path) -> Path:
    path.write_bytes(save({"weight": numpy.zeros(3)}, {"format": "pt"}))
    return path


def written(path: Path) -> Path:
    path.write_text("words")
    return path


def full_disk(given: Given) -> Model:
    def fail(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    given.patch.setattr("os.fsync", fail)
    return given.model


def with_functions() -> Model:
    return Model([Activation(abs, abs), Dense(2)], input_shape=(3,))


def without(module: str, given: Given) -> ModuleType:
    """Return the module that loads backends, in a Python without a module."""
    given.patch.setattr(sys, "platform", "linux")
    given.patch.setitem(sys.modules, module, None)
    return backend
