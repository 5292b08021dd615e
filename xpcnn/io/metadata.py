"""Errors about the metadata of a file, which name the file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from xpcnn.errors import CheckpointError, ConfigError, DTypeError, ShapeError, hint


@contextmanager
def metadata_errors(path: str | Path) -> Iterator[None]:
    """Turn errors about the metadata of a file into errors that name the file.

    Raises:
        CheckpointError: in place of a ConfigError, a ShapeError or a DTypeError, and for layers
            that are nested too deep.
    """
    try:
        yield
    except RecursionError:
        message = f"{path}: its layers are nested too deep"
        raise CheckpointError(hint(message, "one Sequential of all layers")) from None
    except (ConfigError, DTypeError, ShapeError) as error:
        raise CheckpointError(f"{path}: {error}") from error
