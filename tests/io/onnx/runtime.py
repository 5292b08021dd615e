"""What ONNX Runtime computes with a file."""

from pathlib import Path

import numpy
import pytest

import xpcnn
from xpcnn.layers import Layer
from xpcnn.types import Shape, map_tree


def run(path: Path, x: numpy.ndarray, output: str | None = None) -> numpy.ndarray:
    """Return an output, by default the first, for the samples x; skips where it is missing."""
    ort = pytest.importorskip("onnxruntime", reason="onnxruntime: not installed")
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = None if output is None else [output]
    found: numpy.ndarray = session.run(names, {session.get_inputs()[0].name: x})[0]
    return found


def model_of(layer: Layer | list[Layer], shape: Shape, seed: int = 0) -> xpcnn.Model:
    """Return a model whose running statistics, scales and slopes are no ones and zeros."""
    model = xpcnn.Model(layer, input_shape=shape, seed=seed)
    rng = numpy.random.default_rng(seed)

    def shaken(x: numpy.ndarray) -> numpy.ndarray:
        return (numpy.abs(x) + rng.uniform(0.1, 0.5, x.shape)).astype("f4") if x.ndim == 1 else x

    model.params, model.buffers = map_tree(model.params, shaken), map_tree(model.buffers, shaken)
    return model


def samples(count: int, shape: Shape, seed: int = 1) -> numpy.ndarray:
    """Return samples (count, *shape) around 0."""
    return numpy.random.default_rng(seed).normal(0, 2, (count, *shape)).astype("f4")


def assert_close(got: numpy.ndarray, expected: numpy.ndarray, tolerance: float = 1e-5) -> None:
    """Require two arrays of one shape to differ by at most `tolerance` of the largest element."""
    assert got.shape == expected.shape
    assert got.dtype == expected.dtype == numpy.float32
    assert float(numpy.abs(got - expected).max()) <= tolerance * float(numpy.abs(expected).max())
