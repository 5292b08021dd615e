"""A backend that calls the stand-in for cuDNN, and convolutions for it."""

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy
import pytest

from tests.cuda_on_host import arrays
from tests.cuda_on_host.arrays import from_host, on_host
from tests.cuda_on_host.cudnn import Library
from tests.fake_cupy import fake_cupy
from tests.ops.exact import draw
from xpcnn import backend, ops

cudnn: Any = import_module("xpcnn.backends.cupy_kernels.cudnn")
choices: Any = import_module("xpcnn.backends.cupy_kernels.conv_choices")
autotuner: Any = import_module("xpcnn.backends.cupy_kernels.autotuner")

WAYS = ("forward", "dx", "dw")
ORDERS = ("NCHW", "NHWC")
EXACT = 15
"""The fastest engine that float32 may use."""


class Opened:
    """A backend with cuDNN on, and the library that it calls."""

    def __init__(self, setting: str = "cudnn") -> None:
        self.library = Library()
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(cudnn, "load", lambda: cudnn.Api(self.library))
            patched.setenv("XPCNN_CUDA_KERNELS", setting)
            self.backend = backend.load("cupy")

    @property
    def used(self) -> set[tuple[str, str, int]]:
        """What has run since this was asked before."""
        found = set(self.library.executed)
        self.library.executed.clear()
        return found


def put_stand_ins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Put a CuPy made of NumPy in the place of any real one, and the file of choices elsewhere."""
    monkeypatch.setitem(sys.modules, "cupy", fake_cupy())
    monkeypatch.setitem(sys.modules, "array_api_compat.cupy", arrays.namespace)
    monkeypatch.setattr(backend, "_kernels", {})
    monkeypatch.setattr(choices, "folder", lambda: tmp_path / "cudnn")
    monkeypatch.setattr(autotuner, "RUNS", 1)  # which all take the same time
    monkeypatch.setattr(autotuner, "BLOCKS", 1)
    monkeypatch.setenv("XPCNN_KERNELS", "on")


CASES: dict[str, tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = {
    "plain": ((3, 4, 7, 6), (5, 4, 3, 3), {}),
    "stride and padding": ((2, 3, 9, 8), (4, 3, 3, 2), {"stride": (2, 1), "padding": (1, 0)}),
    "more padding after": ((2, 3, 6, 6), (4, 3, 2, 2), {"padding": "same"}),
    "dilation": ((2, 3, 9, 9), (4, 3, 3, 3), {"dilation": 2, "padding": 2}),
    "groups": ((2, 6, 5, 5), (4, 3, 3, 3), {"groups": 2, "padding": 1}),
    "a channel a group": ((2, 4, 5, 5), (4, 1, 3, 3), {"groups": 4}),
    "one pixel": ((2, 3, 1, 1), (4, 3, 1, 1), {}),
}


def results(op: Any, x: Any, w: Any, b: Any, dy: Any, **options: Any) -> list[numpy.ndarray]:
    y, back = op(x, w, b, **options)
    return [on_host(a) for a in (y, *back(dy)) if a is not None]


def problem_of(op: str, case: str, dtype: str, *, has_bias: bool = True) -> tuple[Any, ...]:
    """Return small whole numbers, whose sums are exact in every dtype."""
    shape, filters, options = CASES[case]
    x, w = (numpy.rint(2 * draw(*size)).astype(dtype) for size in (shape, filters))
    b = numpy.rint(2 * draw(filters[0], seed=2)).astype(dtype) if has_bias else None
    y = getattr(ops, op)(x, w, b, **options)[0]
    dy = numpy.rint(2 * draw(*y.shape, seed=3)).astype(dtype)
    return [x, w, b, dy], options


def given(values: list[Any]) -> list[Any]:
    return [None if value is None else from_host(value) for value in values]
