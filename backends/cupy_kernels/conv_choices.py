"""Which method computes each convolution: what was timed as the fastest, kept in a file.

Timing takes a while, and may end otherwise where methods are equally fast; with the file, a
process computes with the methods of those before it, and so the same bits. A file is for one card,
driver and version of cuDNN, and for the kernels as they are now. Without it, or with a damaged one,
all are timed again.
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

FORMAT = 2
ORDERS = ("NCHW", "NHWC")
MODES = ("A", "FALLBACK")
OWN = ("direct", "patches")
"""The modules of our own methods."""


class Engine(NamedTuple):
    """An engine of cuDNN, by where cuDNN proposes it.

    order: of the images in memory. mode, place: of the proposals, and which of them.
    number: of the engine.
    """

    order: str
    mode: str
    place: int
    number: int


class Choice(NamedTuple):
    """A method, and the milliseconds that it took when it was timed.

    method: a name of `OWN`, or an engine of cuDNN.
    """

    method: str | Engine
    milliseconds: float

    def __str__(self) -> str:
        at = self.method
        name = at if isinstance(at, str) else f"cuDNN engine {at.number} {at.order}"
        return f"{name} {self.milliseconds:.4f} ms"


class Choices:
    """Choices by the words that say which convolution it is, and their file.

    identity: of the device, such as {"card": "NVIDIA H200", "driver": "13.0", "cudnn": "9.28.1"}.
    """

    def __init__(self, identity: Mapping[str, str]) -> None:
        self._identity = dict(identity)
        digest = hashlib.sha256(json.dumps(self._identity, sort_keys=True).encode()).hexdigest()
        card = re.sub(r"\W+", "-", self._identity.get("card", ""))
        self._name = f"{card}-{digest[:16]}.json"
        self.known = self._read()

    @property
    def path(self) -> Path:
        """The file.

        Raises:
            RuntimeError: there is no folder for it, as the user has no home folder.
        """
        return folder() / self._name

    def keep(self, convolution: str, choice: Choice) -> None:
        """Remember a choice, in the file too, which may have got others since it was read."""
        self.known[convolution] = choice
        self.known = self._read() | self.known
        whole = {
            "format": FORMAT,
            "device": self._identity,
            "choices": dict(sorted(self.known.items())),
        }
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _replace(self.path, json.dumps(whole, indent=1) + "\n")
        except (OSError, RuntimeError) as error:
            message = f"the choice of a convolution cannot be written ({error}): "
            message += "the next process times the methods again, and its last bits may differ"
            warnings.warn(message, stacklevel=2)

    def _read(self) -> dict[str, Choice]:
        """Return what the file has of this device; nothing of what is not valid."""
        try:
            whole = json.loads(self.path.read_text(encoding="utf-8"))
            if (whole["format"], whole["device"]) != (FORMAT, self._identity):
                return {}
            read = {name: _choice(*found) for name, found in whole["choices"].items()}
        except (OSError, RuntimeError, ValueError, LookupError, TypeError, AttributeError):
            return {}
        return {name: choice for name, choice in read.items() if choice is not None}


def folder() -> Path:
    """Return the folder of choices in the user's cache."""
    return (
        Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "xpcnn" / "convolutions"
    )


def _choice(method: Any, milliseconds: Any) -> Choice | None:
    """Return a choice as a file has it; None if its values are not of their types.

    Raises:
        TypeError: it has too few values, or too many.
    """
    if not isinstance(milliseconds, float):
        return None
    if isinstance(method, str):
        return Choice(method, milliseconds) if method in OWN else None
    engine = Engine(*method)
    numbers: tuple[Any, ...] = engine.place, engine.number
    is_valid = (
        engine.order in ORDERS
        and engine.mode in MODES
        and all(type(number) is int and number >= 0 for number in numbers)
    )
    return Choice(engine, milliseconds) if is_valid else None


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
