"""A file that repeats the update at which a run diverged.

The file holds the progress before the update, its batches as the network saw them, and everything
that the update depends on: network, loss, optimizer, seed. It is checked like a model file: nothing
in it is trusted, and it holds no code.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy

from xpcnn.backend import Backend
from xpcnn.config.registry import objects
from xpcnn.config.tables import to_config
from xpcnn.config.training_options import TrainingOptions
from xpcnn.config.values import Objects, read_fields
from xpcnn.io import tensor_file
from xpcnn.io.metadata import metadata_errors
from xpcnn.io.tensor_file import Metadata, Spec
from xpcnn.layers import Layer
from xpcnn.losses import Loss, without_weights
from xpcnn.model_arguments import dtype_of_arrays
from xpcnn.network import Network
from xpcnn.optimizers import Optimizer
from xpcnn.optimizers.groups import parameter_groups
from xpcnn.sizes import sizes_of
from xpcnn.training.divergence import first_not_finite
from xpcnn.training.loss_scale import FIRST
from xpcnn.training.progress import Progress, beginning, named_arrays, with_arrays
from xpcnn.training.recipe import recipe_for
from xpcnn.training.updates import Update
from xpcnn.types import Shape, flatten

_OPTIONS = ("clip_norm", "clip_value", "l1", "layer_lr", "freeze", "ema")


@dataclass(frozen=True)
class _Case:
    """The metadata of the file.

    number: that of the first forward pass, `Update.first_pass`.
    sizes: samples of each batch.
    mixed: whether labels are probabilities.
    weighted: whether a last column of the labels holds weights of the samples.
    late, begun: patterns of the parameters that were frozen in the first `begun` updates.
    """

    layers: Layer
    input_shape: Shape
    loss: Loss
    optimizer: Optimizer
    dtype: Literal["float32", "float64", "float16", "bfloat16"]
    seed: int
    number: int
    sizes: tuple[int, ...]
    mixed: bool
    clip_norm: float | None
    clip_value: float | None
    l1: float
    layer_lr: dict[str, float]
    freeze: tuple[str, ...]
    ema: float | None
    weighted: bool = False
    late: tuple[str, ...] = ()
    begun: int = 0

    def __post_init__(self) -> None:
        self.options()  # rejects values out of range

    def options(self) -> TrainingOptions:
        """Return the training options on which an update depends."""
        chosen = {name: getattr(self, name) for name in _OPTIONS}
        return TrainingOptions(optimizer=self.optimizer, **chosen)


def keep(
    path: str | Path,
    network: Network,
    options: TrainingOptions,
    seed: int,
    before: Progress,
    update: Update,
    late: Sequence[str] = (),
    begun: int = 0,
) -> None:
    """Write the file of an update.

    before: the state that it starts from.
    late, begun: patterns of the parameters that were frozen in the first `begun` updates.

    Raises:
        ConfigError: the network, the loss or the optimizer is none that a file can describe.
        CheckpointError: the file cannot be written, or what came before is not finite either.
    """
    labels = update.batches[0][1]
    if options.ema is None:  # that of `swa` is not part of what an update computes
        before = before._replace(average={})
    metadata = {
        "layers": to_config(network.layers),
        "input_shape": network.input_shape,
        "loss": to_config(network.loss),
        "optimizer": to_config(options.optimizer),
        "dtype": network.compute_dtype,
        "seed": seed,
        "number": update.first_pass,
        "sizes": [int(x.shape[0]) for x, _ in update.batches],
        "mixed": labels.ndim == 2,
        "late": list(late),
        "begun": begun,
        "weighted": without_weights(labels, network.output_shape[0])[1] is not None,
        **{name: getattr(options, name) for name in _OPTIONS},
    }
    named = named_arrays(before) | {"lr": update.lr, "step": update.step}
    for i, (x, labels) in enumerate(update.batches):
        named |= {f"batch.{i}.samples": x, f"batch.{i}.labels": labels}
    tensor_file.write(path, {n: network.backend.to_host(x) for n, x in named.items()}, metadata)


def replay(
    path: str | Path,
    *,
    layers: Iterable[type] = (),
    backend: str | Backend = "numpy",
    device: str | int | None = None,
) -> str | None:
    """Repeat the update in a file, and describe the first tensor that is not finite.

    Return None if all tensors are finite, as may be on another backend.

    Args:
        path: a file that a run wrote when it diverged.
        layers: layer classes of your own that the file may contain.
        backend: name of an array library, or an opened backend.
        device: number or name of a device of the library, or None for its default.

    Raises:
        CheckpointError: the file cannot be read or is not valid.
        BackendError: the backend cannot be used here.
    """
    made = objects(layers)
    tensors, metadata = tensor_file.read(
        path, lambda table: _expected(path, _case(path, table, made))
    )
    case = _case(path, metadata, made)
    network = Network(
        case.layers,
        input_shape=case.input_shape,
        loss=case.loss,
        dtype=case.dtype,
        backend=backend,
        device=device,
        saved=True,
    )
    to_device = network.backend.from_host
    paths = tuple(flatten(network.params)), tuple(flatten(network.buffers))
    groups = parameter_groups(*paths, case.layer_lr, case.freeze, case.late, case.begun)
    recipe = recipe_for(network, case.options(), case.seed)._replace(parameter_groups=groups)
    named = {name: to_device(x) for name, x in tensors.items()}
    batches = [
        (named[f"batch.{i}.samples"], named[f"batch.{i}.labels"]) for i in range(len(case.sizes))
    ]
    update = Update(batches, case.number, named["lr"], named["step"])
    with network.backend.session(), numpy.errstate(all="ignore"):
        return first_not_finite(recipe, with_arrays(beginning(recipe, network), named), *update)


def _case(path: str | Path, table: Metadata, made: Objects) -> _Case:
    top = {**made, Layer: lambda inner, at: made[Layer](inner, "")}
    with metadata_errors(path):
        return _Case(**read_fields(_Case, table, "", "the file", top))


def _expected(path: str | Path, case: _Case) -> Mapping[str, Spec]:
    """Return the tensors that the file of such an update holds."""
    with metadata_errors(path):
        params, buffers, output = sizes_of(case.layers, case.input_shape)
        learning = parameter_groups(tuple(params), tuple(buffers), case.layer_lr, case.freeze).paths
    shapes = {f"params.{name}": shape for name, shape in params.items()}
    shapes |= {f"buffers.{name}": shape for name, shape in buffers.items()}
    # what an optimizer keeps has the shape of its parameter or none, whatever the sizes
    like = {name: numpy.empty((1,) * len(params[name])) for name in learning}
    for quantity, arrays in case.optimizer.init(like).items():
        for name, x in arrays.items():
            shapes[f"state.{quantity}.{name}"] = params[name] if x.ndim else ()
    if case.ema is not None:
        shapes |= {f"average.{name}": shape for name, shape in params.items()}
    if case.dtype == "float16":
        shapes |= {f"scaling.{name}": () for name in FIRST}
    shapes |= {"lr": (), "step": ()}
    dtype = dtype_of_arrays(case.dtype)
    labels = {}
    for i, n in enumerate(case.sizes):
        shapes[f"batch.{i}.samples"] = (n, *case.input_shape)
        labels[f"batch.{i}.labels"] = (
            Spec((n, output[0] + case.weighted), dtype) if case.mixed else Spec((n,), "int64")
        )
    return {name: Spec(shape, dtype) for name, shape in shapes.items()} | labels
