"""Names of classes from the command line: a file of lines, or a list."""

import os

from xpcnn.cli.flag_parsing import listed
from xpcnn.data.files import open_regular, shown
from xpcnn.errors import ConfigError, hint

_LONGEST = 1 << 20  # bytes of a file


def read_class_names(text: str) -> list[str]:
    """Return the lines of a text file, or the parts of a list such as cat,dog.

    Raises:
        ConfigError: the file cannot be read, or is no text of lines.
    """
    if not os.path.isfile(text):
        return listed(text)
    with open_regular(text, ConfigError) as file:
        content = file.read(_LONGEST + 1)
    try:
        lines = content.decode("utf-8-sig").splitlines() if len(content) <= _LONGEST else []
    except UnicodeDecodeError:
        lines = []
    if not lines:
        message = f"{shown(text)} holds no names of classes"
        raise ConfigError(hint(message, "a text file in UTF-8, a name in each line"))
    return [line.strip() for line in lines if line.strip()]
