"""The task of a model, to and from the table in its file; see `xpcnn.tasks`."""

from dataclasses import asdict
from typing import Any

from xpcnn.config.values import Objects, read_fields
from xpcnn.errors import ConfigError, hint, nearest, prefix_errors
from xpcnn.tasks import BY_NAME, Classification, Task


def entry(task: Task) -> dict[str, Any]:
    """Return the entry of a file for a task: none for classification, which older files have."""
    return {} if task == Classification() else {"task": {"name": task.name, **asdict(task)}}


def from_table(table: dict[str, Any], at: str) -> Task:
    """Return the task that a table describes, every field checked; `at` is its path.

    Raises:
        ConfigError: an unknown task, an unknown or ill-typed field, or values that make no sense.
    """
    fields = dict(table)
    name = fields.pop("name", None)
    if not isinstance(name, str) or name not in BY_NAME:
        raise ConfigError(hint(f"{at}: name is {name!r}", nearest(str(name), BY_NAME)))
    kind = BY_NAME[name]
    with prefix_errors(at):
        return kind(**read_fields(kind, fields, at, name, {}))


OBJECTS: Objects = {Task: from_table}
"""For `values.read_fields`."""
