"""Small data files in the formats that the loaders read."""

import gzip
import io
import struct
import tarfile
from pathlib import Path

import numpy as np

IDX_TYPES = {"i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def idx_bytes(array: np.ndarray) -> bytes:
    """Return an array in the IDX format: a big-endian one in its type, others as uint8."""
    kind = array.dtype.str[1:]
    typed = array.dtype.str[0] == ">" or kind == "i1"
    header = bytes([0, 0, IDX_TYPES[kind] if typed else 8, array.ndim])
    header += struct.pack(f">{array.ndim}I", *array.shape)
    return header + (array if typed else array.astype(np.uint8)).tobytes()


def write_mnist(folder: Path, train: int = 12, test: int = 4, seed: int = 0) -> None:
    """Write four gzip-compressed IDX files of random 5x4 images with labels 0, 1, ..., 9, 0, ..."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    for part, n in (("train", train), ("t10k", test)):
        for kind, array in (
            ("images-idx3", rng.integers(0, 256, (n, 5, 4))),
            ("labels-idx1", np.arange(n) % 10),
        ):
            packed = gzip.compress(idx_bytes(array), mtime=0)
            (folder / f"{part}-{kind}-ubyte.gz").write_bytes(packed)


def tar_bytes(members: dict[str, bytes], *extra: tuple[tarfile.TarInfo, bytes]) -> bytes:
    """Return a .tar.gz of regular files, after any `extra` members."""
    packed = io.BytesIO()
    regular = []
    for name, content in members.items():
        info = tarfile.TarInfo(name)
        info.size = len(content)
        regular.append((info, content))
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for info, content in [*extra, *regular]:
            archive.addfile(info, io.BytesIO(content))
    return packed.getvalue()
