"""Metrics of a validation beside loss and accuracy: by name, or functions of a user's own.

They are computed once per validation, on the host, from the probabilities of all its samples, never
in a training step.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Real
from typing import Any, TypeAlias

import numpy

from xpcnn import metrics
from xpcnn.argument_advice import advice_on
from xpcnn.errors import ConfigError, hint
from xpcnn.options import find, shown

Metric: TypeAlias = Callable[[numpy.ndarray, numpy.ndarray], Any]
"""(probabilities (n, classes), labels (n,), integers) -> a number; NumPy arrays."""

_TAKEN = ("loss", "accuracy")
_OF_CLASSES = "xpcnn.classification_report(model, data), or `xpcnn evaluate --details`"
_INSTEAD: Mapping[str, str] = {
    **dict.fromkeys(("loss", "accuracy", "acc"), "leave it out: every validation has it"),
    **dict.fromkeys(("mae", "rmse", "r2"), "leave it out: validations of numbers have it"),
    **dict.fromkeys(("precision", "recall"), f"'f1', which joins both; by class: {_OF_CLASSES}"),
}
"""Names that are no metrics: what to do."""
_EXAMPLE = "def f1(probabilities, labels): return float(...), and metrics=[f1]"


def top_3(probabilities: numpy.ndarray, labels: numpy.ndarray) -> float:
    """Return the share of samples whose label is among the 3 most probable classes.

    probabilities: (n, classes). labels: integers (n,).
    """
    return metrics.top_k(probabilities, labels, 3)


def top_5(probabilities: numpy.ndarray, labels: numpy.ndarray) -> float:
    """Return the share of samples whose label is among the 5 most probable classes.

    probabilities: (n, classes). labels: integers (n,).
    """
    return metrics.top_k(probabilities, labels, 5)


def f1(probabilities: numpy.ndarray, labels: numpy.ndarray) -> float:
    """Return the macro F1 score: the mean of F1 over the classes that have samples.

    probabilities: (n, classes). labels: integers (n,).
    """
    predicted = probabilities.argmax(axis=1)
    table = metrics.confusion_matrix(predicted, labels, probabilities.shape[1])
    figures = metrics.per_class(table)
    return float(figures["f1"][figures["support"] > 0].mean())


def auc(probabilities: numpy.ndarray, labels: numpy.ndarray) -> float:
    """Return the area under the ROC curve: of class 1 of two, or the mean of each class against
    the rest, over the classes that have samples. NaN where all samples have one class.

    probabilities: (n, classes). labels: integers (n,).
    """
    present = numpy.unique(labels).tolist()
    if len(present) < 2:
        return math.nan
    chosen = [1] if probabilities.shape[1] == 2 else present
    areas = [metrics.auc(probabilities[:, k], (labels == k).astype(numpy.int64)) for k in chosen]
    return sum(areas) / len(areas)


BY_NAME: Mapping[str, Metric] = {
    "auc": auc,
    "calibration_error": metrics.calibration_error,
    "f1": f1,
    "log_loss": metrics.log_loss,
    "top_3": top_3,
    "top_5": top_5,
}


def check_metrics(given: Any) -> tuple[str | Metric, ...]:
    """Return metrics as a tuple of known names and functions; each has a name of its own.

    given: a list of names in `BY_NAME`, in any case, and of functions.

    Raises:
        ConfigError: it is anything else, or two have the same name.
    """
    if isinstance(given, str):
        _known(given)
    if isinstance(given, str) or callable(given) or not isinstance(given, Iterable):
        example = given if isinstance(given, str) else getattr(given, "__name__", "f1")
        quote = "'" if isinstance(given, str) else ""
        message = f"metrics is {shown(given)}, expected a list of names and functions"
        raise ConfigError(hint(message, f"metrics=[{quote}{example}{quote}]"))
    found = tuple(_known(metric) for metric in given)
    names = [name_of(metric) for metric in found]
    for name in names:
        if name in _TAKEN or names.count(name) > 1:
            what = "which every validation has" if name in _TAKEN else "which is given twice"
            advice = "another name for the function, def ...(probabilities, labels)"
            raise ConfigError(hint(f"metrics has {name!r} in it, {what}", advice))
    return found


def name_of(metric: str | Metric) -> str:
    """Return the name of a metric: that of the function."""
    return metric if isinstance(metric, str) else str(getattr(metric, "__name__", ""))


def measure(
    chosen: Sequence[str | Metric], probabilities: numpy.ndarray, labels: numpy.ndarray
) -> dict[str, float]:
    """Return each metric by its name, as a float, which may be NaN.

    chosen: as `check_metrics` returns them. probabilities: (n, classes). labels: integers (n,).

    Raises:
        ConfigError: a function returns anything but one number.
    """
    found = {}
    for metric in chosen:
        function = BY_NAME[metric] if isinstance(metric, str) else metric
        name = name_of(metric)
        try:
            value = function(probabilities, labels)
        except Exception as error:
            error.add_note(f"in the metric {name!r}")
            raise
        found[name] = _number(name, value)
    return found


def _known(metric: Any) -> str | Metric:
    if isinstance(metric, str):
        name = find(metric, BY_NAME)
        if name is None:
            advice = _INSTEAD.get(metric.lower()) or advice_on(metric, BY_NAME)
            raise ConfigError(hint(f"unknown metric {metric!r}", advice))
        return name
    if not callable(metric):
        message = f"metrics has {shown(metric)} in it, expected names and functions"
        raise ConfigError(hint(message, _EXAMPLE))
    if not name_of(metric).isidentifier():  # a lambda, a partial
        message = "metrics has a function without a name in it"
        raise ConfigError(hint(message, _EXAMPLE))
    known: Metric = metric
    return known


def _number(name: str, value: Any) -> float:
    if isinstance(value, numpy.ndarray) and value.shape == ():
        value = value[()]
    if isinstance(value, Real):  # also NumPy's scalars, and True for 1
        return float(value)
    shape = getattr(value, "shape", None)
    got = shown(value) if shape is None else f"an array of shape {tuple(shape)}"
    message = f"the metric {name!r} returned {got}, expected one number"
    raise ConfigError(hint(message, f"def {name}(probabilities, labels): return float(...)"))
