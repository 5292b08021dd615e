"""What every training step of a run has in common: what is trained, and how."""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from xpcnn import random
from xpcnn.config.training_options import TrainingOptions
from xpcnn.layers import Layer
from xpcnn.losses import Loss
from xpcnn.network import Network
from xpcnn.optimizers import Optimizer
from xpcnn.optimizers.groups import Groups, frozen_layers, parameter_groups
from xpcnn.types import Array, Shape, flatten

Arrays: TypeAlias = dict[str, Array]
"""Arrays by dotted path: "layers.0.weight"."""

Source: TypeAlias = Callable[[str, int, Shape], Array]
"""Random numbers of dropout: (path of the layer, forward pass, shape) -> uniforms in [0, 1)."""


class Recipe(NamedTuple):
    """What is trained and how; see `TrainingOptions` for clip, l1 and ema.

    groups: which parameters are trained, and with which part of the learning rate.
    frozen: paths of the layers whose running statistics are frozen.
    """

    layers: Layer
    loss: Loss
    optimizer: Optimizer
    groups: Groups
    source: Source
    clip: Callable[[Arrays], Arrays] | None = None
    l1: float = 0.0
    ema: float | None = None
    frozen: frozenset[str] = frozenset()


def recipe_for(network: Network, options: TrainingOptions, seed: int) -> Recipe:
    """Return the recipe by which a network is trained.

    Raises:
        ConfigError: a pattern of the options fits no parameter, or none is left to train.
    """
    params, buffers = tuple(flatten(network.params)), tuple(flatten(network.buffers))
    return Recipe(
        network.layers,
        network.loss,
        options.optimizer,
        parameter_groups(params, buffers, options.layer_lr, options.freeze),
        random_source(network, seed),
        options.clip(),
        options.l1,
        options.ema,
        frozen_layers(params, buffers, options.freeze),
    )


def random_source(network: Network, seed: int) -> Source:
    """Return the uniforms of dropout: a function of (seed, path of the layer, pass, shape)."""
    uniform = network.backend.uniform
    keys: dict[str, int] = {}

    def source(path: str, forward_pass: int, shape: Shape) -> Array:
        if path not in keys:
            keys[path] = random.key(seed, f"dropout/{path}")
        return uniform(keys[path], forward_pass, shape)

    return source
