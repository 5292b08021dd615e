"""All figures of a model and a data set, in words and in numbers."""

import json
from collections.abc import Sequence
from dataclasses import asdict

import numpy
import pytest

from tests.lib import Lib
from xpcnn import Model, classification_report
from xpcnn.classification import ClassFigures, ClassificationReport
from xpcnn.data import Dataset
from xpcnn.errors import ConfigError
from xpcnn.layers import Flatten
from xpcnn.losses import MSE

# a sample is what the model says of it
CLASSES = ("a", "b", "c", "d")
SAYS = [
    [0.75, 0.25, 0.0, 0.0],
    [0.25, 0.5, 0.25, 0.0],
    [0.25, 0.5, 0.25, 0.0],
    [0.25, 0.375, 0.125, 0.25],
    [0.0, 0.0, 1.0, 0.0],
]
LABELS = [0, 0, 1, 2, 2]

WORDS = """\
accuracy 0.6000, top-3 0.8000, log loss 0.8893, calibration error 0.1250, AUC 0.7917

class  precision  recall      F1  samples
a         1.0000  0.5000  0.6667        2
b         0.3333  1.0000  0.5000        1
c         1.0000  0.5000  0.6667        2
d              -       -       -        0

no sample of: d

confusion matrix: row = true class, column = predicted class
   a  b  c  d
a  1  1  .  .
b  .  1  .  .
c  .  1  1  .
d  .  .  .  .

most confused
true  predicted  count
a     b              1
c     b              1

lowest probability of the true class
row  true  predicted  probability
  3  c     b               0.1250
  1  a     b               0.2500
  2  b     b               0.5000
  0  a     a               0.7500
  4  c     c               1.0000"""


def echo(outputs: int, lib: Lib | None = None, classes: Sequence[str] | None = None) -> Model:
    """Return a model whose probabilities are the pixels of its images."""
    backend = "numpy" if lib is None else lib.backend
    options = {"backend": backend, "loss": MSE(), "classes": classes}
    return Model([Flatten()], input_shape=(1, 1, outputs), **options)  # type: ignore[arg-type]


def images(says: Sequence[Sequence[float]]) -> numpy.ndarray:
    return numpy.asarray(says, numpy.float32)[:, None, None, :]


def report_of(says: Sequence[Sequence[float]], labels: Sequence[int]) -> ClassificationReport:
    return classification_report(echo(len(says[0])), (images(says), labels))


def test_in_words(lib: Lib) -> None:
    report = classification_report(echo(4, lib, CLASSES), (images(SAYS), LABELS), batch_size=2)
    assert str(report) == WORDS


def test_in_numbers() -> None:
    report = classification_report(echo(4, classes=CLASSES), (images(SAYS), LABELS))
    assert report.auc == pytest.approx((5 / 6 + 7 / 8 + 4 / 6) / 3)
    assert (report.accuracy, report.top_3, report.top_5) == (0.6, 0.8, None)
    assert report.per_class[3] == ClassFigures("d", None, None, None, 0)
    assert report.missing == ("d",)
    assert report.confusion == ((1, 1, 0, 0), (0, 1, 0, 0), (0, 1, 1, 0), (0, 0, 0, 0))
    table = json.loads(json.dumps(asdict(report), allow_nan=False))
    assert table["most_confused"][1] == {"true": "c", "predicted": "b", "count": 1}
    assert table["worst"][0] == {"row": 3, "true": "c", "predicted": "b", "probability": 0.125}
    assert table["per_class"][0] == {
        "name": "a",
        "precision": 1.0,
        "recall": 0.5,
        "f1": pytest.approx(2 / 3),
        "support": 2,
    }


def test_classes_are_those_of_the_model_in_its_order() -> None:
    names = ("c", "a", "b")
    labels = [names.index(CLASSES[label]) for label in LABELS]
    data = Dataset.from_arrays(images(SAYS), labels, names)
    assert str(classification_report(echo(4, classes=CLASSES), data)) == WORDS


def test_figures_are_those_of_the_mean_over_views() -> None:
    model, x = echo(4), images(SAYS)
    assert classification_report(model, x, LABELS) == classification_report(model, (x, LABELS))
    for views, seen in (
        (["flip"], x[..., ::-1]),
        (["identity", "flip"], (x + x[..., ::-1]) / 2),
    ):
        report = classification_report(model, (x, LABELS), views=views)
        assert report == classification_report(model, (seen, LABELS))
        assert report.confusion != classification_report(model, (x, LABELS)).confusion
    with pytest.raises(ConfigError, match=r"^unknown view 'flop'\nTry: 'flip'"):
        classification_report(model, (x, LABELS), views=["flop"])


def test_one_output_and_two_say_the_same_of_two_classes() -> None:
    yes = [0.125, 0.375, 0.25, 0.75]  # 3 of 4 pairs in order
    labels = [0, 0, 1, 1]
    one = report_of([[p] for p in yes], labels)
    assert one.auc == 0.75
    assert one.confusion == ((2, 0), (1, 1))
    assert [example.row for example in one.worst] == [2, 1, 3, 0]
    assert one == report_of([[1 - p, p] for p in yes], labels)


def test_auc_of_two_classes_is_that_of_the_second() -> None:
    # by the first output no pair is in order, by the second both are
    assert report_of([[0.5, 0.25], [0.75, 0.5], [0.25, 0.125]], [0, 1, 0]).auc == 1.0


def test_of_more_outputs_than_classes_with_samples_auc_is_the_mean_over_those() -> None:
    says = [[0.5, 0.25, 0.25], [0.25, 0.75, 0.0], [0.5, 0.5, 0.0]]
    # 0 against the rest: {0.5, 0.5} above 0.25; 1: 0.75 above {0.25, 0.5}
    assert report_of(says, [0, 1, 0]).auc == 1.0


def test_all_right_and_of_one_class() -> None:
    report = report_of([[0.0, 1.0], [0.25, 0.75]], [1, 1])
    assert (report.accuracy, report.auc, report.missing) == (1.0, None, ("0",))
    assert "AUC" not in str(report)
    assert "confused" not in str(report)


@pytest.mark.parametrize(
    ("classes", "ranks"), [(3, []), (4, ["top_3"]), (5, ["top_3"]), (6, ["top_3", "top_5"])]
)
def test_top_k_needs_more_than_k_classes(classes: int, ranks: list[str]) -> None:
    report = asdict(report_of(numpy.eye(classes).tolist(), range(classes)))
    assert [name for name in ("top_3", "top_5") if report[name] is not None] == ranks


def test_the_matrix_of_many_classes_is_in_numbers_alone() -> None:
    matrix = "confusion matrix: row = true class"
    assert matrix in str(report_of(numpy.eye(20).tolist(), range(20)))
    report = report_of(numpy.eye(100).tolist(), range(100))
    assert matrix not in str(report)
    assert "confusion matrix: too wide to print with 100 classes" in str(report)
    assert max(map(len, str(report).splitlines())) < 100
    assert numpy.array_equal(report.confusion, numpy.eye(100))
    assert len(report.worst) == 10
