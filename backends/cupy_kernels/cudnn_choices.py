"""Which engine of cuDNN computes each convolution: what trials have found, kept in a file.

A trial takes time, and another may end otherwise where engines are equally fast; with the file, a
process computes with the engines of those before it, and so the same bits. A file is for one card,
driver and version of cuDNN. Without it, or with a damaged one, trials are made again.
"""

import hashlib
import json
import os
import re
import tempfile
import warnings
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

FORMAT = 1
ORDERS = ("NCHW", "NHWC")
MODES = ("A", "FALLBACK")


class Choice(NamedTuple):
    """An engine, by where cuDNN proposes it.

    order: of the images in memory. mode, place: of cuDNN's proposals, and which of them.
    engine: its number. milliseconds: that it took in the trial.
    """

    order: str
    mode: str
    place: int
    engine: int
    milliseconds: float

    def __str__(self) -> str:
        return f"engine {self.engine} {self.order} {self.milliseconds:.4f} ms"


class Choices:
    """Choices by the words that say which convolution it is, and their file.

    identity: of the device, such as {"card": "NVIDIA H200", "driver": "13.0", "cudnn": "9.28.1"}.
    """

    def __init__(self, identity: Mapping[str, str]) -> None:
        self._identity = dict(identity)
        digest = hashlib.sha256(json.dumps(self._identity, sort_keys=True).encode()).hexdigest()
        card = re.sub(r"\W+", "-", self._identity.get("card", ""))
        self.path = folder() / f"{card}-{digest[:16]}.json"
        self.known = self._read()

    def keep(self, convolution: str, choice: Choice) -> None:
        """Remember a choice, in the file too, which may have got others since it was read."""
        self.known[convolution] = choice
        self.known = self._read() | self.known
        whole = {
            "format": FORMAT,
            "device": self._identity,
            "choices": {name: found._asdict() for name, found in sorted(self.known.items())},
        }
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _replace(self.path, json.dumps(whole, indent=1) + "\n")
        except OSError as error:
            message = f"{self.path} cannot be written ({error.strerror}): "
            message += "the next process chooses cuDNN's engines anew, and its last bits may differ"
            warnings.warn(message, stacklevel=2)

    def _read(self) -> dict[str, Choice]:
        """Return what the file has of this device; nothing of what is not valid."""
        try:
            whole = json.loads(self.path.read_text(encoding="utf-8"))
            if (whole["format"], whole["device"]) != (FORMAT, self._identity):
                return {}
            read = {name: Choice(**found) for name, found in whole["choices"].items()}
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            return {}
        return {name: choice for name, choice in read.items() if _is_valid(choice)}


def folder() -> Path:
    """Return the folder of choices in the user's cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "xpcnn" / "cudnn"


def _is_valid(choice: Choice) -> bool:
    """Whether the values of a choice, which come from a file, are of their types."""
    numbers: tuple[Any, ...] = choice.place, choice.engine
    return (
        choice.order in ORDERS
        and choice.mode in MODES
        and all(type(number) is int and number >= 0 for number in numbers)
        and isinstance(choice.milliseconds, float)
    )


def _replace(path: Path, text: str) -> None:
    """Write a file so that others see the old one or the new one, whole."""
    descriptor, new = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(new, path)
    except OSError:
        with suppress(OSError):
            os.unlink(new)
        raise
