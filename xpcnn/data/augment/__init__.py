"""Augmentation: samples changed at random in training, batch by batch, on the device.

    model.fit(train, augment=[Flip(), Crop(4), Cutout(8)])

Augmentations get normalised samples, for which 0 is the mean of a channel, and fill with 0 what
lies outside of a sample. `base` defines an augmentation, `pipeline` draws its random numbers. A
hyperparameter out of range raises a `ConfigError` in the constructor, also in `make("crop",
pad=2)`. To change samples once and for all, change the data.
"""

from collections.abc import Callable, Mapping
from functools import partial

from xpcnn.data.augment.affine import Affine, Rotate, Scale, Shift
from xpcnn.data.augment.base import Augmentation
from xpcnn.data.augment.blur import Blur
from xpcnn.data.augment.colour import Brightness, Contrast, Hue, Saturation
from xpcnn.data.augment.cutout import Cutout
from xpcnn.data.augment.erasing import Erasing
from xpcnn.data.augment.mix import CutMix, Mixup
from xpcnn.data.augment.move import AlternatingFlip, Crop, Flip
from xpcnn.data.augment.noise import Noise
from xpcnn.data.augment.perspective import Perspective
from xpcnn.data.augment.pipeline import Augmenter, Batches, checked, is_of_xpcnn
from xpcnn.data.augment.policy import RandAugment, TrivialAugment
from xpcnn.data.augment.resized_crop import ResizedCrop
from xpcnn.data.augment.views import VIEWS, views_of
from xpcnn.options import maker

__all__ = [
    "BY_NAME",
    "VIEWS",
    "Affine",
    "AlternatingFlip",
    "Augmentation",
    "Augmenter",
    "Batches",
    "Blur",
    "Brightness",
    "Contrast",
    "Crop",
    "CutMix",
    "Cutout",
    "Erasing",
    "Flip",
    "Hue",
    "Mixup",
    "Noise",
    "Perspective",
    "RandAugment",
    "ResizedCrop",
    "Rotate",
    "Saturation",
    "Scale",
    "Shift",
    "TrivialAugment",
    "checked",
    "is_of_xpcnn",
    "make",
    "views_of",
]

_ALL = (
    *(Flip, Crop, Shift, Rotate, Scale, Affine, Perspective, Cutout, Erasing, Blur),
    *(Noise, Brightness, Contrast, Saturation, Hue, Mixup, CutMix, RandAugment, TrivialAugment),
)
BY_NAME: Mapping[str, Callable[..., Augmentation]] = {
    **{kind.__name__.lower(): kind for kind in _ALL},
    "resized-crop": ResizedCrop,
    "alternating-flip": AlternatingFlip,
    "vertical-flip": partial(Flip, horizontal=0.0, vertical=0.5),
}

make = maker("augmentation", BY_NAME)
