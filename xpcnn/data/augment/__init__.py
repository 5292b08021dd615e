"""Augmentation: samples changed at random in training, batch by batch, on the device.

    model.fit(train, augment=[Flip(), Crop(4), Cutout(8)])

They see normalised samples, for which 0 is the mean of a channel, and put 0 where there is no
sample. `base` says what one is, `pipeline` how its numbers are drawn. Hyperparameters out of range
are a `ConfigError` when an augmentation is made, by its class or `make("crop", pad=2)`. To change
samples for good, change the data.
"""

from collections.abc import Callable, Mapping

from xpcnn.data.augment.affine import Affine, Rotate, Scale, Shift
from xpcnn.data.augment.base import Augmentation
from xpcnn.data.augment.colour import Brightness, Contrast, Saturation
from xpcnn.data.augment.cutout import Cutout
from xpcnn.data.augment.mix import CutMix, Mixup
from xpcnn.data.augment.move import Crop, Flip
from xpcnn.data.augment.noise import Noise
from xpcnn.data.augment.pipeline import Augmenter, Batches, checked
from xpcnn.data.augment.views import VIEWS, views_of
from xpcnn.options import maker

__all__ = [
    "BY_NAME",
    "VIEWS",
    "Affine",
    "Augmentation",
    "Augmenter",
    "Batches",
    "Brightness",
    "Contrast",
    "Crop",
    "CutMix",
    "Cutout",
    "Flip",
    "Mixup",
    "Noise",
    "Rotate",
    "Saturation",
    "Scale",
    "Shift",
    "checked",
    "make",
    "views_of",
]

_ALL = (
    *(Flip, Crop, Shift, Rotate, Scale, Affine, Cutout),
    *(Noise, Brightness, Contrast, Saturation, Mixup, CutMix),
)
BY_NAME: Mapping[str, Callable[..., Augmentation]] = {kind.__name__.lower(): kind for kind in _ALL}

make = maker("augmentation", BY_NAME)
