"""A file of tensors and JSON: safetensors with one metadata key, `xpcnn`. Models and checkpoints.

The JSON has `format`, the version of this layout (2); `sha256`, the checksum of everything else in
the file; and what the caller puts there: a network (`io.network_file`), a checkpoint
(`training.checkpoints`), the update of a divergence (`training.replay_file`). The same content
gives the same bytes. Model files of format 1 have no checksum, and are read without one.

A file that is read is not trusted: its structure, version, tensor names, shapes and dtypes are
checked before any tensor is read, then that all values are finite, then its checksum.
Every rejection is a `CheckpointError` that names the file.
"""

import hashlib
import json
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy

from xpcnn.data.files import as_path, is_there, shown
from xpcnn.errors import CheckpointError, hint
from xpcnn.io.atomic import write_bytes
from xpcnn.io.pickles import refuse_pickle
from xpcnn.types import Shape

FORMAT = 2
KEY = "xpcnn"
CHECKSUM = "sha256"
"""Key of the checksum in the JSON, from format 2 on."""

Metadata: TypeAlias = dict[str, Any]
Tensors: TypeAlias = dict[str, numpy.ndarray]

_MOST_LISTED = 20
_NAMES = {
    "F64": "float64",
    "F32": "float32",
    "I64": "int64",
    "I32": "int32",
    "U8": "uint8",
    "BOOL": "bool",
}
_AGAIN = "get the file again, or an earlier copy: it may be cut off or damaged"
_OTHERS = {
    ".onnx": ("an ONNX file", "xpcnn import {} model.safetensors, or xpcnn.import_onnx(path)"),
    ".toml": ("a TOML file", "the run folder, or the model.safetensors in it"),
}
"""What files with other endings are, and what to do with them."""


class Spec(NamedTuple):
    """Shape and dtype of a tensor."""

    shape: Shape
    dtype: str

    def __str__(self) -> str:
        return f"{self.shape} {self.dtype}"


def write(path: str | Path, tensors: Mapping[str, numpy.ndarray], metadata: Metadata) -> None:
    """Write tensors and metadata to one file, atomically (see `io.atomic`).

    Raises:
        CheckpointError: the file cannot be written, a value is not finite, or the metadata holds
            a value that JSON cannot express. An existing file is unchanged.
        ConfigError: the path is neither a text nor a path object.
    """
    target = as_path(path)
    write_bytes(target, packed(target, tensors, metadata))


def packed(path: str | Path, tensors: Mapping[str, numpy.ndarray], metadata: Metadata) -> bytes:
    """Return the content of the file of tensors and metadata; `path` is for errors.

    Raises:
        CheckpointError: a value is not finite, or JSON cannot express the metadata.
    """
    from safetensors.numpy import save

    _check_finite(path, tensors)
    try:
        # as it will be read: lists for tuples, texts for keys
        plain = json.loads(_canonical({**metadata, "format": FORMAT}))
        text = _canonical(plain | {CHECKSUM: checksum(plain, tensors)})
    except (TypeError, ValueError) as error:
        message = f"{path} cannot be written: the metadata is not JSON: {error}"
        raise CheckpointError(hint(message, "texts, finite numbers, lists and tables")) from error
    # copies where needed: safetensors writes other memory orders wrongly, without an error
    contiguous = {name: numpy.asarray(x, order="C") for name, x in tensors.items()}
    return save(contiguous, {KEY: text})


def read(
    path: str | Path, expect: Callable[[Metadata], Mapping[str, Spec]] | None = None
) -> tuple[Tensors, Metadata]:
    """Read tensors and metadata.

    Args:
        expect: function from the metadata to the exact set of tensors that the file must have;
            checked before any is read, so that a file cannot take more memory than its model.

    Raises:
        CheckpointError: the file cannot be read or is not valid; says what is wrong.
        ConfigError: the path is neither a text nor a path object.
    """
    from safetensors import SafetensorError, safe_open

    path = as_path(path)
    if os.path.isdir(path):  # False, not an error, where a path is impossible
        inside = path / "model.safetensors"
        advice = str(inside) if inside.is_file() else "the file in it that ends in .safetensors"
        raise CheckpointError(hint(f"{path} is a folder, expected a model file", advice))
    if not is_there(path, CheckpointError):
        raise CheckpointError(hint(f"{shown(path)}: there is no such file", "check the path"))
    refuse_pickle(path)
    try:
        with safe_open(path, framework="numpy") as file:
            metadata, written = _metadata(path, (file.metadata() or {}).get(KEY))
            found = {}
            for name in sorted(file.keys()):
                part = file.get_slice(name)
                code = part.get_dtype()
                found[name] = Spec(tuple(part.get_shape()), _NAMES.get(code, code))
            check_tensors(str(path), found if expect is None else expect(metadata), found)
            tensors = {name: file.get_tensor(name) for name in found}
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror or error}"
        raise CheckpointError(hint(message, "check the path and who may read it")) from error
    except SafetensorError as error:
        if (kind := path.suffix.lower()) in _OTHERS:
            what, advice = _OTHERS[kind]
            message = f"{path} is {what}, expected a model file"
            raise CheckpointError(hint(message, advice.format(path))) from error
        message = f"{path} is not a complete safetensors file: {error}"
        raise CheckpointError(hint(message, _AGAIN)) from error
    _check_finite(path, tensors)
    if written is not None and written != checksum(metadata | {"format": FORMAT}, tensors):
        message = f"{path} is damaged: its content is not what was written (SHA-256 differs)"
        raise CheckpointError(hint(message, _AGAIN))
    return tensors, metadata


