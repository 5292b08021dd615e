"""What the estimators reject: samples, labels, networks, arguments of other estimators."""

import sys
from typing import Any

import numpy
import pytest

from tests.sklearn.small_data import curve, digits
from xpcnn.errors import ArgumentError, LabelError, PackageMissingError
from xpcnn.layers import Dense

pytest.importorskip("sklearn", reason="sklearn: not installed (pip install 'xpcnn[sklearn]')")
from sklearn.base import clone

from xpcnn.sklearn import CNNClassifier, CNNRegressor

ERRORS: list[tuple[Any, Any, Any, str]] = [
    (
        CNNClassifier(image_shape=(8, 9)),
        *digits(20),
        "X has 64 features, image_shape (1, 8, 9) has 72\n"
        "Try: image_shape=(c, h, w) of c * h * w features",
    ),
    (
        CNNClassifier(image_shape=8),
        *digits(20),
        "image_shape is (8,), expected (c, h, w), or (h, w) for grey images\n"
        "Try: image_shape=None, for rows of features",
    ),
    (
        CNNClassifier(),
        numpy.zeros((4, 8, 8)),
        [0, 1, 0, 1],
        "X has shape (4, 8, 8), expected (n, features) or (n, c, h, w)\n"
        "Try: X[:, None], for grey images",
    ),
    (
        CNNClassifier(),
        numpy.zeros((2, 3)),
        ["a", "a"],
        "y has one class, a, expected two or more\nTry: samples of another class",
    ),
    (
        CNNClassifier(3),
        numpy.zeros((2, 3)),
        ["a", "b"],
        "model is a int, expected a name, a path or layers\n"
        "Try: model='small', or model=[Flatten(), Dense(10)]",
    ),
    (
        CNNClassifier(options={"patience": 3}),
        numpy.zeros((2, 3)),
        ["a", "b"],
        "options: 'patience' needs data to validate on, which fit does not take\n"
        "Try: GridSearchCV, or xpcnn.Model and its own fit",
    ),
    (
        CNNRegressor([Dense(2)]),
        numpy.zeros((2, 3)),
        [0.0, 1.0],
        "the network has 2 outputs for 1 target\nTry: a last layer Dense(1)",
    ),
]


@pytest.mark.parametrize(("estimator", "x", "y", "text"), ERRORS, ids=range(len(ERRORS)))
def test_errors(estimator: Any, x: Any, y: Any, text: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        estimator.fit(x, y)
    assert str(caught.value) == text


def test_errors_of_partial_fit() -> None:
    x, labels = digits(20)
    with pytest.raises(ValueError, match="must be passed on the first call"):
        CNNClassifier().partial_fit(x, labels)
    estimator = CNNClassifier().partial_fit(x, labels, classes=numpy.unique(labels))
    with pytest.raises(ValueError, match="1 label not in classes, such as digit 99"):
        estimator.partial_fit(x, numpy.asarray(["digit 99"] * 20))
    with pytest.raises(ValueError, match="classes are others"):
        estimator.partial_fit(x, labels, classes=["a", "b"])


def test_a_first_partial_fit_that_fails_is_no_beginning() -> None:
    x, y = curve(8)
    estimator = CNNRegressor([Dense(2)])
    for _ in range(2):
        with pytest.raises(ValueError, match="the network has 2 outputs for 1 target"):
            estimator.partial_fit(x, y)
    assert estimator.set_params(model=[Dense(1)]).partial_fit(x, y).predict(x).shape == (8,)


def test_without_scikit_learn_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in [name for name in sys.modules if name.split(".")[:2] == ["xpcnn", "sklearn"]]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sklearn.utils.validation", None)
    with pytest.raises(PackageMissingError) as caught:
        import xpcnn.sklearn  # noqa: F401
    assert str(caught.value) == (
        "xpcnn.sklearn needs scikit-learn 1.6 or newer, which is not installed\n"
        "Try: pip install 'xpcnn[sklearn]'"
    )


@pytest.mark.parametrize(("odd", "kinds"), [(None, "NoneType, str"), (3, "int, str")])
def test_labels_of_several_types_are_named(odd: Any, kinds: str) -> None:
    y = numpy.asarray(["a", "b", odd, "a"], dtype=object)
    x = numpy.arange(8.0).reshape(4, 2)
    with pytest.raises(ValueError, match=f"^y has labels of several types: {kinds}\nTry: texts"):
        CNNClassifier().fit(x, y)
    with pytest.raises(LabelError, match="of several types"):
        CNNClassifier().partial_fit(x, y, classes=["a", "b"])


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"seed": 1}, "has no argument 'seed'\nTry: CNNClassifier(random_state=1)"),
        ({"learning_rate": 0.1}, "has no argument 'learning_rate'\nTry: CNNClassifier(lr=0.1)"),
        ({"warm_start": True}, "has no argument 'warm_start'\nTry: partial_fit(X, y), which"),
    ],
)
def test_arguments_of_other_estimators(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        CNNClassifier(**options)
    assert str(caught.value).startswith(f"CNNClassifier {text}")
    assert clone(CNNClassifier(epochs=3)).get_params()["epochs"] == 3
