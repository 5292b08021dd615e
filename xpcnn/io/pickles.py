"""Pickles, as torch.save writes them: not read, since they can run code."""

from pathlib import Path

from xpcnn.data.files import open_regular
from xpcnn.errors import CheckpointError, hint

_PROTOCOLS = tuple(bytes([0x80, version]) for version in (2, 3, 4, 5))
_CONVERT = (
    """python -c "import torch; from safetensors.torch import save_file; save_file("""
    """dict(torch.load('{0}', weights_only=True)), '{1}.safetensors')\""""
)


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
        raise CheckpointError(hint(message, _CONVERT.format(path, path.stem)))
