"""What torchvision and timm call the layers of their networks, in the order of ours.

A network of xpcnn is one of these if its layers with parameters are of the same kinds in the same
order: a block before its shortcut.
"""

from collections.abc import Mapping, Sequence
from itertools import count
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["conv", "norm", "dense"]
Names: TypeAlias = tuple[tuple[str, Kind], ...]
"""The name and the kind of every layer with parameters."""


def _resnet(blocks: Sequence[int], convolutions: int) -> Names:
    """Return the names of a ResNet: blocks of each stage, convolutions of a block."""
    found = _pair("conv1", "bn1")
    for stage, depth in enumerate(blocks, 1):
        for block in range(depth):
            at = f"layer{stage}.{block}"
            for i in range(1, convolutions + 1):
                found += _pair(f"{at}.conv{i}", f"{at}.bn{i}")
            if block == 0 and (stage > 1 or convolutions == 3):
                found += _pair(f"{at}.downsample.0", f"{at}.downsample.1")
    return (*found, ("fc", "dense"))


def _vgg(convolutions: Sequence[int], norm: bool) -> Names:
    """Return the names of a VGG network: convolutions of each stage, with batch norm or without."""
    found: list[tuple[str, Kind]] = []
    place = 0
    for depth in convolutions:
        for _ in range(depth):
            found.append((f"features.{place}", "conv"))
            if norm:
                found.append((f"features.{place + 1}", "norm"))
            place += 3 if norm else 2  # with the ReLU
        place += 1  # the pooling
    return (*found, *((f"classifier.{i}", "dense") for i in (0, 3, 6)))


def _mobilenet_v2() -> Names:
    found = _pair("features.0.0", "features.0.1")
    for block in range(1, 18):
        at = f"features.{block}.conv"
        wide = 1 if block == 1 else 2  # convolutions before the one that narrows
        for i in range(wide):
            found += _pair(f"{at}.{i}.0", f"{at}.{i}.1")
        found += _pair(f"{at}.{wide}", f"{at}.{wide + 1}")
    found += _pair("features.18.0", "features.18.1")
    return (*found, ("classifier.1", "dense"))


def _efficientnet_lite(blocks: Sequence[int]) -> Names:
    """Return timm's names: blocks of each stage, of which the first does not widen."""
    found = _pair("conv_stem", "bn1")
    for stage, depth in enumerate(blocks):
        kinds = ("conv_dw", "conv_pw") if stage == 0 else ("conv_pw", "conv_dw", "conv_pwl")
        for block in range(depth):
            at = f"blocks.{stage}.{block}"
            for name, i in zip(kinds, count(1), strict=False):
                found += _pair(f"{at}.{name}", f"{at}.bn{i}")
    found += _pair("conv_head", "bn2")
    return (*found, ("classifier", "dense"))


def _pair(conv: str, norm: str) -> list[tuple[str, Kind]]:
    return [(conv, "conv"), (norm, "norm")]


_VGG = {"vgg11": (1, 1, 2, 2, 2), "vgg13": (2, 2, 2, 2, 2), "vgg16": (2, 2, 3, 3, 3)}

NETWORKS: Mapping[str, Names] = {
    "resnet18": _resnet((2, 2, 2, 2), 2),
    "resnet34": _resnet((3, 4, 6, 3), 2),
    "resnet50": _resnet((3, 4, 6, 3), 3),
    **{name: _vgg(stages, norm=False) for name, stages in _VGG.items()},
    **{f"{name}_bn": _vgg(stages, norm=True) for name, stages in _VGG.items()},
    "mobilenet_v2": _mobilenet_v2(),
    "efficientnet_lite0": _efficientnet_lite((1, 2, 2, 3, 3, 4, 1)),
}
"""By the name of the network in torchvision or timm."""

_HALVES = (127.5, 127.5, 127.5)
IMAGENET = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
"""Mean and deviation of the pictures of ImageNet by channel, of values from 0 to 255."""
NORMALISATION: Mapping[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "efficientnet_lite0": (_HALVES, _HALVES),
}
"""Mean and deviation by which networks normalise that do not use those of ImageNet."""
