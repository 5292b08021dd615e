"""The presets by size: those that tests train whole, and those that are narrowed for tests."""

from typing import Any

from xpcnn import models
from xpcnn.config.preset import Preset, build

LARGE = (
    *("efficientnet-lite0", "mobilenet-v2", "resnet18", "resnet18-cifar", "resnet34"),
    *("resnet50", "vgg11", "vgg11-bn", "vgg13", "vgg13-bn", "vgg16", "vgg16-bn"),
)
"""Presets of millions of parameters."""

DEEPER = ("resnet34", "vgg13", "vgg13-bn", "vgg16", "vgg16-bn")
"""Those that only repeat the blocks of `resnet18`, `vgg11` and `vgg11-bn` more often."""

OF_EVERY_KIND = tuple(name for name in models.names() if name not in DEEPER)

SMALL = tuple(name for name in models.names() if name not in LARGE)

_NARROWER = 8


def narrow(name: str, size: int = 48, classes: int = 5) -> Preset:
    """Return a preset with an eighth of its channels, for small images."""
    table = models.preset(name).table | {"input_shape": [3, size, size], "classes": classes}
    return build(name, table | {"layers": _narrowed(table["layers"])}, "")


def _narrowed(value: Any) -> Any:
    if isinstance(value, list):
        return [_narrowed(item) for item in value]
    if isinstance(value, dict):
        return {
            key: item // _NARROWER
            if key in ("filters", "units", "groups") and item != "classes"
            else _narrowed(item)
            for key, item in value.items()
        }
    return value
