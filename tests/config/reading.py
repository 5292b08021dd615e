"""A table of a layer to the layer, as model files are read."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from xpcnn.config.registry import objects
from xpcnn.layers import Layer


def from_config(config: Mapping[str, Any], extra_layers: Iterable[type] = ()) -> Layer:
    """Return the layer that a table describes, the inverse of `to_config`."""
    return cast(Layer, objects(extra_layers)[Layer](dict(config), ""))
