"""The recipe of a run, the same for every step: what is trained, and how."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy

from xpcnn import random
from xpcnn.backend import Replay, direct
from xpcnn.batch_rows import BatchNormGroup
from xpcnn.config.training_options import TrainingOptions
from xpcnn.errors import ConfigError, hint
from xpcnn.layers import Layer
from xpcnn.layers.rebuilding import is_of_xpcnn
from xpcnn.losses import Loss, divides_by_samples
from xpcnn.network import Network
from xpcnn.optimizers import Optimizer
from xpcnn.optimizers.groups import Groups, frozen_layers, parameter_groups
from xpcnn.process_group import ALONE, Group
from xpcnn.tasks import Classification, Task
from xpcnn.types import Array, Shape, flatten

Arrays: TypeAlias = dict[str, Array]
"""Arrays by dotted path: "layers.0.weight"."""

Source: TypeAlias = Callable[..., Array]
"""Random numbers of dropout: (path of the layer, forward pass, shape, index of the first number
in the array of the whole batch, by default 0) -> uniforms in [0, 1)."""


MakeBatch: TypeAlias = Callable[[Any, int | Array], tuple[Array, Array]]
"""From what an update has of a batch, and the number of the forward pass, to samples and labels."""


def as_given(batch: Any, forward_pass: int | Array) -> tuple[Array, Array]:
    """Return samples and labels that an update has."""
    x, labels = batch
    return x, labels


class Recipe(NamedTuple):
    """What is trained and how; see `TrainingOptions` for clip, l1 and ema.

    swa: the first epoch whose end is averaged, and the updates of an epoch; None for no average.
    parameter_groups: which parameters are trained, and with which part of the learning rate.
    frozen: paths of the layers whose running statistics are frozen.
    group: the processes that train together.
    norm_group: those of them that share the statistics of batch norm; None for this one alone.
    task: what the targets are.
    replay: makes a pass over a batch, forward and backward; see `Backend.replay`.
    steps: makes a whole step of a process that trains alone; see `Backend.compile_step`.
    dloss: the gradient that the loss starts from, 1 (0-d), in a read-only array.
    batch: makes a batch of what an update has of it, in the step.
    """

    layers: Layer
    loss: Loss
    optimizer: Optimizer
    parameter_groups: Groups
    source: Source
    clip: Callable[[Arrays], Arrays] | None = None
    l1: float = 0.0
    ema: float | None = None
    swa: tuple[int, int] | None = None
    frozen: frozenset[str] = frozenset()
    group: Group = ALONE
    norm_group: BatchNormGroup | None = None
    task: Task = Classification()
    replay: Replay = direct
    steps: Replay = direct
    dloss: Array | None = None
    batch: MakeBatch = as_given

    @property
    def averages(self) -> bool:
        """Whether the weights are averaged."""
        return self.ema is not None or self.swa is not None

    @property
    def exchanges(self) -> bool:
        """Whether processes exchange numbers within a pass over a batch: statistics of batch norm,
        or what the loss divides by."""
        shares_norms = self.norm_group is not None
        return self.group.size > 1 and (shares_norms or not divides_by_samples(self.loss))


def recipe_for(
    network: Network,
    options: TrainingOptions,
    seed: int,
    per_epoch: int | None = None,
    *,
    unfrozen: bool = False,
) -> Recipe:
    """Return the recipe by which a network is trained.

    per_epoch: updates of an epoch; None leaves out `swa`, which needs the epochs.
    unfrozen: the recipe of after `unfreeze_after`, in which nothing is frozen.

    Raises:
        ConfigError: a pattern of the options fits no parameter, or none is left to train.
    """
    params, buffers = tuple(flatten(network.params)), tuple(flatten(network.buffers))
    if options.unfreeze_after is not None and not options.freeze:
        message = "unfreeze_after is given, and nothing is frozen until then"
        raise ConfigError(hint(message, 'freeze=["layers.0.*"], what is trained later'))
    freeze = () if unfrozen else options.freeze
    late = options.freeze if unfrozen else ()
    begun = (options.unfreeze_after or 0) * (per_epoch or 0) if unfrozen else 0
    return Recipe(
        network.computing,
        network.loss,
        options.optimizer,
        parameter_groups(params, buffers, options.layer_lr, freeze, late, begun),
        random_source(network, seed),
        options.clip(),
        options.l1,
        options.ema,
        None if options.swa is None or per_epoch is None else (options.swa, per_epoch),
        frozen_layers(params, buffers, freeze),
        task=network.task,
        replay=network.backend.replay(_may_record, lent=1),
        steps=network.backend.compile_step(may_record_step),
        dloss=_dloss(network),
    )


def _dloss(network: Network) -> Array:
    one = numpy.ones((), network.dtype)
    one.flags.writeable = False  # on NumPy, the array itself is the device's
    return network.backend.from_host(one)


def _may_record(
    labels: Array, dloss: Array, forward_pass: int, weights: Any, recipe: Sequence[Any]
) -> bool:
    """Whether nothing of a pass is a user's own, which may decide by the numbers in arrays."""
    layers, loss, task, *_ = recipe
    return _is_of("losses", loss) and _is_of("tasks", task) and is_of_xpcnn(layers)


def may_record_step(recipe: Recipe) -> bool:
    """Whether nothing of a recipe is a user's own, as `_may_record`; its `clip` never is."""
    known = _is_of("losses", recipe.loss), _is_of("tasks", recipe.task)
    return all(known) and _is_of("optimizers", recipe.optimizer) and is_of_xpcnn(recipe.layers)


def _is_of(package: str, x: Any) -> bool:
    return type(x).__module__.startswith(f"xpcnn.{package}.")


def shared_recipe(
    recipe: Recipe, network: Network, options: TrainingOptions, group: Group
) -> Recipe:
    """Return a recipe by which the processes of a group train together; each calls this.

    Raises:
        ConfigError: `batch_norm` does not fit the number of processes.
    """
    size = options.normalised_together(group.size)
    has_batch_norm = bool(flatten(network.buffers)) or not is_of_xpcnn(network.layers)
    if size == 1 or not has_batch_norm:
        return recipe._replace(group=group)
    total = group.sum if size == group.size else group.sum_of(size)
    return recipe._replace(group=group, norm_group=BatchNormGroup(size, total))


def random_source(network: Network, seed: int) -> Source:
    """Return the uniforms of dropout, a function of the seed and the arguments of `Source`."""
    uniform = network.backend.uniform
    keys: dict[str, int] = {}

    def source(path: str, forward_pass: int | Array, shape: Shape, first: int = 0) -> Array:
        if path not in keys:
            keys[path] = random.key(seed, f"dropout/{path}")
        return uniform(keys[path], forward_pass, shape, first)

    return source
