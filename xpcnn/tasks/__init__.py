"""Tasks: what the targets of samples are, and how the scores of a network answer them.

`Classification`: one class of several. `MultiLabel`: several labels, each there or not.
`Regression`: one number, or several. A network has a task beside its loss: the loss says how wrong
scores are, the task what they mean.
"""

from typing import Any

from xpcnn.errors import ConfigError, hint
from xpcnn.options import find, shown
from xpcnn.tasks.base import Task
from xpcnn.tasks.classification import Classification, class_labels
from xpcnn.tasks.multi_label import MultiLabel
from xpcnn.tasks.regression import Regression

__all__ = [
    "BY_NAME",
    "Classification",
    "MultiLabel",
    "Regression",
    "Task",
    "as_task",
    "class_labels",
]

BY_NAME: dict[str, type[Task]] = {
    kind.name: kind for kind in (Classification, MultiLabel, Regression)
}


def as_task(task: Any) -> Task:
    """Return a task: by its name, the object itself, or Classification for None.

    Raises:
        ConfigError: it is anything else.
    """
    if task is None:
        return Classification()
    if isinstance(task, Task):
        return task
    name = find(task, BY_NAME)
    if name is None:
        names = ", ".join(map(repr, BY_NAME))
        message = f"task is {shown(task)}, expected a name or an object of xpcnn.tasks"
        raise ConfigError(hint(message, f"one of {names}"))
    return BY_NAME[name]()
