"""From a model and options to what every training step has in common."""

from typing import TYPE_CHECKING

from xpcnn import random
from xpcnn.optimizers.groups import frozen_layers, groups
from xpcnn.training.options import TrainingOptions
from xpcnn.training.step import Recipe, Source
from xpcnn.types import Array, Shape, flatten

if TYPE_CHECKING:
    from xpcnn.model import Model


def recipe_for(model: "Model", options: TrainingOptions, seed: int) -> Recipe:
    """Return the recipe by which a model is trained.

    Raises:
        ConfigError: a pattern of the options fits no parameter, or none is left to train.
    """
    params, buffers = tuple(flatten(model.params)), tuple(flatten(model.buffers))
    return Recipe(
        model.layers,
        model.loss,
        options.optimizer,
        groups(params, buffers, options.layer_lr, options.freeze),
        random_source(model, seed),
        options.clip(),
        options.l1,
        options.ema,
        frozen_layers(params, buffers, options.freeze),
    )


def random_source(model: "Model", seed: int) -> Source:
    """Return the uniforms of dropout: a function of (seed, path of the layer, step, shape)."""
    uniform = model.backend.uniform
    keys: dict[str, int] = {}

    def source(path: str, step: int, shape: Shape) -> Array:
        if path not in keys:
            keys[path] = random.key(seed, f"dropout/{path}")
        return uniform(keys[path], step, shape)

    return source
