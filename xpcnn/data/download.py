"""Downloading data files into the user's cache folder, whole and verified or not at all.

Each mirror is tried in turn; what comes must have the file's SHA-256 before it gets its name.
Refuses to keep anything else, and to read more than any of the files may hold.
"""

import hashlib
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from xpcnn.data.catalog import Remote
from xpcnn.data.files import AGAIN, LIMIT, unpacked
from xpcnn.errors import DataError, hint

_TIMEOUT = 20.0  # seconds without a byte


def cache_folder(name: str) -> Path:
    """Return the folder of a data set in the user's cache (`$XDG_CACHE_HOME/xpcnn` on Linux).

    Raises:
        DataError: there is none, as the user has no home folder.
    """
    import pooch  # type: ignore[import-untyped]  # it ships no types

    try:
        return Path(pooch.os_cache("xpcnn")).expanduser() / name
    except RuntimeError as error:  # of the one or the other; some versions leave the ~ in the path
        message = "there is no folder to keep files in: the user has no home folder"
        raise DataError(hint(message, "set XDG_CACHE_HOME to a folder, or HOME")) from error


def fetch(files: Iterable[Remote], mirrors: Iterable[str], folder: Path) -> None:
    """Download those of `files` that `folder` lacks.

    Raises:
        DataError: no mirror has the file; says what each one answered, and where to put the file.
    """
    mirrors = list(mirrors)
    for file in files:
        if not (folder / file.name).is_file():
            _fetch(file, mirrors, folder)


def _fetch(file: Remote, mirrors: list[str], folder: Path) -> None:
    answers = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".part-") as temporary:
            part = Path(temporary) / file.name
            for mirror in mirrors:
                answer = _attempt(mirror + file.name, part, file)
                if answer is None:
                    part.replace(folder / file.name)
                    return
                answers.append(f"{mirror + file.name}: {answer}")
    except OSError as error:
        message = f"{folder}: cannot keep {file.name} here: {error.strerror or error}"
        raise DataError(hint(message, "make room there, or set XDG_CACHE_HOME")) from error
    message = f"{file.name} could not be downloaded ({'; '.join(answers)})"
    advice = f"check the network, or put {file.name} into a folder and give that with --data-dir"
    raise DataError(hint(message, advice))


def _attempt(url: str, part: Path, file: Remote) -> str | None:
    """Download one address to `part`; return None if it is the file, or what is wrong."""
    import pooch

    download = pooch.HTTPDownloader(
        progressbar=sys.stderr.isatty(), chunk_size=1 << 16, timeout=_TIMEOUT
    )
    try:
        with part.open("wb") as target:
            download(url, _Capped(target), None)
        return None if _sha256(part, file) == file.sha256 else "not the file that was expected"
    except DataError:  # cut off inside gzip, damaged, or far too long
        return "not the file that was expected"
    except OSError as error:  # the errors of `requests` are OSErrors without a number
        if error.errno is not None:
            raise
        response = getattr(error, "response", None)
        return type(error).__name__ if response is None else f"HTTP status {response.status_code}"


def _sha256(part: Path, file: Remote) -> str:
    if file.of == "file":
        with part.open("rb") as source:
            return hashlib.file_digest(source, "sha256").hexdigest()
    digest, have = hashlib.sha256(), 0
    with unpacked(part) as stream:
        while chunk := stream.read(1 << 20):
            have += len(chunk)
            if have > LIMIT:
                raise DataError(hint(f"{part}: expands to more than {LIMIT} bytes", AGAIN))
            digest.update(chunk)
    return digest.hexdigest()


class _Capped:
    """The end of a download: a file that takes no more than any of the files may hold."""

    def __init__(self, target: BinaryIO) -> None:
        self.target = target
        self.flush = target.flush

    def write(self, chunk: bytes) -> None:
        if self.target.tell() + len(chunk) > LIMIT:
            raise DataError(hint(f"the download is longer than {LIMIT} bytes", AGAIN))
        self.target.write(chunk)