def specs(tensors: Mapping[str, numpy.ndarray]) -> dict[str, Spec]:
    """Return shape and dtype of each tensor."""
    return {name: Spec(tuple(x.shape), x.dtype.name) for name, x in tensors.items()}


def check_tensors(where: str, expected: Mapping[str, Spec], got: Mapping[str, Spec]) -> None:
    """Reject tensors that are missing, unknown, or of another shape or dtype; names all of them.

    Raises:
        CheckpointError: the tensors do not match.
    """
    problems = [
        f"{name} is {got[name]}, expected {spec}" if name in got else f"{name} {spec} is missing"
        for name, spec in expected.items()
        if got.get(name) != spec
    ]
    problems += [f"{name} {spec} is unknown" for name, spec in got.items() if name not in expected]
    problems += [
        f"{name} has the dtype {spec.dtype}, which is not read"
        for name, spec in got.items()
        if expected.get(name) == spec and spec.dtype not in _NAMES.values()
    ]
    if problems:
        listing = "; ".join(problems[:_MOST_LISTED])
        if len(problems) > _MOST_LISTED:
            listing += f"; and {len(problems) - _MOST_LISTED} more"
        message = f"{where}: the tensors do not fit the model: {listing}"
        raise CheckpointError(hint(message, "the file of the model that these tensors belong to"))


def _metadata(path: Path, text: str | None) -> tuple[Metadata, Any]:
    """Return the parsed metadata of a file in a format that is understood, and its checksum.

    The checksum of a file of format 1 is None.
    """
    if text is None:
        message = f"{path} was not written by xpcnn: it has no metadata {KEY!r}"
        advice = "a file written by Model.save; for weights of PyTorch, xpcnn.import_pytorch, or "
        raise CheckpointError(hint(message, f"{advice}model.set_weights with arrays by path"))
    try:
        metadata = json.loads(text, parse_float=_finite, parse_constant=_finite)
    except (ValueError, RecursionError) as error:
        message = f"{path}: the metadata is not JSON: {error}"
        raise CheckpointError(hint(message, _AGAIN)) from error
    version = metadata.pop("format", None) if isinstance(metadata, dict) else None
    if type(version) is not int or version < 1:
        message = f"{path}: the metadata has no format version"
        raise CheckpointError(hint(message, _AGAIN))
    if version > FORMAT:
        message = f"{path} has format {version}, written by a later xpcnn; this one reads {FORMAT}"
        raise CheckpointError(hint(message, "a newer xpcnn: pip install --upgrade xpcnn"))
    if version == 1:
        return dict(metadata), None
    if CHECKSUM not in metadata:
        message = f"{path} is damaged: the metadata has no checksum {CHECKSUM!r}"
        raise CheckpointError(hint(message, _AGAIN))
    written = metadata.pop(CHECKSUM)
    return dict(metadata), written


def _finite(text: str) -> float:
    """Return a number of JSON, which has neither NaN nor infinity."""
    if not math.isfinite(value := float(text)):
        raise ValueError(f"{text} is not a finite number")
    return value


def _canonical(metadata: Metadata) -> str:
    """Return the one JSON text of metadata."""
    return json.dumps(metadata, allow_nan=False, sort_keys=True, separators=(",", ":"))


def checksum(metadata: Metadata, tensors: Mapping[str, numpy.ndarray]) -> str:
    """Return the SHA-256 of metadata (without a checksum) and of all tensors, values and form."""
    found = hashlib.sha256(_canonical(metadata).encode())
    for name in sorted(tensors):
        x = numpy.asarray(tensors[name], order="C")
        found.update(f"\0{name}\0{x.dtype.str}\0{x.shape}\0".encode(errors="surrogatepass"))
        found.update(x.reshape(-1).view(numpy.uint8).data)
    return found.hexdigest()


def _check_finite(path: str | Path, tensors: Mapping[str, numpy.ndarray]) -> None:
    bad = [name for name, x in tensors.items() if not numpy.isfinite(x).all()]
    if bad:
        more = f" and {len(bad) - _MOST_LISTED} more" if len(bad) > _MOST_LISTED else ""
        message = f"{path}: NaN or infinity in {', '.join(bad[:_MOST_LISTED])}{more}"
        advice = "an earlier state of the model, and a smaller learning rate or clip_norm=1.0"
        raise CheckpointError(hint(message, advice))
