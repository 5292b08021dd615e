"""Pickles, as torch.save writes them: not read, since they can run code."""

import shlex
from pathlib import Path

from xpcnn.data.files import open_regular
from xpcnn.errors import CheckpointError, hint

_PROTOCOLS = tuple(bytes([0x80, version]) for version in (2, 3, 4, 5))
_CONVERT = (
    'python -c "import argparse, sys, torch; from safetensors.torch import save_file; '
    "torch.serialization.add_safe_globals([argparse.Namespace]); "
    "d = torch.load(sys.argv[1], 'cpu', weights_only=True); "
    "d = next((x for x in d.values() if isinstance(x, dict) and x and "
    "all(map(torch.is_tensor, x.values()))), d); "
    'save_file({k: x.clone() for k, x in d.items()}, sys.argv[2])" '
)
"""Takes the first table that holds nothing but tensors: trainers save optimizers, epochs and
arguments beside the weights, which stand under "state_dict", "model" or another name."""


def is_pickle(path: Path) -> bool:
    """Whether a file is what torch.save writes, a zip archive, or a bare pickle.

    Raises:
        CheckpointError: the file cannot be opened.
    """
    with open_regular(path, CheckpointError) as file:
        start = file.read(9)
    if start[8:] == b"{":  # safetensors: eight bytes of the header's length, then its JSON
        return False
    return start.startswith((b"PK\x03\x04", *_PROTOCOLS))


def refuse_pickle(path: Path) -> None:
    """Require another file than a pickle.

    Raises:
        CheckpointError: it is one, with the line that converts it; or it cannot be opened.
    """
    if is_pickle(path):
        message = f"{path} is a pickle, which can run code, and is not read"
        raise CheckpointError(
            hint(message, _CONVERT + shlex.join([str(path), f"{path.stem}.safetensors"]))
        )
