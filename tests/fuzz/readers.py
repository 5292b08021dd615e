"""The readers under test: what each is given, how it is damaged, and what a right result is.

A reader returns where it takes a file, after a look at what came of it, and raises an `XpcnnError`
where it rejects one. Everything else is a fault.
"""

import contextlib
import gzip
import io
import json
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import numpy

import xpcnn
from tests.fuzz import originals
from tests.fuzz.mutations import mutant
from tests.presets import narrow
from xpcnn.data import Dataset
from xpcnn.data.cifar import CIFAR10, Layout, read
from xpcnn.data.pictures import read_picture
from xpcnn.data.reading import Pictures
from xpcnn.errors import ConfigError, XpcnnError
from xpcnn.io.foreign.weights import classes_in, read_weights
from xpcnn.io.tensor_file import CHECKSUM, KEY, checksum
from xpcnn.models import preset
from xpcnn.training import Checkpoints, replay

_SMALL = 1 << 24
"""Numbers that a network may have to be tried: others are taken for right unseen."""


@dataclass(frozen=True)
class Reader:
    """write: makes the originals in a folder; read: reads the file at a path there; damage:
    (content, random) -> other content.
    """

    write: Callable[[Path], None]
    read: Callable[[Path], None]
    damage: Callable[[bytes, Random], bytes]


def _text(content: bytes, random: Random) -> bytes:
    return mutant(content, random, "text")


def _binary(content: bytes, random: Random) -> bytes:
    return mutant(content, random, "binary")


def _packed(content: bytes, random: Random) -> bytes:
    """Damage what is in a gzip file, or the file."""
    if random.random() < 0.5:
        return _binary(content, random)
    return gzip.compress(_binary(gzip.decompress(content), random), mtime=0)


def _zipped(content: bytes, random: Random) -> bytes:
    """Damage one array in an archive, or the archive."""
    if random.random() < 0.4:
        return _binary(content, random)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        name = random.choice(archive.namelist())
        return originals.rezipped(content, name, _text(archive.read(name), random))


def _sealed(content: bytes, random: Random) -> bytes:
    """Damage the JSON in a safetensors file under a right checksum, or the file."""
    if random.random() < 0.4:
        return _text(content, random)
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    plain = json.loads(header["__metadata__"][KEY])
    del plain[CHECKSUM]
    damaged = _text(json.dumps(plain).encode(), random).decode(errors="replace")
    with contextlib.suppress(ValueError, RecursionError, AttributeError, TypeError):
        table = json.loads(damaged)
        table[CHECKSUM] = checksum(table, _tensors(content))
        damaged = json.dumps(table)
    header["__metadata__"][KEY] = damaged
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + content[end:]


def _headed(content: bytes, random: Random) -> bytes:
    """Damage the header of a safetensors file, or the file."""
    if random.random() < 0.4:
        return _binary(content, random)
    end = 8 + int.from_bytes(content[:8], "little")
    text = _text(content[8:end], random)
    return len(text).to_bytes(8, "little") + text + content[end:]


def _tensors(content: bytes) -> dict[str, numpy.ndarray]:
    """Return the tensors of a safetensors file."""
    from safetensors.numpy import load

    return dict(load(content))


def _try_model(model: xpcnn.Model) -> None:
    """Require that a model which was read can be used, or says why not."""
    found = model.summary(1)
    if found.multiply_adds > _SMALL:
        return
    x = numpy.zeros((2, *model.input_shape), numpy.float32)
    if x.size < _SMALL:
        assert len(model.predict(x)) == 2


def _read_model(path: Path) -> None:
    _try_model(xpcnn.load(path))


def _read_weights(path: Path) -> None:
    found = narrow("resnet18", 16, 3)
    model = xpcnn.Model(found.layers, input_shape=found.input_shape)
    classes_in(path, "resnet18")
    read_weights(model.network, path)
    _try_model(model)


def _read_onnx(path: Path) -> None:
    _try_model(xpcnn.import_onnx(path))


def _resume(path: Path) -> None:
    """Resume from a checkpoint, in a copy of its folder: damaged ones are set aside."""
    checkpoints = Checkpoints(path.parent)
    content = path.read_bytes()
    try:
        originals.small_model().fit(
            originals.samples(), checkpoints=checkpoints, resume=True, **originals.RUN
        )
    finally:
        for other in path.parent.glob("*step-*"):
            other.unlink()
        path.write_bytes(content)


def _read_preset(path: Path) -> None:
    found = preset(path)
    shapes = xpcnn.sizes.sizes_of(found.layers, found.input_shape).params
    if sum(int(numpy.prod(shape, dtype=object)) for shape in shapes.values()) < _SMALL:
        model = xpcnn.Model(found.layers, input_shape=found.input_shape, loss=found.loss)
        _try_model(model)


