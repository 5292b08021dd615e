"""Random numbers: the same bits on the device as `xpcnn.random` has on the host."""

from collections.abc import Iterator

import numpy

from tests.gpu.section import Finding, Options
from xpcnn import ops, random

KNOWN_WORDS = (0xDF90F713, 0x8548B92F, 0x39903CEA, 0xE3B8F2BF)
"""The first words of seed 0, purpose `dropout/layers.3`, step 1, as the design states them."""

STREAMS = [
    (0, "dropout/layers.3"),
    (1, "dropout/layers.0.body.layers.2"),
    (2**63, "augment/flip/coin"),
    (-7, "x"),
]
STEPS = [0, 1, 2, 1000, 2**31, 2**32 + 1, 2**53 + 1, 2**63 - 1]
SHAPES = [
    *((), (0,), (1,), (7,), (8,), (9,), (2047,), (2048,), (2049,), (3, 5, 7)),
    *((128, 400), (128, 16, 14, 14), (64, 64, 32, 33)),
]
RATES = [0.1, 0.25, 0.5, 0.9]


def findings(options: Options) -> Iterator[Finding]:
    """Compare uniforms for every stream, step and shape; then the masks of dropout."""
    backend = options.open()
    key = random.key(*STREAMS[0])
    first = backend.to_host(backend.uniform(key, 1, (4,)))
    expected = numpy.asarray([word >> 8 for word in KNOWN_WORDS], "float32") * numpy.float32(2**-24)
    yield Finding(
        "known answer",
        first.tolist(),
        None if first.tobytes() == expected.tobytes() else f"expected {expected.tolist()}",
    )

    shapes = SHAPES[:-2] if options.quick else SHAPES
    differ, count = [], 0
    for seed, purpose in STREAMS:
        key = random.key(seed, purpose)
        for step in STEPS:
            for shape in shapes:
                count += 1
                drawn = backend.to_host(backend.uniform(key, step, shape))
                wanted = random.uniform(key, step, shape)
                if drawn.shape != shape or drawn.tobytes() != wanted.tobytes():
                    differ.append(f"seed {seed}, {purpose}, step {step}, shape {shape}")
    yield Finding("uniforms compared", count, _problem(differ, count))

    differ = []
    for step in STEPS:
        there = backend.from_host(numpy.asarray(step, "int64"))
        drawn = backend.to_host(backend.uniform(key, there, (2049,)))
        if drawn.tobytes() != random.uniform(key, step, (2049,)).tobytes():
            differ.append(f"step {step}")
    yield Finding("steps read from the device", len(STEPS), _problem(differ, len(STEPS)))

    differ = []
    for rate in RATES:
        x = numpy.random.default_rng(0).standard_normal((32, 8, 7, 7)).astype("float32")
        uniform = random.uniform(key, 3, x.shape)
        wanted = numpy.asarray(ops.dropout(x, uniform, rate=rate)[0])
        drawn = backend.uniform(key, 3, x.shape)
        got = backend.to_host(ops.dropout(backend.from_host(x), drawn, rate=rate)[0])
        if not numpy.array_equal(got == 0, wanted == 0):
            differ.append(f"rate {rate}")
    yield Finding("dropout masks compared", len(RATES), _problem(differ, len(RATES)))


def _problem(differ: list[str], count: int) -> str | None:
    if not differ:
        return None
    return f"{len(differ)} of {count} differ: {'; '.join(differ[:5])}"
