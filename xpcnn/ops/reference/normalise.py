"""Normalisation of input: the meaning of the op, clear before fast. Not differentiated."""

from xpcnn.types import Array, namespace


def normalise(x: Array, mean: Array, std: Array) -> Array:
    """Bring raw samples to mean 0 and deviation 1 per channel: (x - mean) / std.

    Args:
        x: raw samples (n, c, ...), uint8 or floating.
        mean, std: per channel (c,), in the units of x.

    Returns:
        samples like x in the dtype of `mean`.
    """
    xp = namespace(mean)
    channels = (1, x.shape[1], *(1,) * (x.ndim - 2))
    return (xp.astype(x, mean.dtype) - xp.reshape(mean, channels)) / xp.reshape(std, channels)
