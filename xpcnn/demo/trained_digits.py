"""A model for those who have none: trained once, in seconds, and kept in the user's cache."""

from collections.abc import Callable

from xpcnn import data
from xpcnn.backend import Backend
from xpcnn.data.augment import Affine
from xpcnn.data.dataset import Dataset
from xpcnn.data.download import cache_folder
from xpcnn.errors import CheckpointError, DataError
from xpcnn.model import Model
from xpcnn.model_loading import load_model
from xpcnn.models import preset
from xpcnn.version import VERSION

_PRESETS = {"mnist": ("small", 2), "digits": ("digits", 40)}
"""By data set: the preset, and the epochs it is trained for."""


def example_model(
    data_dir: str | None, backend: str | Backend, say: Callable[[str], None]
) -> Model:
    """Return a model of handwritten digits, trained at the first call and kept from then on.

    It is trained on MNIST if its files are present (see `xpcnn.data.load`; nothing is downloaded),
    and otherwise on the digits that come with xpcnn.

    say: prints a line before work that takes time.
    """
    train = _digits(data_dir)
    path = cache_folder("demo") / f"{train.name}-{VERSION}.safetensors"
    if path.is_file():
        try:
            return load_model(path, backend=backend)
        except CheckpointError:
            say(f"{path} cannot be read, so the model is trained again")
    name, epochs = _PRESETS[train.name]
    say(f"training {name} on {train.name}, {epochs} epochs; done once, and kept in {path}")
    # how drawings by other hands differ: turned, larger or smaller, not quite in the middle
    hands = Affine(degrees=15, scale=0.2, shear=15, shift=train.shape[-1] / 9)
    chosen = preset(name).for_data(train.shape, len(train.classes))
    model = Model(chosen.layers, input_shape=train.shape, backend=backend, loss=chosen.loss)
    model.fit(train, chosen.training, epochs=epochs, augment=[hands])
    path.parent.mkdir(parents=True, exist_ok=True)
    model.save(path)
    return model


def _digits(data_dir: str | None) -> Dataset:
    """Return the training part of MNIST if its files are present, and of `digits` otherwise."""
    if data_dir is not None:
        return data.load("mnist", data_dir, download=False)[0]
    try:
        return data.load("mnist", download=False)[0]
    except DataError:
        return data.load("digits")[0]
