"""Reading TOML, with errors that name the place, and writing it."""

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from xpcnn.data.files import is_there, open_regular, shown
from xpcnn.errors import ConfigError, hint

LIMIT = 1 << 22
"""Bytes of a file that is read: reading takes time, and fifty times the memory."""


_CURLY = re.compile("[\u2018-\u201f]")
"""Quotation marks as word processors set them."""


def read(path: str | Path, advice: str = "check the path") -> str:
    """Return the text of a file.

    Raises:
        ConfigError: the file cannot be read, or is too large; `advice` is for a missing file.
    """
    if os.path.isdir(path):
        message = f"{shown(path)} is a folder, expected a TOML file"
        raise ConfigError(hint(message, "a file in it: config.toml or model.toml of a run"))
    if not is_there(path, ConfigError):
        raise ConfigError(hint(f"{shown(path)} cannot be read: No such file or directory", advice))
    with open_regular(path, ConfigError) as file:
        return decoded(shown(path), file.read(LIMIT + 1))


def decoded(where: str, content: bytes) -> str:
    """Return the text of a TOML file whose first LIMIT + 1 bytes are given.

    where: the file, for errors.

    Raises:
        ConfigError: it is too large, or not in UTF-8.
    """
    if len(content) > LIMIT:
        message = f"{where}: a TOML file of more than {LIMIT:,} bytes"
        raise ConfigError(hint(message, "a file written by hand"))
    try:
        return content.decode("utf-8-sig")  # some editors begin a file with a byte order mark
    except UnicodeDecodeError as error:
        message = f"{where}: not a text in UTF-8: {error.reason}"
        raise ConfigError(hint(message, "save the file as UTF-8")) from error


def parse(text: str) -> dict[str, Any]:
    """Return the table of a text.

    Raises:
        ConfigError: the text is not TOML, with line and column; or a number exceeds 64 bits.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(hint(f"not valid TOML: {error}", _advice(text, str(error)))) from error
    except ValueError as error:  # a number of thousands of digits, an impossible date
        message = f"not valid TOML: {str(error).partition(';')[0]}"
        raise ConfigError(hint(message, "a smaller number, or a date of the calendar")) from error
    except RecursionError:
        raise ConfigError(
            hint("its tables are nested too deep", "fewer brackets in brackets")
        ) from None
    _check_numbers(table)
    return table


def _advice(text: str, reason: str) -> str:
    """Return what to write in place of a line that is not TOML, by the habits of other formats."""
    found = re.search(r"at line (\d+)", reason)
    lines = text.rstrip().split("\n")
    line = lines[int(found[1]) - 1 if found else -1].strip()
    key, equals, value = (part.strip() for part in line.partition("="))
    if "overwrite" in reason or "twice" in reason:
        return "one of the two places that set it"
    if text.lstrip().startswith("{"):
        return "a line such as epochs = 10 for each value: this is JSON"
    if line.startswith(("//", ";")) or ("newline" in reason and re.search(r"\s(;|//)", value)):
        return "# before a comment"
    if not equals and (pair := re.fullmatch(r"([\w-]+)\s*:\s*(.*)", line)):
        return f"{pair[1]} = {pair[2]}" if pair[2] else f"[{pair[1]}]"
    if "\\" in value and value.startswith('"'):
        return "single quotes, in which a backslash is nothing else: 'C:\\photos'"
    if (straight := _CURLY.sub('"', value)) != value:
        return f"{key} = {straight}"
    if value.lower() in ("true", "false", "yes", "no", "on", "off"):
        return f"{key} = {str(value.lower() in ('true', 'yes', 'on')).lower()}"
    if equals and value in ("None", "null", ""):
        return "leave the line out"
    if re.fullmatch(r"[+-]?(\d+\.|\.\d+)", value):
        return f"{key} = {float(value)}"
    if re.fullmatch(r"[+-]?\d+,\d+", value):
        return f"{key} = {value.replace(',', '.')}"
    if re.fullmatch(r"[^\W\d][\w./~-]*", value):
        return f'{key} = "{value}"'
    if value.endswith((",", ";")) and "newline" in reason:
        return f"{key} = {value[:-1]}"
    if value.startswith('"') and value.count('"') == 1:
        return f'{key} = {value}"'
    if value == "{":
        return f"all of it in one line, or below a line [{key}]"
    return "correct that line"


def _check_numbers(value: Any) -> None:
    """Require integers of 64 bits, as TOML has them."""
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            _check_numbers(item)
    elif isinstance(value, int) and value.bit_length() > 64:
        message = f"not valid TOML: an integer of {value.bit_length()} bits, expected at most 64"
        raise ConfigError(hint(message, "a smaller number"))


def write(table: Mapping[str, Any]) -> str:
    """Return the text of a table; `parse` gives it back.

    Raises:
        ConfigError: a text in the table is not Unicode, such as a path that is not in UTF-8.
    """
    import tomli_w  # for the command line alone; a checkout without it imports and trains

    text = tomli_w.dumps(table)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        part = ascii(text[max(error.start - 20, 0) : error.end + 20])
        message = f"a TOML file cannot hold {part}, which is not Unicode"
        raise ConfigError(hint(message, "paths and names in UTF-8")) from error
    return text
