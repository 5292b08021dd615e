"""The ONNX node test cases of the operators that xpcnn has; R1 runs them.

Two sources: the cases that the case modules of `onnx.backend.test.case.node` make when they are
imported (expected outputs by ONNX's own NumPy formulas), and the stored `pytorch-converted` ones
(expected outputs computed by PyTorch). Only the modules needed are imported; all of them take half
a minute.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import numpy
import onnx
from onnx import numpy_helper
from onnx.backend.test.case import node as modules

CORE = (
    "Conv",
    "MaxPool",
    "AveragePool",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "BatchNormalization",
    "Softmax",
    "LogSoftmax",
    "Gemm",
    "MatMul",
    "Flatten",
    "Relu",
    "LeakyRelu",
    "Sigmoid",
    "Tanh",
    "Dropout",
    "SoftmaxCrossEntropyLoss",
)
EXTRA = (
    "Elu",
    "Selu",
    "Softplus",
    "Softsign",
    "HardSigmoid",
    "HardSwish",
    "Gelu",
    "Mish",
    "PRelu",
    "Clip",
    "ConvTranspose",
    "Resize",
    "Upsample",
    "LayerNormalization",
    "GroupNormalization",
    "InstanceNormalization",
    "Mul",
)
SEED = 0  # some modules draw their inputs from NumPy's global generator
OLD_MODULES = {"batchnorm", "softmaxcrossentropy"}  # what onnx before 1.23 called two of them


@dataclass(frozen=True)
class Case:
    """A model, its inputs and expected outputs; more than one node is more than one xpcnn op."""

    name: str
    operator: str
    nodes: int
    attributes: dict[str, Any]
    inputs: list[numpy.ndarray | None]
    expected: list[numpy.ndarray]


def load() -> list[Case]:
    """Return every case of the operators above, the generated ones first."""
    return [*_generated(), *_stored()]


def _generated() -> Iterator[Case]:
    wanted = OLD_MODULES | {name.lower() for name in (*CORE, *EXTRA)}
    state = numpy.random.get_state()
    numpy.random.seed(SEED)
    for module in iter_modules(modules.__path__):
        if module.name.replace("_", "") in wanted:
            import_module(f"{modules.__name__}.{module.name}")
    numpy.random.set_state(state)
    for case in modules._NodeTestCases:
        if "_expanded" not in case.name:
            for inputs, expected in case.data_sets:
                yield from _case(case.name, case.model, inputs, expected)


def _stored() -> Iterator[Case]:
    root = Path(onnx.__file__).parent / "backend" / "test" / "data" / "pytorch-converted"
    for folder in sorted(root.iterdir()):
        model = onnx.load(folder / "model.onnx")
        for data in sorted(folder.glob("test_data_set_*")):
            inputs = [_array(path) for path in sorted(data.glob("input_*.pb"))]
            expected = [_array(path) for path in sorted(data.glob("output_*.pb"))]
            yield from _case(f"pytorch-converted/{folder.name}", model, inputs, expected)


def _case(
    name: str,
    model: onnx.ModelProto,
    inputs: Iterable[numpy.ndarray],
    expected: Iterable[numpy.ndarray],
) -> Iterator[Case]:
    """Yield the case if an operator above is in its model; the first such names it."""
    graph = model.graph
    node = next((n for n in graph.node if n.op_type in (*CORE, *EXTRA)), None)
    if node is None:
        return
    bound = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    free = [value.name for value in graph.input if value.name not in bound]
    bound.update(zip(free, inputs, strict=True))
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    for key, value in attributes.items():
        if isinstance(value, bytes):
            attributes[key] = value.decode()
    arguments = [bound.get(key) for key in node.input if key in bound or not key]
    yield Case(name, node.op_type, len(graph.node), attributes, arguments, list(expected))


def _array(path: Path) -> numpy.ndarray:
    return numpy_helper.to_array(onnx.TensorProto.FromString(path.read_bytes()))
