"""A network from an ONNX file, in the layers of xpcnn."""

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy

from xpcnn.backend import Backend
from xpcnn.config.registry import objects
from xpcnn.data.reading import Reading
from xpcnn.errors import CheckpointError, hint, nearest
from xpcnn.io import reading_table, task_table
from xpcnn.io.metadata import metadata_errors
from xpcnn.io.onnx.exporting.network import CLASSES, LOSS, PICTURES, TASK
from xpcnn.io.onnx.importing.assembly import assembled
from xpcnn.io.onnx.importing.parts import Affine, Chain, Leaf, Shaped
from xpcnn.io.onnx.importing.rewriting import finished, rewritten
from xpcnn.io.onnx.importing.source import Refused, Source, read_source
from xpcnn.io.onnx.importing.translation import Translation
from xpcnn.layers import LogSoftmax, Sigmoid, Softmax
from xpcnn.losses import BCEWithLogits, Loss, SoftmaxCrossEntropy
from xpcnn.model_arguments import as_classes, as_input_shape
from xpcnn.network import Network
from xpcnn.tasks import Task
from xpcnn.types import Shape


class Imported(NamedTuple):
    """A network of an ONNX file, and what the file says beside it.

    notes: sentences about how the file was read.
    """

    network: Network
    classes: tuple[str, ...] | None
    reading: Reading | None
    notes: tuple[str, ...]


def read_network(
    path: str | Path,
    *,
    input_shape: Shape | None = None,
    output: str | None = None,
    backend: str | Backend = "numpy",
    device: str | int | None = None,
) -> Imported:
    """Return the network that an ONNX file holds; see `xpcnn.import_onnx`."""
    source = read_source(path)
    start, sizes = _samples(source)
    shape = _shape(source, sizes, input_shape)
    end = _output(source, output)
    translation = Translation(source, shape, sizes[0] if sizes else None, start)
    with metadata_errors(path):
        chain, out = translation.chain(end)
        chain = rewritten((*chain, Shaped(out, (math.prod(out),))))
        chain, mean, std = _normalisation(chain)
        chain, loss = _loss(chain)
        try:
            leaf = assembled(finished(chain))
        except Refused as error:
            raise translation.refused(error) from error
    own = source.producer == "xpcnn"
    with metadata_errors(path):
        network = Network(
            leaf.layer,
            input_shape=translation.input_shape,
            backend=backend,
            device=device,
            loss=_stated_loss(source) if own else loss,
            task=_stated_task(source) if own else None,
        )
    network.params = network._to_device(leaf.params)
    network.buffers = network._to_device(leaf.buffers)
    network.mean, network.std = mean, std
    notes = [
        "the file normalises no samples: the first fit takes mean and deviation of its data"
        if mean is None
        else "mean and deviation of the samples are those of the file"
    ]
    if translation.input_shape != shape:
        notes.append(f"samples are {translation.input_shape}, channels first; in the file {shape}")
    if not own and (others := [name for name in source.outputs if name != end]):
        left = ", ".join(map(repr, others))
        notes.append(f"of the outputs of the file, {end!r} is taken, and not {left}"[:500])
    if max(out, default=1) < math.prod(out):
        notes.append(f"the output {out} of a sample is taken as a row of {math.prod(out):,} scores")
    classes, reading = _facts(source, network) if own else (None, None)
    return Imported(network, classes, reading, tuple(notes))


def _samples(source: Source) -> tuple[str, tuple[int | None, ...]]:
    """Return the input that takes the samples, and its sizes."""
    if len(source.inputs) != 1:
        names = ", ".join(map(repr, source.inputs)) or "none"
        message = f"{source.path} has the inputs {names}, expected one, which takes images"
        raise CheckpointError(hint(message[:2000], "a network of one input"))
    return next(iter(source.inputs.items()))


