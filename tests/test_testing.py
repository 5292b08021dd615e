"""The gradient checker sees wrong gradients: one planted error for each of its promises."""

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Any

import numpy
import pytest

from tests.lib import Lib
from xpcnn import ops
from xpcnn.errors import XpcnnError
from xpcnn.initializers import Draw
from xpcnn.layers import (
    BatchNorm,
    Context,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    MaxPool2D,
    PReLU,
    Residual,
    Sequential,
)
from xpcnn.testing import GradientError, check_gradients
from xpcnn.types import Array, Params, Shape, namespace


@dataclass(frozen=True)
class Faulty:
    """A dense layer that is right, but for one planted fault."""

    fault: str = ""

    def init(self, shape: Shape, draw: Draw) -> tuple[Params, Params, Shape]:
        params, buffers, out = Dense(4).init(shape, draw)
        return params, buffers, (5,) if self.fault == "shape promised" else out

    def forward(
        self, params: Params, buffers: Params, x: Array, ctx: Context
    ) -> tuple[Array, Params, Any]:
        xp = namespace(x)
        y, back = ops.dense(x, params["weight"], params["bias"])
        calls = []

        def pullback(dy: Array, want_dx: bool = True) -> tuple[Array | None, Params]:
            calls.append(1)
            gradients: dict[str, Any] = dict(zip(("dx", "dw", "db"), back(dy), strict=True))
            if self.fault in gradients:
                gradients[self.fault] = gradients[self.fault] * 1.0005  # 0.05 %
            dx, dw, db = gradients.values()
            if self.fault == "inference" and not ctx.training:
                dw = dw * 1.0005
            if self.fault == "NaN":
                db = db * xp.nan
            if self.fault == "one element":
                dw = xp.where(dw == xp.max(dw), dw * 1.01, dw)
            if self.fault == "gradient shape":
                db = xp.expand_dims(db, axis=0)
            if self.fault == "gradient dtype":
                dw = xp.astype(dw, xp.float64)
            if self.fault == "writes into dy":
                dy[0, 0] += 1.0
            if self.fault == "None":
                dw = None
            if self.fault == "second call" and len(calls) > 1:
                db = db + 1e-15
            if self.fault == "without dx" and not want_dx:
                db = db + 1e-15
            if self.fault == "name":
                return dx, {"weights": dw, "bias": db}
            return (dx if want_dx else None), {"weight": dw, "bias": db}

        if self.fault == "writes into x":
            x[0, 0] = 0.0
        if self.fault == "output dtype":
            y = xp.astype(y, xp.float64)
        return y, {}, pullback


IN_TRAINING = "Faulty in training mode (seed 0): "


def test_a_right_layer_passes(lib: Lib) -> None:
    check_gradients(Faulty(), (3,), backend=lib.backend)


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ("dx", IN_TRAINING + "the gradient of the input is wrong. Along a random direction:\n"),
        ("dw", IN_TRAINING + "the gradient of weight is wrong. Along a random direction:\n"),
        ("db", IN_TRAINING + "the gradient of bias is wrong. Along a random direction:\n"),
        ("NaN", IN_TRAINING + "the gradient of bias is wrong. Along a random direction:\n"),
        ("one element", IN_TRAINING + "the gradient of weight is wrong."),
        ("inference", "Faulty in inference mode (seed 0): the gradient of weight is wrong."),
        ("writes into x", IN_TRAINING + "forward or pullback wrote into the input\nTry: "),
        ("writes into dy", IN_TRAINING + "forward or pullback wrote into dy\nTry: "),
        (
            "shape promised",
            IN_TRAINING + "the output has shape (2, 4), init promised (2, 5)",
        ),
        (
            "gradient shape",
            IN_TRAINING + "the gradient of bias has shape (1, 4), expected (4,)",
        ),
        (
            "gradient dtype",
            IN_TRAINING + "from float32 arrays, the gradient of weight has dtype float64",
        ),
        ("output dtype", IN_TRAINING + "from float32 arrays, the output has dtype float64"),
        ("None", IN_TRAINING + "the gradient of weight is None"),
        (
            "name",
            IN_TRAINING + "gradients are named ['bias', 'weights'], the parameters "
            "['bias', 'weight']",
        ),
        (
            "second call",
            IN_TRAINING + "a second call of the pullback (want_dx=True) gives another gradient "
            "of bias",
        ),
        (
            "without dx",
            IN_TRAINING + "a second call of the pullback (want_dx=False) gives another gradient "
            "of bias",
        ),
    ],
)
def test_a_planted_error_is_seen(fault: str, text: str) -> None:
    with pytest.raises(GradientError) as caught:
        check_gradients(Faulty(fault), (3,))
    assert str(caught.value).startswith(text)
    assert isinstance(caught.value, AssertionError)
    assert isinstance(caught.value, XpcnnError)


