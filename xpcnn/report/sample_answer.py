"""What a network says of one sample, and the score whose gradient `xpcnn explain` shows."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy

from xpcnn.errors import ConfigError, hint, nearest
from xpcnn.inputs import as_input
from xpcnn.model import Model
from xpcnn.model_facts import class_names
from xpcnn.report.target_samples import listed
from xpcnn.tasks import MultiLabel


class Answer(NamedTuple):
    """What a network says of one sample.

    names: of the classes, labels or numbers.
    estimates: their probabilities, or the numbers, (k,).
    followed: the index of the one whose score the gradients on the page are of.
    predicted: the answer in words.
    facts: the answer for JSON.
    """

    names: Sequence[str]
    estimates: numpy.ndarray
    followed: int
    predicted: str
    facts: dict[str, Any]


def answer_of(model: Model, sample: numpy.ndarray, target: str | None = None) -> Answer:
    """Return what a model says of a raw sample (c, h, w).

    target: the name of the class, label or number whose score to take gradients of; None for the
    predicted class, the label of the highest probability, or the first number.

    Raises:
        ConfigError: the model has no such target.
        XpcnnError: the sample does not match the model.
    """
    names, task = class_names(model), model.task
    if target is not None and target not in names:
        kind = {"classification": "class", "multi-label": "label"}.get(task.name, "number")
        message = f"target is {target!r}, and the model has no {kind} of that name"
        raise ConfigError(hint(message, nearest(target, names)))
    estimates = model.estimates(as_input(sample[None], model.input_shape))[0]
    best = 0 if task.name == "regression" else int(estimates.argmax())
    by_name = {name: float(x) for name, x in zip(names, estimates, strict=True)}
    if isinstance(task, MultiLabel):
        there = task.decided(estimates[None])[0]
        predicted = listed(names, there, True, len(names))
        present = [name for name, x in zip(names, there, strict=True) if x]
        facts: dict[str, Any] = {"labels": present, "probabilities": by_name}
    elif task.name == "regression":
        predicted, facts = listed(names, estimates, False), {"numbers": by_name}
    else:
        predicted = names[best]
        facts = {"class": predicted, "probability": by_name[predicted]}
    followed = best if target is None else names.index(target)
    facts["followed"] = names[followed]
    return Answer(names, estimates, followed, predicted, facts)
