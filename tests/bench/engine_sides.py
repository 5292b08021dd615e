"""Inference of a preset, here and in ONNX Runtime: `python -m tests.bench.engine_sides`.

The process of a side of `tests.bench.engines`; see `xpcnn.benchmark.process.serve`.
"""

from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from typing import Any

import numpy

from xpcnn import backend
from xpcnn.benchmark import Case, Side, opened, ours, serve
from xpcnn.benchmark.sides import scores
from xpcnn.io.network_file import Facts
from xpcnn.io.onnx.exporting.network import INPUT, SCORES, to_model
from xpcnn.model import Model

FORMS = ("xpcnn", "onnxruntime")
TOLERANCE = 1e-4  # of the largest score: a wrong network is off by much more


class Runtime:
    """Forward passes of one batch in ONNX Runtime, on as many threads as ours."""

    def __init__(self, model: Model, x: numpy.ndarray) -> None:
        onnxruntime: Any = import_module("onnxruntime")
        exported = to_model(model.network, Facts(0, None, None, {}))
        del exported.graph.output[1:]  # scores, as on our side, not probabilities too
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(backend.load("numpy").describe()["threads"])
        self.runtime = onnxruntime.InferenceSession(
            exported.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        self.feed = {INPUT: numpy.array(x, order="C")}

    def session(self) -> AbstractContextManager[None]:
        return nullcontext()

    def step(self) -> None:
        self.scores()

    def scores(self) -> numpy.ndarray:
        found: numpy.ndarray = self.runtime.run([SCORES], self.feed)[0]
        return found


def compare(name: str, batch: int) -> None:
    """Require that both sides of a case compute the same."""
    model, x, _ = opened(Case(name, batch, "inference"))
    own, theirs = scores(model, x), Runtime(model, x).scores()
    far = abs(own - theirs).max() / abs(own).max()
    assert far <= TOLERANCE, f"{name}: a score is off by {far} of the largest"


def side(name: str, batch: int, form: str) -> Side:
    """Return a side of a case; form: one of FORMS."""
    model, x, labels = opened(Case(name, batch, "inference"))
    return ours(model, x, labels, "inference") if form == "xpcnn" else Runtime(model, x)


if __name__ == "__main__":
    serve(side)
