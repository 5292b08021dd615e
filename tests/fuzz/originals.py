"""Whole and valid files of every format that is read: what the mutations start from."""

import gzip
import io
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy
from PIL import Image

import xpcnn
from tests.data.make_files import idx_bytes, tar_bytes
from tests.presets import narrow
from xpcnn.layers import BatchNorm, Conv2D, Dense, Flatten, Layer, MaxPool2D, ReLU, Residual
from xpcnn.training import Checkpoints

FORMATS = {"png": "PNG", "jpg": "JPEG", "gif": "GIF", "bmp": "BMP", "tif": "TIFF", "webp": "WEBP"}

RUN: dict[str, Any] = {"epochs": 2, "batch_size": 4}

LABELS = numpy.asarray([[0, 0], [0, 1], [1, 0], [1, 1], [0, 1], [1, 0]], float)
NUMBERS = numpy.asarray([[0.5, 100], [1, 90], [1.5, 80], [2, 70], [2.5, 60], [3, 50]])
"""Targets (6, 2) of `samples`: two labels, and two numbers."""


def samples(count: int = 6) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Return images (n, 1, 5, 4) and labels 0, 1, 2, 0, ..."""
    images = numpy.random.default_rng(0).integers(0, 256, (count, 1, 5, 4), numpy.uint8)
    return images, numpy.arange(count) % 3


def small_model() -> xpcnn.Model:
    """Return a network of several kinds of layers for `samples`."""
    body: list[Layer] = [Conv2D(2, 3, padding="same"), BatchNorm(), ReLU(), MaxPool2D(2)]
    layers = [*body, Residual(ReLU()), Flatten(), Dense(3)]
    return xpcnn.Model(layers, input_shape=(1, 5, 4), classes=("a", "b", "c"), seed=1)


def models(folder: Path) -> None:
    model = small_model()
    model.fit(samples(), **RUN)
    model.save(folder / "m.safetensors")


def target_models(folder: Path) -> None:
    """Write a model of several labels with thresholds, and one of numbers with a scale."""
    images, _ = samples()
    for task, targets in (("multi-label", LABELS), ("regression", NUMBERS)):
        layers: list[Layer] = [Conv2D(2, 3), ReLU(), Flatten(), Dense(2)]
        model = xpcnn.Model(layers, input_shape=(1, 5, 4), classes=("a", "b"), task=task, seed=1)
        model.fit((images, targets), **RUN)
        model.save(folder / f"{task}.safetensors")


def onnx(folder: Path) -> None:
    model = small_model()
    model.fit(samples(), **RUN)
    xpcnn.export_onnx(model, folder / "m.onnx")


def weights(folder: Path) -> None:
    """Write the weights of a narrow ResNet-18 with PyTorch's names."""
    found = narrow("resnet18", 16, 3)
    model = xpcnn.Model(found.layers, input_shape=found.input_shape, seed=1)
    xpcnn.export_pytorch(model, folder / "w.safetensors")


def checkpoints(folder: Path) -> None:
    small_model().fit(samples(), checkpoints=Checkpoints(folder, every_steps=1, keep=1), **RUN)
    (folder / "m.safetensors").unlink(missing_ok=True)


def cases(folder: Path) -> None:
    """Write the file of an update that diverged."""
    from xpcnn.optimizers import SGD

    try:
        small_model().fit(samples(), checkpoints=Checkpoints(folder), optimizer=SGD(1e30), **RUN)
    except xpcnn.errors.XpcnnError:
        return
    raise AssertionError("the run did not diverge")


def presets(folder: Path) -> None:
    for path in Path(xpcnn.models.__file__).parent.glob("*.toml"):
        (folder / path.name).write_bytes(path.read_bytes())


def shards(folder: Path) -> None:
    """Write tar shards of all formats of pictures, with short and long names."""
    images, labels = samples(12)
    for part, form in (("train", tarfile.PAX_FORMAT), ("test", tarfile.GNU_FORMAT)):
        with tarfile.open(folder / f"{part}-0.tar", "w", format=form) as archive:
            for i, (image, label) in enumerate(zip(images, labels.tolist(), strict=True)):
                ending, kind = [*FORMATS.items()][i % len(FORMATS)]
                picture = io.BytesIO()
                Image.fromarray(image[0]).save(picture, kind)
                key = f"{i}" if i % 2 else f"{'long' * 30}{i}"
                for name, content in ((ending, picture.getvalue()), ("cls", b"%d" % label)):
                    info = tarfile.TarInfo(f"{key}.{name}")
                    info.size = len(content)
                    archive.addfile(info, io.BytesIO(content))


def parquets(folder: Path) -> None:
    """Write a Parquet file of pictures."""
    import pyarrow
    from pyarrow import parquet

    images, labels = samples(12)
    pictures = []
    for image in images:
        picture = io.BytesIO()
        Image.fromarray(image[0]).save(picture, "PNG")
        pictures.append({"bytes": picture.getvalue(), "path": None})
    table = pyarrow.table({"image": pictures, "label": labels})
    parquet.write_table(table, folder / "x.parquet", row_group_size=5)


def packs(folder: Path) -> None:
    """Write what `xpcnn pack` makes of the shards."""
    from xpcnn.data.contents import ReadOptions
    from xpcnn.data.path_contents import streams
    from xpcnn.io.packing import pack

    (folder / ".shards").mkdir()
    shards(folder / ".shards")
    found = streams(folder / ".shards", ReadOptions())
    pack(found.parts, ("a", "b", "c"), folder / "pack")


