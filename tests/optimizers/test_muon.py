"""Muon by hand with one iteration of Newton and Schulz: x ← 3/2 x - 1/2 x xᵀ x."""

from typing import Any

import numpy
import pytest

from tests.lib import Lib
from tests.optimizers.steps import assert_steps, steps
from xpcnn.errors import ConfigError
from xpcnn.optimizers import AdamW, Muon

ONE: dict[str, Any] = {
    "momentum": 0.0,
    "ns_steps": 1,
    "ns_coefficients": (1.5, -0.5, 0.0),
    "adjust": "original",
}
P, G, H = [[1.0, 0.0], [0.0, 1.0]], [[3.0, 0.0], [0.0, 4.0]], [[0.0, -3.0], [4.0, 0.0]]


@pytest.mark.parametrize(
    ("muon", "expected"),
    [
        # x = diag(0.6, 0.8) becomes diag(0.792, 0.944); then both beside the diagonal
        (
            Muon(0.5, weight_decay=0.0, **ONE),
            [[[0.604, 0.0], [0.0, 0.528]], [[0.604, 0.396], [-0.472, 0.528]]],
        ),
        # p·3/4 before each step
        (
            Muon(0.5, weight_decay=0.5, **ONE),
            [[[0.354, 0.0], [0.0, 0.278]], [[0.2655, 0.396], [-0.472, 0.2085]]],
        ),
        # the factor 0.2 √2
        (
            Muon(2.5 / 2**0.5, weight_decay=0.0, **ONE | {"adjust": "match_rms_adamw"}),
            [[[0.604, 0.0], [0.0, 0.528]], [[0.604, 0.396], [-0.472, 0.528]]],
        ),
    ],
)
def test_two_steps(lib: Lib, dtype: str, muon: Muon, expected: Any) -> None:
    assert_steps(lib, dtype, muon, expected, P, G, H)


def test_nesterov_adds_the_gradient_again(lib: Lib, dtype: str) -> None:
    """v = G/2, then G/4 + H/2 = [[3/2, 0], [0, 0]], and with nesterov half of it + H/2."""
    other, options = [[1.5, 0.0], [0.0, -2.0]], {**ONE, "momentum": 0.5, "weight_decay": 0.0}
    first = [[0.604, 0.0], [0.0, 0.528]]
    plain = Muon(0.5, nesterov=False, **options)
    assert_steps(lib, dtype, plain, [first, [[0.104, 0.0], [0.0, 0.528]]], P, G, other)
    # v/2 + H/2 = [[3/2, 0], [0, -1]]
    x, y = 1.5 / 3.25**0.5, -1 / 3.25**0.5
    last = [[0.604 - 0.75 * x + 0.25 * x**3, 0.0], [0.0, 0.528 - 0.75 * y + 0.25 * y**3]]
    ahead = Muon(0.5, nesterov=True, **options)
    assert_steps(lib, dtype, ahead, [first, last], P, G, other)


@pytest.mark.parametrize(
    ("shape", "original", "largest"),
    [((2, 8), 2.0, 8), ((8, 2), 1.0, 8), ((8, 1, 1, 2), 2.0, 8), ((4, 3, 2, 1), 1.0, 6)],
)
def test_steps_are_nearly_orthogonal(shape: tuple[int, ...], original: float, largest: int) -> None:
    """Weights are (in, out) or (out, in, kh, kw)."""
    g = numpy.random.default_rng(0).standard_normal(shape)
    for adjust, factor in (("original", original), ("match_rms_adamw", 0.2 * largest**0.5)):
        muon = Muon(1.0, adjust=adjust, weight_decay=0.0)  # type: ignore[arg-type]
        (step,) = steps(numpy.asarray, muon, 0.0 * g, g)
        values = numpy.linalg.svd(step.reshape(shape[0], -1) / -factor, compute_uv=False)
        assert values.min() > 0.6
        assert values.max() < 1.25


def test_biases_take_the_steps_of_adamw(lib: Lib, dtype: str) -> None:
    params = {path: lib.asarray(p, dtype) for path, p in (("w", P), ("b", P[0]), ("s", 2.0))}
    alone = {path: params[path] for path in "bs"}
    muon, adamw = Muon(0.1), AdamW(0.1, weight_decay=0.1)
    state, other = muon.init(params), adamw.init(alone)
    assert {name: list(held) for name, held in state.items()} == {
        "velocity": ["w"],
        "m": ["b", "s"],
        "v": ["b", "s"],
    }
    for t in (1, 2):
        rest = lib.asarray(0.1, dtype), lib.asarray(t, dtype)
        params, state = muon.update(params, params, state, *rest)
        alone, other = adamw.update(alone, alone, other, *rest)
    assert list(params) == ["w", "b", "s"]
    for path, p in alone.items():
        assert lib.to_host(p).tobytes() == lib.to_host(params[path]).tobytes()


def test_no_gradient_no_step(lib: Lib, dtype: str) -> None:
    assert_steps(lib, dtype, Muon(weight_decay=0.0), [P], P, [[0.0] * 2] * 2)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"adjust": "rms"}, "Muon: unknown adjust 'rms'\nTry: one of match_rms_adamw, original"),
        ({"ns_steps": 0}, "Muon: ns_steps is 0, expected a whole number of at least 1\nTry: ns_"),
        (
            {"ns_coefficients": (1.5, -0.5)},
            "Muon: ns_coefficients is (1.5, -0.5), expected three numbers\nTry: Muon(ns_coeff",
        ),
        (
            {"ns_coefficients": (1.5, "a", 0)},
            "Muon: ns_coefficients must be a finite number, got str\nTry: Muon(ns_coefficients=(3",
        ),
    ],
)
def test_bad_options(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Muon(**options)
    assert str(caught.value).startswith(text)
