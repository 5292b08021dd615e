"""The one definition of random numbers, against an independent Philox and by its own promises."""

import hashlib
import subprocess
import sys
from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.compare import assert_within
from tests.rounding import exact
from xpcnn import random
from xpcnn.errors import ConfigError
from xpcnn.types import namespace

MASK = 2**64 - 1
KEYS = (0, 1, 2**63, 2**64 - 1, 2**64, 2**127 + 12345, 2**128 - 1, random.key(0, "shuffle"))
STEPS = (0, 1, 2, 1000, 2**32, 2**63, 2**64 - 1)


def philox(counter: int, key: int) -> list[int]:
    """Return the four 64-bit words of Philox4x64-10, from the paper's definition."""
    c = [counter >> 64 * i & MASK for i in range(4)]
    k = [key & MASK, key >> 64]
    for _ in range(10):
        product0, product1 = 0xD2E7470EE14C6C93 * c[0], 0xCA5A826395121157 * c[2]
        c = [
            product1 >> 64 ^ c[1] ^ k[0],
            product1 & MASK,
            product0 >> 64 ^ c[3] ^ k[1],
            product0 & MASK,
        ]
        k = [k[0] + 0x9E3779B97F4A7C15 & MASK, k[1] + 0xBB67AE8584CAA73B & MASK]
    return c


