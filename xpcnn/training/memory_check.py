"""Batches and parameters that cannot fit into memory are rejected before the first step; for
batches that may not fit, there is a note.

A system that promises more memory than it has takes minutes to fail, or ends the process without a
message.
"""

import math

from xpcnn.backend import Backend
from xpcnn.config.training_options import TrainingOptions
from xpcnn.errors import ConfigError, hint
from xpcnn.layers import Layer
from xpcnn.memory_limits import gigabytes, host_memory
from xpcnn.sizes import SMALLER
from xpcnn.summary import summarize
from xpcnn.types import Shape

_KEPT = 0.5
"""The least part of the outputs of all layers that a step keeps, since some layers are computed as
one: 0.55 to 0.85 for the presets `large`, `tiny`, `small`, `photo` and `digits` on NumPy."""


def check_memory(
    layers: Layer,
    input_shape: Shape,
    dtype: str,
    backend: Backend,
    samples: int,
    options: TrainingOptions,
    processes: int = 1,
) -> str | None:
    """Require that the outputs of all layers for a batch fit into the memory of the device, and the
    parameters with their gradients.

    dtype: that the layers compute in. samples: those to train on, if they are fewer than a batch.
    processes: that share each batch.

    Returns:
        a note where they may need more than all of it, since only a part of them is kept.

    Raises:
        ConfigError: either needs more than all of it; names a batch size that does not, if any.
    """
    total = total_memory(backend)
    if total is None:
        return None
    itemsize = {"float64": 8, "float32": 4}.get(dtype, 2)
    facts = summarize(layers, input_shape, 1, itemsize)
    one, weights = facts.activation_bytes, 2 * facts.parameters * itemsize
    batch = min(options.batch_size, samples)
    share = math.ceil(batch / processes)

    def message_and_advice(needed: str, one: float) -> tuple[str, str]:
        size = " x ".join(map(str, input_shape))
        message = f"batch_size is {options.batch_size}: to train on {batch} samples of {size} "
        message += f"{needed.format(gigabytes(one * share))}, and there are {gigabytes(total)}"
        fits = int(total / one) * processes
        smaller = "smaller samples (--image-size, image_size)"
        return message, f"batch_size={fits}, or {smaller}" if fits else smaller

    if _KEPT * one * share > total:
        raise ConfigError(hint(*message_and_advice("takes {} of memory or more", _KEPT * one)))
    if weights > total:
        message = f"{facts.parameters:,} parameters and their gradients take {gigabytes(weights)} "
        message += f"of memory, and there are {gigabytes(total)}"
        raise ConfigError(hint(message, SMALLER))
    return hint(*message_and_advice("may take {} of memory", one)) if one * share > total else None


def total_memory(backend: Backend) -> int | None:
    """Return the bytes of memory of a device; if it reports none, those that the process may
    use on the host; None where the host reports none, as on Windows.
    """
    total = backend.memory().get("device_total")
    return host_memory() if total is None else total
