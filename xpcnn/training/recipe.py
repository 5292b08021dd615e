"""From a network and options to what every training step has in common."""

from xpcnn import random
from xpcnn.network import Network
from xpcnn.optimizers.groups import frozen_layers, parameter_groups
from xpcnn.training.options import TrainingOptions
from xpcnn.training.step import Recipe, Source
from xpcnn.types import Array, Shape, flatten


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
    """Return the uniforms of dropout: a function of (seed, path of the layer, step, shape)."""
    uniform = network.backend.uniform
    keys: dict[str, int] = {}

    def source(path: str, step: int, shape: Shape) -> Array:
        if path not in keys:
            keys[path] = random.key(seed, f"dropout/{path}")
        return uniform(keys[path], step, shape)

    return source