def _shape(source: Source, sizes: tuple[int | None, ...], given: Shape | None) -> Shape:
    """Return the shape of a sample as the file has it, with open sizes as they were given."""
    if given is not None:
        shape = as_input_shape(given)
        if len(sizes) == len(shape) + 1:
            wrong = [
                (n, size) for n, size in zip(shape, sizes[1:], strict=True) if size not in (None, n)
            ]
            if wrong:
                message = f"{source.path}: samples have shape {sizes[1:]}, asked for {shape}"
                raise CheckpointError(hint(message, "sizes only for those that are None"))
        return shape
    shown = ", ".join("?" if size is None else str(size) for size in sizes[1:])
    if len(sizes) not in (2, 4):
        message = f"{source.path}: samples have {max(0, len(sizes) - 1)} axes ({shown})"
        raise CheckpointError(hint(message, "a network of images (c, h, w), or rows (c,)"))
    if None in sizes[1:]:
        message = f"{source.path}: sizes of the samples are left open: ({shown})"
        example = tuple(224 if size is None else size for size in sizes[1:])
        raise CheckpointError(hint(message, f"input_shape={example}, with the sizes to use"))
    return tuple(size for size in sizes[1:] if size is not None)


def _output(source: Source, name: str | None) -> str:
    if name is None:
        return source.outputs[0]
    if name not in source.outputs:
        message = f"{source.path} has no output {name!r}"
        raise CheckpointError(hint(message, nearest(name, source.outputs)))
    return name


def _normalisation(
    chain: Chain,
) -> tuple[Chain, tuple[float, ...] | None, tuple[float, ...] | None]:
    """Return the chain without what it does to samples first, as (x - mean) / std, and these."""
    first = chain[0] if chain else None
    if not isinstance(first, Affine) or min(first.scale) <= 0:
        return chain, None, None
    std = 1 / first.scale
    mean = -first.shift * std
    return chain[1:], _plain(mean), _plain(std)


def _plain(values: numpy.ndarray) -> tuple[float, ...]:
    """Return numbers as short as float32 has them."""
    return tuple(float(str(value)) for value in values.astype("f4"))


def _loss(chain: Chain) -> tuple[Chain, Loss]:
    """Return the chain without the layer that makes probabilities, and the loss that has it."""
    last = chain[-1].layer if chain and isinstance(chain[-1], Leaf) else None
    if isinstance(last, Softmax | LogSoftmax):
        return chain[:-1], SoftmaxCrossEntropy()
    if isinstance(last, Sigmoid):
        return chain[:-1], BCEWithLogits()
    return chain, SoftmaxCrossEntropy()


def _stated_loss(source: Source) -> Loss | None:
    """Return the loss that a file of xpcnn names."""
    table = _json(source, LOSS)
    if table is None:
        return None
    loss: Loss = objects()[Loss](table if isinstance(table, dict) else {}, "loss")
    return loss


def _stated_task(source: Source) -> Task | None:
    """Return the task that a file of xpcnn names; None for classification."""
    table = _json(source, TASK)
    if table is None:
        return None
    return task_table.from_table(table if isinstance(table, dict) else {}, TASK)


def _facts(source: Source, network: Network) -> tuple[tuple[str, ...] | None, Reading | None]:
    """Return the names of the classes and how pictures are read, of a file of xpcnn."""
    names, table = _json(source, CLASSES), _json(source, PICTURES)
    with metadata_errors(source.path):
        classes = None if names is None else as_classes(names, network.task.least)
        reading = reading_table.from_table(table, "pictures") if isinstance(table, dict) else None
    if reading is not None and reading.shape != network.input_shape:
        message = f"{source.path}: pictures are read as {reading.shape}, not {network.input_shape}"
        raise CheckpointError(hint(message, "get the file again: it may be damaged"))
    return classes, reading


def _json(source: Source, key: str) -> Any:
    """Return an entry of the metadata; None where there is none."""
    text = source.metadata.get(key)
    if text is None:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        message = f"{source.path}: the metadata {key!r} is no JSON: {error}"
        raise CheckpointError(hint(message, "get the file again: it may be damaged")) from error
