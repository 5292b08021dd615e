"""Losses of the user's own that return something else than a loss does: rejected in words."""

from typing import Any

import numpy
import pytest

from xpcnn import Model
from xpcnn.errors import ConfigError, DTypeError, ShapeError
from xpcnn.layers import Dense
from xpcnn.losses import MSE

X = numpy.linspace(0.0, 1.0, 8, dtype="float32").reshape(4, 2)


def mean(scores: Any) -> Any:
    return (scores * scores).mean()


WRONG: list[tuple[Any, type[Exception], str]] = [
    (lambda s: mean(s), ConfigError, "returned .*, expected .loss, pullback."),
    (lambda s: (mean(s), None), ConfigError, "returned .*, expected .loss, pullback."),
    (lambda s: (float("nan"), lambda d: s), ConfigError, "returned nan for its value, expected a"),
    (lambda s: (s.mean(axis=1), lambda d: s), ShapeError, r"has the shape \(4,\), expected \(\)\n"),
    (lambda s: (mean(s), lambda d: s[:1]), ShapeError, r"\(1, 3\), .* of the shape \(4, 3\)\n"),
    (lambda s: (mean(s), lambda d: (s,)), ShapeError, "pullback of the loss Own returned a tuple,"),
    (lambda s: (mean(s), lambda d: None), ShapeError, "pullback of the loss Own returned None,"),
    (  # at half the speed, if it were taken
        lambda s: (mean(s), lambda d: s * numpy.float64(1.0)),
        DTypeError,
        "pullback of the loss Own returned dscores of dtype float64, expected float32",
    ),
]


@pytest.mark.parametrize(("returned", "kind", "message"), WRONG)
def test_a_wrong_result_is_named(returned: Any, kind: type[Exception], message: str) -> None:
    class Own(MSE):
        def __call__(self, scores: Any, labels: Any) -> Any:
            return returned(scores)

    model = Model([Dense(3)], input_shape=(2,), loss=Own())
    with pytest.raises(kind, match=f"^(?s:the .*{message}.*Try: )"):
        model.fit(X, numpy.arange(4) % 3, epochs=1)


def test_an_error_in_a_loss_is_noted_with_what_it_was_given() -> None:
    """Weights of samples are a further column of the labels, which such a loss may not know."""

    class Own(MSE):
        def __call__(self, scores: Any, labels: Any) -> Any:
            return mean(scores - labels), lambda dloss: scores

    model = Model([Dense(3)], input_shape=(2,), loss=Own())
    with pytest.raises(ValueError, match="could not be broadcast") as caught:
        model.fit(X, numpy.arange(4) % 3, epochs=1, sample_weights=numpy.ones(4))
    assert caught.value.__notes__ == [
        "in the loss Own, of scores (4, 3) and labels (4, 4), float32; the last column are weights "
        "of samples: xpcnn.losses.without_weights"
    ]
