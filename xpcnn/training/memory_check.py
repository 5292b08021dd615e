"""Batches that cannot fit into memory are rejected before the first step; a note tells of those
that may not.

A system that lends memory which it does not have takes minutes to fail, or ends the process without
a word.
"""

import math

from xpcnn.backend import Backend
from xpcnn.config.training_options import TrainingOptions
from xpcnn.errors import ConfigError, hint
from xpcnn.memory_limits import host_memory
from xpcnn.network import Network
from xpcnn.summary import summarize

_KEPT = 0.5
"""The least part of the outputs of all layers that a step keeps, since some layers are computed as
one: 0.55 to 0.85 for the presets `large`, `tiny`, `small`, `photo` and `digits` on NumPy."""


def check_memory(
    network: Network, samples: int, options: TrainingOptions, processes: int = 1
) -> str | None:
    """Require that the outputs of all layers for a batch fit into the memory of the device.

    samples: those to train on, if they are fewer than a batch. processes: that share each batch.

    Returns:
        a note where they may need more than all of it, since only a part of them is kept.

    Raises:
        ConfigError: they need more than all of it; names a batch size that does not.
    """
    total = total_memory(network.backend)
    if total is None:
        return None
    itemsize = 8 if network.compute_dtype == "float64" else 4
    if network.compute_dtype in ("float16", "bfloat16"):
        itemsize = 2
    one = summarize(network.layers, network.input_shape, 1, itemsize).activation_bytes
    batch = min(options.batch_size, samples)
    share = math.ceil(batch / processes)

    def told(needed: str, one: float) -> tuple[str, str]:
        size = " x ".join(map(str, network.input_shape))
        message = f"batch_size is {options.batch_size}: to train on {batch} samples of {size} "
        message += f"{needed.format(_gigabytes(one * share))}, and there are {_gigabytes(total)}"
        fits = int(total / one) * processes
        smaller = "smaller samples (--image-size, image_size)"
        return message, f"batch_size={fits}, or {smaller}" if fits else smaller

    if _KEPT * one * share > total:
        raise ConfigError(hint(*told("takes {} of memory or more", _KEPT * one)))
    return hint(*told("may take {} of memory", one)) if one * share > total else None


def _gigabytes(size: float) -> str:
    return f"{size / 1e9:,.{0 if size >= 1e10 else 1}f} GB"


def total_memory(backend: Backend) -> int | None:
    """Return the bytes of memory of a device; if the device tells none, those that the process may
    use on the host; None where the host does not tell, as on Windows.
    """
    total = backend.memory().get("device_total")
    return host_memory() if total is None else total
