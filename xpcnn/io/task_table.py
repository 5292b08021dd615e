"""The task of a model, to and from the table in its file; see `xpcnn.tasks`."""

from dataclasses import asdict
from typing import Any

from xpcnn.config.values import Objects, read_kind
from xpcnn.tasks import BY_NAME, Classification, Task


def entry(task: Task) -> dict[str, Any]:
    """Return the entry of a file for a task: none for classification, which older files have."""
    return {} if task == Classification() else {"task": {"name": task.name, **asdict(task)}}


def from_table(table: dict[str, Any], at: str) -> Task:
    """Return the task that a table describes; `at` is its path. See `values.read_kind`."""
    task: Task = read_kind(table, at, "name", BY_NAME)
    return task


OBJECTS: Objects = {Task: from_table}
"""For `values.read_fields`."""