def _run_config(path: Path) -> None:
    """Run `xpcnn train --config FILE --dry-run` in this process."""
    from xpcnn.cli import main

    sys.argv = ["xpcnn", "train", "--json", "--dry-run", "--config", str(path)]
    out, err = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    except SystemExit as ended:
        text = err.getvalue()
        if ended.code == 0:
            json.loads(out.getvalue())
        elif "\nTry: " in text and "error: " in text and "unexpected" not in text:
            raise ConfigError(text) from None
        elif ended.code != 2:
            raise AssertionError(f"exit code {ended.code}: {text[-2000:]}") from None
        else:
            raise ConfigError(f"{text}\nTry: the usage") from None


def _check(*parts: Dataset) -> None:
    """Require of data sets what all of them are."""
    for part in parts:
        assert len(part.images) == len(part.labels)
        assert part.images.dtype in (numpy.uint8, numpy.float32)
        assert part.labels.dtype == numpy.int64
        assert numpy.isfinite(part.images).all()
        if len(part):
            assert 0 <= part.labels.min() <= part.labels.max() < len(part.classes)


def _read_data(path: Path) -> None:
    _check(*xpcnn.data.load(path))


def _read_targets(path: Path) -> None:
    """Read a file in a folder with the name of its task."""
    task = next(name for name in ("multi-label", "regression") if name == path.parent.name)
    columns = None if path.suffix == ".npz" else ["a", "b"]
    for part in xpcnn.data.load(path, task=task, label_column=columns):
        assert part.task == task
        assert part.labels.dtype == numpy.float64
        assert part.labels.shape == (len(part.images), len(part.classes))
        assert numpy.isfinite(part.labels).all()
        assert task == "regression" or numpy.isin(part.labels, (0, 1)).all()


def _read_idx(path: Path) -> None:
    _check(*xpcnn.data.load("mnist", path.parent, download=False))


_CIFAR = Layout(
    folder="x",
    archive="cifar.tar.gz",
    python=(),
    train=("train.bin",),
    test=("test.bin",),
    train_records=6,
    test_records=3,
    label_bytes=1,
    classes=CIFAR10.classes,
)


def _read_cifar(path: Path) -> None:
    for images, labels in read([path.parent], _CIFAR):
        assert images.shape[1:] == (3, 32, 32)
        assert images.dtype == numpy.uint8
        assert 0 <= labels.min() <= labels.max() < 10


def _read_pictures(path: Path) -> None:
    sample = read_picture(path, Pictures("RGB", (8, 8))).sample
    assert sample.shape == (3, 8, 8)
    assert numpy.isfinite(sample).all()
    _check(*xpcnn.data.load(path.parents[1]))


def _read_shards(path: Path) -> None:
    streamed = xpcnn.data.load(path.parent, stream=True)
    for part in (*streamed, *xpcnn.data.load(path.parent)):
        assert part.images[:].shape == (len(part), *part.shape)
        _check(replace(part, images=part.images[:]))


def _read_pack(path: Path) -> None:
    for part in xpcnn.data.load(path.parent):
        _check(replace(part, images=part.images[:]))


READERS = {
    "model": Reader(originals.models, _read_model, _sealed),
    "weights": Reader(originals.weights, _read_weights, _headed),
    "onnx": Reader(originals.onnx, _read_onnx, _binary),
    "checkpoint": Reader(originals.checkpoints, _resume, _sealed),
    "replay": Reader(originals.cases, lambda path: _quiet(replay, path), _sealed),
    "preset": Reader(originals.presets, _read_preset, _text),
    "config": Reader(originals.configs, _run_config, _text),
    "npz": Reader(originals.npz, _read_data, _zipped),
    "targets": Reader(originals.target_texts, _read_targets, _text),
    "targets.npz": Reader(originals.target_arrays, _read_targets, _zipped),
    "target model": Reader(originals.target_models, _read_model, _sealed),
    "idx": Reader(originals.idx, _read_idx, _binary),
    "idx.gz": Reader(originals.idx_packed, _read_idx, _packed),
    "cifar": Reader(originals.cifar, _read_cifar, _binary),
    "cifar.tar": Reader(originals.cifar_packed, _read_cifar, _packed),
    "csv": Reader(originals.csv, _read_data, _text),
    "shards": Reader(originals.shards, _read_shards, _binary),
    "parquet": Reader(originals.parquets, _read_shards, _binary),
    "pack": Reader(originals.packs, _read_pack, _text),
    "pictures": Reader(originals.pictures, _read_pictures, _binary),
}


def _quiet(read_file: Callable[[Path], object], path: Path) -> None:
    with numpy.errstate(all="ignore"):
        read_file(path)


def outcome(reader: Reader, path: Path) -> str:
    """Return "rejected" or "right"; otherwise what is wrong, in words."""
    try:
        reader.read(path)
    except XpcnnError as error:
        text = str(error)
        if "\nTry: " not in text:
            return f"no advice: {text[:300]}"
        return "rejected" if len(text) < 10_000 else f"a message of {len(text)} characters"
    except Exception as error:
        where = error.__traceback__
        while where is not None and where.tb_next is not None:
            where = where.tb_next
        at = (
            ""
            if where is None
            else f"{Path(where.tb_frame.f_code.co_filename).name}:{where.tb_lineno}"
        )
        return f"{type(error).__name__} at {at}: {str(error)[:300]}"
    return "right"