def configs(folder: Path) -> None:
    (folder / "run.toml").write_text(
        'dataset = "digits"\nmodel = "digits"\nlimit = 60\nepochs = 3\noptimizer = "adamw"\n'
        "seed = 7\nvalidation = 0.1\n[training]\noptimizer = { beta2 = 0.99 }\nschedule = { name = "
        '"step", every = 0.5 }\naugment = [{ name = "crop", pad = 1 }]\nclip_norm = "none"\n'
    )
    (folder / "own.toml").write_text(
        'dataset = "digits"\nlimit = 60\nepochs = 1\nlr = 0.05\n[[layers]]\ntype = "Conv2D"\n'
        'filters = 2\nsize = 3\nstride = 2\npadding = 1\n[[layers]]\ntype = "MaxPool2D"\nsize = 2\n'
        '[[layers]]\ntype = "Flatten"\n[[layers]]\ntype = "Dense"\nunits = "classes"\n'
        '[training]\nwarmup = 2\nema = 0.9\nlayer_lr = { "layers.0.*" = 0.1 }\n'
    )


def npz(folder: Path) -> None:
    images, labels = samples(30)
    numpy.savez(folder / "plain.npz", images=images, labels=labels)
    numpy.savez_compressed(
        folder / "whole.npz",
        images=images.astype("f4"),
        labels=labels,
        test_images=images[:6].astype("f4"),
        test_labels=labels[:6],
        classes=numpy.asarray(["a", "b", "c"]),
    )
    x = images[:, 0]
    numpy.savez(folder / "keras.npz", x_train=x, y_train=labels, x_test=x[:6], y_test=labels[:6])


def idx(folder: Path) -> None:
    for part, n in (("train", 12), ("t10k", 6)):
        images, labels = samples(n)
        (folder / f"{part}-images-idx3-ubyte").write_bytes(idx_bytes(images[:, 0]))
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(idx_bytes(labels))


def idx_packed(folder: Path) -> None:
    idx(folder)
    for path in list(folder.iterdir()):
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), mtime=0))
        path.unlink()


def cifar_records(count: int) -> bytes:
    pixels = numpy.random.default_rng(0).integers(0, 256, (count, 3073), numpy.uint8)
    pixels[:, 0] = numpy.arange(count) % 3
    return pixels.tobytes()


def cifar(folder: Path) -> None:
    for name, count in (("train.bin", 6), ("test.bin", 3)):
        (folder / name).write_bytes(cifar_records(count))


def cifar_packed(folder: Path) -> None:
    members = {"x/train.bin": cifar_records(6), "x/test.bin": cifar_records(3)}
    (folder / "cifar.tar.gz").write_bytes(tar_bytes(members))


def csv(folder: Path) -> None:
    images, labels = samples(12)
    rows = [[int(k), *x.ravel().tolist()] for x, k in zip(images[:, :, :4], labels, strict=True)]
    header = ["label", *(f"pixel{i}" for i in range(16))]
    layouts: dict[str, tuple[list[list[Any]], str]] = {
        "kaggle": ([header, *rows], ","),
        "bare": (rows, ","),
        "last": ([[*header[1:], "label"], *([*row[1:], "abc"[row[0]]] for row in rows)], ";"),
        "index": ([["id", *header], *([i, *row] for i, row in enumerate(rows))], ","),
    }
    for name, (table, comma) in layouts.items():
        lines = (comma.join(map(str, row)) for row in table)
        (folder / f"{name}.csv").write_text("".join(f"{line}\n" for line in lines))


def target_arrays(folder: Path) -> None:
    """Write .npz files of several labels and of numbers, each in a folder with the task's name."""
    images, _ = samples()
    for task, targets in (("multi-label", LABELS), ("regression", NUMBERS)):
        (folder / task).mkdir()
        tests: dict[str, Any] = {"test_images": images, "test_labels": targets}
        numpy.savez(folder / task / "x.npz", images=images, labels=targets, **tests)


def target_texts(folder: Path) -> None:
    """Write CSV files and tar shards of several labels and of numbers, by task."""
    import json

    images, _ = samples()
    for task, targets in (("multi-label", LABELS), ("regression", NUMBERS)):
        (folder / task).mkdir()
        rows = numpy.concatenate([targets, images[:, 0, :4].reshape(-1, 16)], axis=1)
        header = ",".join(("a", "b", *(f"pixel{i}" for i in range(16))))
        lines = [header, *(",".join(f"{value:g}" for value in row) for row in rows.tolist())]
        (folder / task / "x.csv").write_text("\n".join(lines))
        with tarfile.open(folder / task / "x.tar", "w") as archive:
            for i, (image, pair) in enumerate(zip(images, targets.tolist(), strict=True)):
                picture = io.BytesIO()
                Image.fromarray(image[0]).save(picture, "PNG")
                labels = json.dumps({"a": pair[0], "b": pair[1]}).encode()
                for ending, content in (("png", picture.getvalue()), ("json", labels)):
                    info = tarfile.TarInfo(f"{i}.{ending}")
                    info.size = len(content)
                    archive.addfile(info, io.BytesIO(content))


def pictures(folder: Path) -> None:
    rng = numpy.random.default_rng(0)
    for i, (ending, kind) in enumerate(FORMATS.items()):
        shape = (6, 7, 3) if i % 2 else (6, 7)
        for j in range(2):
            path = folder / "ab"[j] / f"{i}.{ending}"
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(rng.integers(0, 256, shape, numpy.uint8)).save(path, kind)
    deep = rng.integers(0, 65536, (6, 7), numpy.uint16)
    Image.fromarray(deep).save(folder / "a" / "deep.png")


def rezipped(content: bytes, name: str, changed: bytes) -> bytes:
    """Return an archive with another content of one member, whose checksum is right."""
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(packed, "w") as new:
        for member in old.namelist():
            new.writestr(member, changed if member == name else old.read(member))
    return packed.getvalue()
