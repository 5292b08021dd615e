"""The result of one case, and the figures of many; a case is never dropped without a reason.

A case passes, fails, or is unsupported: outside what xpcnn offers, with the reason in words.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy

from tests.compare import assert_within
from tests.rounding import Rounded
from xpcnn import backend
from xpcnn.errors import XpcnnError


class Unsupported(Exception):
    """The case lies outside what xpcnn offers; the text says in what."""


@dataclass(frozen=True)
class CaseResult:
    """The result of one case: `state` is "passed", "failed" or "unsupported"."""

    group: str
    case: str
    state: str
    detail: str = ""


def run_case(group: str, case: str, check: Callable[[], None]) -> CaseResult:
    """Run the check of one case; an op that refuses, breaks or warns fails like a wrong number."""
    try:
        check()
    except Unsupported as reason:
        return CaseResult(group, case, "unsupported", str(reason))
    except (AssertionError, XpcnnError, ValueError, TypeError, RuntimeWarning) as problem:
        return CaseResult(group, case, "failed", f"{type(problem).__name__}: {problem}")
    return CaseResult(group, case, "passed")


def same(name: str, got: numpy.ndarray, expected: numpy.ndarray, rtol: float, atol: float) -> None:
    """Assert equal dtypes and shapes, and values within atol + rtol * |expected|."""
    assert isinstance(got, (numpy.ndarray, numpy.generic)), f"{name}: not a NumPy array"
    assert got.dtype == expected.dtype, f"{name}: dtype {got.dtype}, expected {expected.dtype}"
    assert got.shape == expected.shape, f"{name}: shape {got.shape}, expected {expected.shape}"
    numpy.testing.assert_allclose(got, expected, rtol=rtol, atol=atol, err_msg=name)


def within(name: str, got: numpy.ndarray, expected: numpy.ndarray, bound: Rounded) -> None:
    """Assert float32 of the expected shape, each number within the bound of its rounding."""
    assert isinstance(got, (numpy.ndarray, numpy.generic)), f"{name}: not a NumPy array"
    assert got.dtype == numpy.float32, f"{name}: dtype {got.dtype}, expected float32"
    assert got.shape == expected.shape, f"{name}: shape {got.shape}, expected {expected.shape}"
    assert_within(got, Rounded(expected, bound.error), name)


@contextmanager
def numpy_kernels(present: bool) -> Iterator[None]:
    """Run the ops with NumPy's fast kernels, or as their references; then as they ran before."""
    before = dict(backend._kernels)
    try:
        if present:
            backend.load("numpy")
        else:
            backend._kernels.clear()
        yield
    finally:
        backend._kernels.clear()
        backend._kernels.update(before)


def failures(results: Iterable[CaseResult]) -> str:
    """Return one paragraph per failed case, empty if there is none."""
    return "\n".join(f"{v.group} {v.case}: {v.detail}" for v in results if v.state == "failed")


def counts(results: Iterable[CaseResult]) -> tuple[int, int]:
    """Return how many cases passed, and how many applied."""
    states = [v.state for v in results]
    return states.count("passed"), len(states) - states.count("unsupported")


def table(results: list[CaseResult]) -> str:
    """Return one line per group: passed/applicable, and how many are unsupported."""
    lines = []
    for group in dict.fromkeys(v.group for v in results):
        mine = [v for v in results if v.group == group]
        passed, applicable = counts(mine)
        outside = len(mine) - applicable
        lines.append(f"{group:36} {passed:4}/{applicable:<4} {outside or '':4} unsupported")
    return "\n".join(lines)


def unsupported(results: list[CaseResult]) -> list[str]:
    """Return "group: reason: cases" for every group and reason."""
    cases: dict[tuple[str, str], list[str]] = {}
    for v in results:
        if v.state == "unsupported":
            cases.setdefault((v.group, v.detail), []).append(v.case)
    return [f"{group}: {why}: {', '.join(names)}" for (group, why), names in cases.items()]
