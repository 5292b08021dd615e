"""Files that commands write where the user says: an existing one stays without --force."""

from pathlib import Path

from xpcnn.errors import ConfigError, hint
from xpcnn.io.atomic import write_bytes


def check_new(path: str, force: bool) -> Path:
    """Return the path of a file to write; an existing file is rejected without `force`.

    Raises:
        ConfigError: there is one already, or the path is "-".
    """
    if path == "-":
        message = "- means standard output, and this is written to a file only"
        raise ConfigError(hint(message, "the name of a file"))
    if Path(path).exists() and not force:
        message = f"{path} is there already"
        raise ConfigError(hint(message, "another name, or --force to write over it"))
    return Path(path)


def write_text(path: Path, text: str) -> None:
    """Write a file, whole or not at all.

    Raises:
        CheckpointError: it cannot be written.
    """
    write_bytes(path, text.encode("utf-8", "surrogateescape"))