def test_both_values_are_shown() -> None:
    with pytest.raises(GradientError) as caught:
        check_gradients(Faulty("dw"), (3,))
    _, analytic, numeric, entries, advice = str(caught.value).splitlines()
    assert analytic.startswith("    analytic ")
    assert numeric.startswith("    numeric ")
    ratio = float(analytic.split()[1]) / float(numeric.split()[1])
    assert ratio == pytest.approx(1.0005, rel=1e-6)
    assert entries.startswith("    wrong in 12 of 12 entries, most in [")
    assert advice == "Try: a factor in the pullback: every entry is 1.0005 times what it should be"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            lambda dw: dw / 2.0,  # a mean over the 2 samples
            "wrong in 9 of 9 entries*Try: a factor in the pullback: every entry is 0.5 times what",
        ),
        (lambda dw: -dw, "9 of 9 *every entry is -1 times what it should be"),
        (lambda dw: dw.T, "6 of 9 *Try: another order of axes: the entries are right, but in "),
        (lambda dw: dw[::-1], "6 of 9 *Try: another order of axes: the entries are right, but in "),
        (lambda dw: dw * 0.0, "wrong in 9 of 9 entries*Try: deriving the pullback again"),
        (
            lambda dw: dw + numpy.diag([0.0, 0.0, 0.5])[[0, 2, 1]],
            "wrong in 1 of 9 entries, most in [[]1, 2]: *Try: deriving the pullback again",
        ),
        (
            lambda dw: dw * numpy.nan,
            "wrong in 9 of 9 entries*Try: a pullback that divides by nothing",
        ),
        (
            lambda dw: dw + numpy.diag([0.0, numpy.inf, 0.0]),
            "wrong in 1 of 9 entries, most in [[]1, 1]: *Try: a pullback that divides by nothing",
        ),
        (lambda dw: dw[0], "has shape (3,), expected (3, 3)\nTry: one gradient for each entry"),
        (lambda dw: dw[None], "has shape (1, 3, 3), expected (3, 3)\nTry: sum over the axes"),
        (lambda dw: [1.0], "the gradient of weight is a list, expected an array\nTry: "),
    ],
)
def test_the_error_says_where_and_by_how_much(change: Callable[[Any], Any], text: str) -> None:
    @dataclass(frozen=True)
    class Changed:
        def init(self, shape: Shape, draw: Draw) -> tuple[Params, Params, Shape]:
            return Dense(3, bias=False).init(shape, draw)

        def forward(
            self, params: Params, buffers: Params, x: Array, ctx: Context
        ) -> tuple[Array, Params, Any]:
            y, back = ops.dense(x, params["weight"])

            def pullback(dy: Array, want_dx: bool = True) -> tuple[Array | None, Params]:
                dx, dw, _ = back(dy)
                changed = change(dw)
                is_list = isinstance(changed, list)
                return dx, {"weight": changed if is_list else changed.astype(dy.dtype)}

            return y, {}, pullback

    with pytest.raises(GradientError) as caught:
        check_gradients(Changed(), (3,))
    assert fnmatch(str(caught.value), f"*{text}*")


def test_no_more_than_200_entries_are_compared() -> None:
    """Each takes two forward passes."""
    with pytest.raises(GradientError, match=r"wrong in 200 of 200 entries, most in \[\d+, \d\]: "):
        check_gradients(Faulty("dw"), (100,))


def test_0_05_percent_is_seen_whatever_the_seed() -> None:
    for seed in range(20):
        for fault in ("dx", "dw", "db"):
            with pytest.raises(GradientError):
                check_gradients(Faulty(fault), (3,), seed=seed)


def test_parameters_of_a_network_are_named_by_path() -> None:
    network = Sequential([Flatten(), Residual(Sequential([Dense(8), Faulty("dw")]), Dense(4))])
    with pytest.raises(GradientError, match=r"the gradient of layers\.1\.body\.layers\.1\.weight"):
        check_gradients(network, (2, 2, 2))


def test_layers_with_modes_and_draws_pass(lib: Lib) -> None:
    network = Sequential(
        [Conv2D(3, 3, padding=1), BatchNorm(), PReLU(), MaxPool2D(2), Dropout(0.3), Flatten()]
    )
    check_gradients(network, (2, 6, 5), backend=lib.backend, batch=3, seed=1)


def test_running_statistics_are_used_in_inference() -> None:
    """The second mode runs with what the first left, not with means 0 and variances 1."""
    seen = []

    @dataclass(frozen=True)
    class Spy:
        def init(self, shape: Shape, draw: Draw) -> tuple[Params, Params, Shape]:
            return BatchNorm().init(shape, draw)

        def forward(
            self, params: Params, buffers: Params, x: Array, ctx: Context
        ) -> tuple[Array, Params, Any]:
            if not ctx.training:
                seen.append(buffers["var"])
            return BatchNorm().forward(params, buffers, x, ctx)

    check_gradients(Spy(), (3,), batch=4)
    assert not numpy.allclose(seen[0], 1.0)
