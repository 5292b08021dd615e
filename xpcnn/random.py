"""Random numbers that are a function of (seed, purpose, step, element), never of what ran before.

A purpose names a stream (`dropout/<layer path>`, `shuffle`, `augment/<name>/<argument>`); a step is
the number of a training forward pass, or an epoch for shuffles and per-sample augmentation; the
element is the row-major index. The numbers are Philox4x64-10 under the 128-bit key of (seed,
purpose). A block of Philox has eight numbers of 32 bits: element e is number e mod 8 of block
e // 8, whose counter is `(step << 192) + e // 8 + 1`. NumPy's generator adds the 1 before it draws,
so it gets the counter without the 1. There is no generator with a state, so every backend can
compute the same bits.
Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.

`Backend.uniform` computes them for a network. The step of dropout is the number of the forward
pass (`Updates.epoch`), which follows from `passes` in a checkpoint.
"""

import hashlib
import math

import numpy
from numpy.typing import NDArray

from xpcnn.errors import ConfigError, hint
from xpcnn.types import Shape


def key(seed: int, purpose: str) -> int:
    """Return the 128-bit key of a stream: blake2b of the text `seed/purpose`, as little-endian.

    seed: any whole number.
    purpose: name of the stream.
    """
    digest = hashlib.blake2b(f"{seed}/{purpose}".encode(), digest_size=16).digest()
    return int.from_bytes(digest, "little")


def words(key: int, step: int, count: int, first: int = 0) -> NDArray[numpy.uint32]:
    """Return words `first` to `first + count - 1` of (key, step): the 32-bit halves of
    Philox's 64-bit words, the low half first.

    key: key of the stream, 128 bits, from `key`.
    step: number of the forward pass or epoch, at least 0.
    count: number of words.
    first: index of the first word, at least 0.
    """
    block, skip = divmod(first, 8)  # a block of Philox has 4 words of 64 bits, 8 halves
    raw = _raw(key, step, (skip + count + 1) // 2, block)
    return raw.astype("<u8", copy=False).view("<u4")[skip : skip + count]


def uniform(key: int, step: int, shape: Shape, first: int = 0) -> NDArray[numpy.float32]:
    """Return float32 multiples of 2**-24 in [0, 1): `u[e] = (word[e] >> 8) * 2**-24`, exactly.

    key, step: key of the stream and number of the pass or epoch, as in `words`.
    shape: shape of the result; e is `first` plus the row-major index.
    first: index of the first element, above 0 for a part of a larger array.
    """
    mantissas = words(key, step, math.prod(shape), first) >> 8
    return (mantissas.astype(numpy.float32) * 2.0**-24).reshape(shape)


def integers(key: int, step: int, n: int, shape: Shape) -> NDArray[numpy.int64]:
    """Return int64 in [0, n): `floor(uniform * n)`, without rounding.

    key, step, shape: as in `uniform`.
    n: upper bound, from 1 to 2**24.

    Raises:
        ConfigError: `n` is out of range.
    """
    if not 1 <= n <= 2**24:
        message = f"random integers below {n}: the bound must be from 1 to 2**24"
        raise ConfigError(hint(message, "`permutation` for an order of more elements"))
    mantissas = (words(key, step, math.prod(shape)) >> 8).astype(numpy.int64)
    return (mantissas * n >> 24).reshape(shape)


def normal(key: int, step: int, shape: Shape) -> NDArray[numpy.float32]:
    """Return float32 standard normals by Box-Muller; other backends agree to tolerance only.

    `z[e] = sqrt(-2 log(1 - u[2e])) * cos(2 pi u[2e + 1])`, so |z| stays below 5.8.

    key, step, shape: as in `uniform`, which returns u.
    """
    u = uniform(key, step, (*shape, 2))
    radius = numpy.sqrt(-2 * numpy.log1p(-u[..., 0]))
    return numpy.asarray(radius * numpy.cos(2 * math.pi * u[..., 1]))


def permutation(seed: int, n: int, epoch: int) -> NDArray[numpy.int64]:
    """Return the order of the samples in an epoch: the stable argsort of n 64-bit draws.

    seed: any whole number; the key of the draws is that of (seed, "shuffle").
    n: number of samples.
    epoch: number of the epoch, the step of the draws.
    """
    return numpy.argsort(_raw(key(seed, "shuffle"), epoch, n), kind="stable")


def _raw(key: int, step: int, count: int, block: int = 0) -> NDArray[numpy.uint64]:
    """Return `count` 64-bit words of Philox, from block number `block` on; a block has 4.

    Key and counter are Python ints: those of a list would be rounded.
    """
    generator = numpy.random.Philox(key=int(key), counter=(int(step) << 192) + block)
    return generator.random_raw(count)
