"""A network as the content of an ONNX file: opset 17, IR version 8, any number of samples.

The graph takes raw samples, as the network does, and normalises them itself. Its outputs are
`scores`, and `probabilities` where the loss is one of xpcnn's; of regression `numbers`, in the
units of the user. Metadata: `classes`, the names as a JSON list; `pictures`, how picture files
become samples, a JSON table of `xpcnn.data.reading`; `loss`, a JSON table, where it is one of
xpcnn's; `task`, a JSON table of `xpcnn.tasks`, unless that is classification.
"""

import json
from collections.abc import Callable, Mapping

import numpy
from onnx import ModelProto, TensorProto, checker, helper

from xpcnn.config.registry import LOSSES
from xpcnn.config.tables import to_config
from xpcnn.errors import ConfigError, hint
from xpcnn.io import reading_table, task_table
from xpcnn.io.network_file import Facts
from xpcnn.io.onnx.exporting.builder import Builder, Own
from xpcnn.io.onnx.exporting.layer_nodes import unwritten, write
from xpcnn.losses import L1, MSE, BCEWithLogits, Focal, Huber, SoftmaxCrossEntropy
from xpcnn.network import Network
from xpcnn.tasks import Regression
from xpcnn.version import VERSION

OPSET = 17
IR_VERSION = 8
INPUT, SCORES, PROBABILITIES = "images", "scores", "probabilities"
NUMBERS = "numbers"
CLASSES, PICTURES, LOSS, TASK = "classes", "pictures", "loss", "task"
"""Keys of the metadata."""

_LARGEST = 2**31 - 1  # bytes of a protocol buffer


def content(network: Network, facts: Facts) -> bytes:
    """Return the content of the ONNX file of a network.

    Parameters are float32, whatever the network's dtype.

    Raises:
        ConfigError: layers have no ONNX form; names all of them. Or the network is too large.
    """
    model = to_model(network, facts)
    size = model.ByteSize()
    if size > _LARGEST:
        message = f"the network needs {size:,} bytes, and a file of ONNX holds {_LARGEST:,}"
        raise ConfigError(hint(message, "a smaller network"))
    return bytes(model.SerializeToString(deterministic=True))


def to_model(network: Network, facts: Facts) -> ModelProto:
    """Return a network as ONNX's object, which ONNX's checker has passed."""
    _check_layers(network)
    graph = Builder()
    own = Own(
        network.host_arrays(network.params),
        network.host_arrays(network.buffers),
        network.input_shape,
    )
    last = write(graph, network.layers, own, _normalised(graph, network))
    graph.output(SCORES, "Identity", last)
    outputs = {SCORES: network.output_shape[0]}
    if isinstance(network.task, Regression):
        _numbers(graph, network.task)
        outputs[NUMBERS] = network.output_shape[0]
    elif type(network.loss) in _PROBABILITIES:
        _PROBABILITIES[type(network.loss)](graph, network.output_shape[0])
        outputs[PROBABILITIES] = max(2, network.output_shape[0])
    made = helper.make_graph(
        graph.nodes,
        "xpcnn",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["batch", *network.input_shape])],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", count])
            for name, count in outputs.items()
        ],
        graph.constants,
    )
    model = helper.make_model(
        made,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="xpcnn",
        producer_version=VERSION,
    )
    known = type(network.loss) in LOSSES.values()
    notes = {
        CLASSES: facts.classes,
        PICTURES: reading_table.to_table(facts.reading),
        LOSS: to_config(network.loss) if known else None,
        **task_table.entry(network.task),
    }
    texts = {key: json.dumps(value) for key, value in notes.items() if value is not None}
    helper.set_model_props(model, texts)
    checker.check_model(model, full_check=True)
    return model


def _check_layers(network: Network) -> None:
    names = [
        f"{path} ({type(layer).__name__})" if path else type(layer).__name__
        for path, layer in unwritten(network.layers)
    ]
    if names:
        message = f"these layers have no form in ONNX: {', '.join(names)}"
        raise ConfigError(hint(message, "layers of xpcnn.layers in their place"))


def _normalised(graph: Builder, network: Network) -> str:
    """Add (x - mean) / std; return the name of its output, or of the input for a new network."""
    if network.mean is None or network.std is None:
        return INPUT
    shape = (-1,) + (1,) * (len(network.input_shape) - 1)
    mean, std = (numpy.reshape(value, shape) for value in (network.mean, network.std))
    centred = graph.node("Sub", INPUT, graph.constant("mean", mean))
    return graph.node("Div", centred, graph.constant("std", std))


def _numbers(graph: Builder, task: Regression) -> None:
    """Add scores * std + mean."""
    if task.mean is None or task.std is None:
        graph.output(NUMBERS, "Identity", SCORES)
        return
    wide = graph.node("Mul", SCORES, graph.constant("target_std", task.std))
    graph.output(NUMBERS, "Add", wide, graph.constant("target_mean", task.mean))


def _softmax(graph: Builder, outputs: int) -> None:
    graph.output(PROBABILITIES, "Softmax", SCORES, axis=-1)


def _sigmoid(graph: Builder, outputs: int) -> None:
    if outputs == 1:
        _both(graph, graph.node("Sigmoid", SCORES))
    else:
        graph.output(PROBABILITIES, "Sigmoid", SCORES)


def _as_they_are(graph: Builder, outputs: int) -> None:
    if outputs == 1:
        _both(graph, SCORES)
    else:
        graph.output(PROBABILITIES, "Identity", SCORES)


def _both(graph: Builder, p: str) -> None:
    """Add the probabilities of both classes, given that of class 1."""
    other = graph.node("Sub", graph.constant("one", 1.0), p)
    graph.output(PROBABILITIES, "Concat", other, p, axis=1)


_PROBABILITIES: Mapping[type, Callable[[Builder, int], None]] = {
    SoftmaxCrossEntropy: _softmax,
    BCEWithLogits: _sigmoid,
    Focal: _sigmoid,
    MSE: _as_they_are,
    L1: _as_they_are,
    Huber: _as_they_are,
}
