"""TOML: read with errors that say where, and written."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from xpcnn.errors import ConfigError, hint


def read(path: str | Path, advice: str = "check the path") -> str:
    """Return the text of a file.

    Raises:
        ConfigError: it cannot be read; `advice` is for that.
    """
    try:
        return Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(
            hint(f"{path}: not a text in UTF-8: {error.reason}", "save the file as UTF-8")
        ) from error
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror or error}"
        raise ConfigError(hint(message, advice)) from error


def parse(text: str) -> dict[str, Any]:
    """Return the table of a text.

    Raises:
        ConfigError: it is no TOML; says the line and column.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(hint(f"not valid TOML: {error}", "mend it where that says")) from error
    except RecursionError:
        raise ConfigError(
            hint("its tables are nested too deep", "fewer brackets in brackets")
        ) from None


def write(table: Mapping[str, Any]) -> str:
    """Return the text of a table; `parse` gives it back."""
    import tomli_w  # for the command line alone; a checkout without it imports and trains

    return tomli_w.dumps(table)