def oracle_words(key: int, step: int, count: int) -> list[int]:
    """Return words by the rule of the design: element e lies in block e // 8."""
    words = []
    for e in range(count):
        block = philox((step << 192) + e // 8 + 1, key)
        words.append(block[e % 8 // 2] >> 32 * (e % 2) & 0xFFFFFFFF)
    return words


def test_philox_oracle_gives_the_published_answers() -> None:
    # Random123's known answers for philox4x64-10: counter and key all zeros, then all ones
    assert philox(0, 0) == [
        0x16554D9ECA36314C,
        0xDB20FE9D672D0FDC,
        0xD7E772CEE186176B,
        0x7E68B68AEC7BA23B,
    ]
    assert philox(2**256 - 1, 2**128 - 1) == [
        0x87B092C3013FE90B,
        0x438C3C67BE8D0224,
        0x9CC7D7C69CD777B6,
        0xA09CAEBF594F0BA0,
    ]


def test_known_answer() -> None:
    words = random.words(random.key(0, "dropout/layers.3"), 1, 4)
    assert [f"{word:08x}" for word in words] == ["df90f713", "8548b92f", "39903cea", "e3b8f2bf"]
    assert words.dtype == numpy.uint32


def test_key_is_the_little_endian_blake2b_of_seed_and_purpose() -> None:
    digest = hashlib.blake2b(b"7/augment/flip/x", digest_size=16).digest()
    assert random.key(7, "augment/flip/x") == sum(byte << 8 * i for i, byte in enumerate(digest))
    assert random.key(7, "shuffle") != random.key(8, "shuffle") != random.key(8, "shuffl")


@pytest.mark.parametrize("key", KEYS, ids=hex)
@pytest.mark.parametrize("step", STEPS, ids=hex)
def test_words_are_philox_at_the_documented_counters(key: int, step: int) -> None:
    assert random.words(key, step, 19).tolist() == oracle_words(key, step, 19)


@pytest.mark.parametrize("count", [0, 1, 2, 7, 8, 9, 16, 17])
def test_words_are_a_prefix_of_one_stream(count: int) -> None:
    assert random.words(5, 3, count).tolist() == random.words(5, 3, 40).tolist()[:count]


def test_words_take_numpy_integers_for_step_and_key() -> None:
    expected = random.words(2**63 + 9, 2, 5).tolist()
    key: Any = numpy.uint64(2**63 + 9)
    step: Any = numpy.int64(2)
    assert random.words(key, step, 5).tolist() == expected


@pytest.mark.parametrize("step", [-1, 2**64])
def test_a_step_outside_64_bits_is_refused(step: int) -> None:
    with pytest.raises(ValueError, match="counter must be"):
        random.words(1, step, 4)


def test_uniform_is_exact() -> None:
    u = random.uniform(random.key(3, "dropout/x"), 9, (5, 4, 3))
    words = oracle_words(random.key(3, "dropout/x"), 9, 60)
    assert u.shape == (5, 4, 3)
    assert u.dtype == numpy.float32
    expected = numpy.array([word // 256 for word in words], dtype=numpy.float64) / 2**24
    assert u.astype(numpy.float64).ravel().tolist() == expected.tolist()


def test_uniform_lies_on_the_grid_below_one(monkeypatch: pytest.MonkeyPatch) -> None:
    words = numpy.array([0, 255, 256, 2**31, 2**32 - 1], dtype=numpy.uint32)
    monkeypatch.setattr(random, "words", lambda key, step, count, first=0: words)
    assert random.uniform(0, 0, (5,)).tolist() == [0.0, 0.0, 2**-24, 0.5, 1 - 2**-24]


@given(st.integers(0, 2**128 - 1), st.integers(0, 2**64 - 1))
@settings(max_examples=50, deadline=None, derandomize=True)
def test_uniform_is_a_multiple_of_2_to_the_minus_24(key: int, step: int) -> None:
    scaled = random.uniform(key, step, (33,)).astype(numpy.float64) * 2**24
    assert (scaled == numpy.floor(scaled)).all()
    assert (scaled >= 0).all()
    assert (scaled < 2**24).all()


@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (1,), (2, 3)])
def test_shapes_and_dtypes(shape: tuple[int, ...]) -> None:
    uniform, normal = random.uniform(1, 1, shape), random.normal(1, 1, shape)
    integers = random.integers(1, 1, 10, shape)
    for drawn, dtype in ((uniform, "float32"), (normal, "float32"), (integers, "int64")):
        assert isinstance(drawn, numpy.ndarray)
        assert (drawn.shape, drawn.dtype) == (shape, numpy.dtype(dtype))


@pytest.mark.parametrize("n", [1, 2, 3, 5, 10, 1000, 2**24 - 1, 2**24])
def test_integers_are_the_floor_of_uniform_times_n(n: int) -> None:
    uniforms = random.uniform(11, 4, (500,)).tolist()  # exact in float64, and so is the product
    assert random.integers(11, 4, n, (500,)).tolist() == [int(u * n) for u in uniforms]


def test_integers_do_not_round_up(monkeypatch: pytest.MonkeyPatch) -> None:
    # 11744051 / 2**24 is just below 0.7: ten times that is 7 in float32, but less than 7
    below = numpy.array([11744051 << 8], dtype=numpy.uint32)
    monkeypatch.setattr(random, "words", lambda key, step, count, first=0: below)
    assert random.uniform(0, 0, (1,)) * 10 == 7
    assert random.integers(0, 0, 10, (1,)).tolist() == [6]


@pytest.mark.parametrize("n", [0, -1, 2**24 + 1])
def test_integers_refuse_bounds_without_exact_draws(n: int) -> None:
    with pytest.raises(ConfigError) as refused:
        random.integers(0, 0, n, (1,))
    assert str(refused.value) == (
        f"random integers below {n}: the bound must be from 1 to 2**24\n"
        "Try: `permutation` for an order of more elements"
    )


def test_permutation_is_the_stable_argsort_of_64_bit_draws() -> None:
    raw = [
        word
        for block in range(5)
        for word in philox((6 << 192) + block + 1, random.key(2, "shuffle"))
    ][:18]
    order = random.permutation(2, 18, 6)
    assert order.tolist() == sorted(range(18), key=raw.__getitem__)
    assert order.dtype == numpy.int64


def test_permutation_keeps_the_order_of_equal_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    draws = numpy.arange(300, dtype=numpy.uint64) % 3
    monkeypatch.setattr(random, "_raw", lambda key, step, count, first=0: draws)
    expected = [*range(0, 300, 3), *range(1, 300, 3), *range(2, 300, 3)]
    assert random.permutation(0, 300, 0).tolist() == expected


def test_permutations_of_epochs_and_seeds_differ() -> None:
    orders = {tuple(random.permutation(seed, 50, epoch)) for seed in (0, 1) for epoch in (0, 1, 2)}
    assert len(orders) == 6
    assert all(sorted(order) == list(range(50)) for order in orders)
    assert random.permutation(0, 0, 0).shape == (0,)


def test_normal_is_box_muller_of_neighbouring_uniforms() -> None:
    u = exact(random.uniform(8, 2, (100, 2)))
    xp = namespace(u)
    expected = xp.sqrt(-2.0 * xp.log1p(-u[:, 0])) * xp.cos(2 * numpy.pi * u[:, 1])
    assert_within(random.normal(8, 2, (100,)), expected)
    # an element does not depend on how many are drawn
    assert random.normal(8, 2, (100,))[:7].tolist() == random.normal(8, 2, (7,)).tolist()


def test_normal_has_the_moments_of_a_normal() -> None:
    z = random.normal(random.key(0, "noise"), 0, (200_000,)).astype(numpy.float64)
    assert abs(z.mean()) < 4 / 200_000**0.5
    assert abs(z.var() - 1) < 4 * (2 / 200_000) ** 0.5
    assert abs((z**4).mean() - 3) < 4 * (96 / 200_000) ** 0.5
    assert numpy.abs(z).max() < 5.8


def test_uniforms_are_uniform_and_uncorrelated_between_steps() -> None:
    u = numpy.stack([random.uniform(4, step, (50_000,)) for step in (1, 2)]).astype(numpy.float64)
    counts = numpy.histogram(u, bins=64, range=(0, 1))[0]
    assert ((counts - counts.mean()) ** 2 / counts.mean()).sum() < 120  # chi2, 63 degrees: p 2e-5
    assert abs(((u[0] - 0.5) * (u[1] - 0.5)).mean() * 12) < 4 / 50_000**0.5


def test_a_draw_depends_on_nothing_that_ran_before() -> None:
    code = "from xpcnn import random; print(random.uniform(random.key(1, 'a'), 5, (4,)).tolist())"
    numpy.random.default_rng(0).random(10)
    random.words(3, 3, 100)
    fresh = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert fresh.stdout.strip() == str(random.uniform(random.key(1, "a"), 5, (4,)).tolist())
