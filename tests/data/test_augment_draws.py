"""What the random numbers of augmentations depend on, and how they are distributed."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy
import pytest

from tests.compare import assert_within
from tests.lib import Lib
from tests.rounding import UNIT, exact
from xpcnn import backend, random
from xpcnn.data import augment
from xpcnn.data.augment import (
    Affine,
    AlternatingFlip,
    Augmentation,
    Augmenter,
    Brightness,
    Contrast,
    Crop,
    CutMix,
    Cutout,
    Flip,
    Mixup,
    Noise,
    Rotate,
    Saturation,
    Scale,
    Shift,
)
from xpcnn.data.augment.base import Host, PerSample
from xpcnn.types import Array, Shape, namespace

SHAPE = (3, 6, 5)
N = 11
IMAGES = numpy.random.default_rng(0).standard_normal((N, *SHAPE))
LABELS = numpy.arange(N) % 4
ALONE = [name for name in augment.BY_NAME if name not in ("noise", "mixup", "cutmix")]


def augmented(
    library: backend.Backend,
    items: list[Augmentation],
    order: numpy.ndarray,
    size: int,
    dtype: str = "float32",
    seed: int = 5,
    epoch: int = 2,
) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Return the images and labels of an epoch, in the order that they have in the data set."""
    augmenter = Augmenter(items, library, seed=seed, shape=SHAPE, outputs=4, dtype=dtype)
    batches = augmenter.epoch(epoch, order)
    parts = []
    for i, start in enumerate(range(0, N, size)):
        chosen = order[start : start + size]
        x, labels = library.from_host(IMAGES.astype(dtype)[chosen]), LABELS[chosen]
        x, labels = batches(x, library.from_host(labels), start, i + 1)
        parts.append((library.to_host(x), library.to_host(labels)))
    images, labels = (numpy.concatenate(part) for part in zip(*parts, strict=True))
    back = numpy.argsort(order)
    return images[back], labels[back]


IN_ORDER = numpy.arange(N)
SHUFFLED = numpy.random.default_rng(1).permutation(N)


@pytest.mark.parametrize("name", ALONE)
def test_same_bits_on_every_library_in_any_order_and_batch(lib: Lib, dtype: str, name: str) -> None:
    items = [augment.make(name)]
    expected, _ = augmented(backend.load("numpy"), items, IN_ORDER, N, dtype)
    for order, size in ((IN_ORDER, N), (IN_ORDER, 1), (SHUFFLED, 7)):
        images, labels = augmented(lib.backend, items, order, size, dtype)
        assert images.tobytes() == expected.tobytes()
        numpy.testing.assert_array_equal(labels, LABELS)


@pytest.mark.parametrize("name", ["mixup", "cutmix"])
def test_mixtures_have_the_same_bits_on_every_library(lib: Lib, dtype: str, name: str) -> None:
    items = [augment.make(name), Flip(), augment.make(name)]
    expected, probabilities = augmented(backend.load("numpy"), items, SHUFFLED, 7, dtype)
    images, labels = augmented(lib.backend, items, SHUFFLED, 7, dtype)
    assert images.tobytes() == expected.tobytes()
    assert labels.tobytes() == probabilities.tobytes()
    assert labels.dtype == dtype
    numpy.testing.assert_allclose(labels.sum(axis=1), 1.0, rtol=4 * UNIT)  # of four that are not 0


def test_noise_depends_on_step_and_place_in_the_batch(lib: Lib) -> None:
    images, _ = augmented(lib.backend, [Noise()], SHUFFLED, 7)
    key = random.key(5, "augment/noise/std")
    for i in range(0, N, 7):
        x = IMAGES[SHUFFLED[i : i + 7]].astype("float32")
        u = random.uniform(key, 1 + i // 7, (*x.shape, 2))
        expected = Noise().apply(exact(x), exact(u))
        assert_within(images[SHUFFLED[i : i + 7]], expected)


@pytest.mark.parametrize("name", augment.BY_NAME)
def test_another_seed_or_epoch_gives_others(name: str) -> None:
    library, items = backend.load("numpy"), [augment.make(name)]

    def images(**options: int) -> bytes:
        return augmented(library, items, IN_ORDER, N, **options)[0].tobytes()  # type: ignore[arg-type]

    assert images() == images(seed=5, epoch=2)
    assert images() != images(seed=6)
    assert (images() != images(epoch=3)) == (name != "noise")  # this is by step


@dataclass(frozen=True)
class Show:
    """Put the uniforms that a sample gets into its first pixels."""

    draws: ClassVar[dict[str, int]] = {"one": 1, "three": 3}

    def parameters(self, u: Host, shape: Shape) -> Host:
        assert shape == SHAPE
        return u

    def apply(self, x: Array, p: Array) -> Array:
        xp = namespace(x)
        flat = xp.reshape(x, (x.shape[0], -1))
        return xp.reshape(xp.concat([p, flat[:, p.shape[1] :]], axis=1), x.shape)


def test_uniforms_are_the_words_of_philox_as_defined(lib: Lib) -> None:
    shown, _ = augmented(lib.backend, [Flip(0), Show(), Show()], SHUFFLED, 4, seed=9, epoch=3)
    assert shown.dtype == numpy.float32
    shown = shown.reshape(N, -1)
    for sample in range(N):
        for k, (argument, draws) in enumerate((("one", 1), ("three", 3), ("three", 3))):
            draw = (0, 0, 2)[k]
            name = f"9/augment/show-2/{argument}".encode()
            key = hashlib.blake2b(name, digest_size=16).digest()
            philox: Any = numpy.random.Philox(key=int.from_bytes(key, "little"), counter=3 << 192)
            e = sample * draws + draw
            word = int(philox.random_raw(N * 2)[e // 2]) >> 32 * (e % 2) & 0xFFFFFFFF
            assert shown[sample, (0, 1, 3)[k]] == (word >> 8) * 2.0**-24


def test_numbers_of_samples_stay_when_samples_are_added() -> None:
    library = backend.load("numpy")
    augmenter = Augmenter([Crop()], library, seed=0, shape=SHAPE, outputs=4, dtype="float32")
    x = IMAGES.astype("f4")
    few, _ = augmenter.epoch(1, numpy.arange(N))(x, LABELS, 0, 1)
    many, _ = augmenter.epoch(1, numpy.arange(10 * N))(x, LABELS, 0, 1)
    numpy.testing.assert_array_equal(few, many)


def test_each_in_turn() -> None:
    """In a list, the first of a kind draws as it does alone; the second draws other numbers."""
    library = backend.load("numpy")
    one, _ = augmented(library, [Crop(2)], IN_ORDER, N)
    two, _ = augmented(library, [Crop(2), Crop(2)], IN_ORDER, N)
    both, _ = augmented(library, [Crop(2), Flip(1.0)], IN_ORDER, N)
    numpy.testing.assert_array_equal(both, one[..., ::-1])
    moved = (two != one).any(axis=(1, 2, 3))
    assert 0.8 * N < moved.sum() <= N
    none, labels = augmented(library, [], IN_ORDER, N)
    numpy.testing.assert_array_equal(none, IMAGES.astype("f4"))
    numpy.testing.assert_array_equal(labels, LABELS)


def test_an_alternating_flip_mirrors_the_others_in_every_second_epoch() -> None:
    library, items = backend.load("numpy"), list[Augmentation]([AlternatingFlip()])
    first, second, third = (
        augmented(library, items, SHUFFLED, 7, epoch=epoch)[0] for epoch in (1, 2, 3)
    )
    plain = IMAGES.astype("f4")
    is_plain = (first == plain).all(axis=(1, 2, 3))
    assert 0 < is_plain.sum() < N
    numpy.testing.assert_array_equal(first[~is_plain], plain[~is_plain][..., ::-1])
    numpy.testing.assert_array_equal(second, first[..., ::-1])
    numpy.testing.assert_array_equal(third, first)


MANY = 4000


def drawn(item: PerSample, shape: Shape = (1, 28, 28)) -> numpy.ndarray:
    """Return the parameters of 4,000 samples."""
    name = type(item).__name__.lower()
    u = [
        random.uniform(random.key(0, f"augment/{name}/{argument}"), 1, (MANY, draws))
        for argument, draws in item.draws.items()
    ]
    return item.parameters(numpy.concatenate(u, axis=1, dtype=float), shape)


def assert_follows(values: numpy.ndarray, cdf: Callable[[numpy.ndarray], numpy.ndarray]) -> None:
    """Kolmogorov and Smirnov at the level of 1 in 1,000: D < 1.95 / sqrt(n)."""
    share = cdf(numpy.sort(values))
    steps = numpy.arange(len(values) + 1) / len(values)
    distance = max(numpy.max(steps[1:] - share), numpy.max(share - steps[:-1]))
    assert distance < 1.95 / len(values) ** 0.5


def even(low: float, high: float) -> Callable[[numpy.ndarray], numpy.ndarray]:
    return lambda values: (values - low) / (high - low)


def assert_even_integers(values: numpy.ndarray, low: int, high: int) -> None:
    """Each of low, ..., high within 5 standard deviations of its share."""
    found, counts = numpy.unique(values, return_counts=True)
    numpy.testing.assert_array_equal(found, numpy.arange(low, high + 1))
    share = 1 / (high - low + 1)
    spread = (MANY * share * (1 - share)) ** 0.5
    assert numpy.abs(counts - MANY * share).max() < 5 * spread


def test_how_often_flips_and_where_crops_and_holes() -> None:
    mirrored = drawn(Flip(0.3, vertical=0.6)).mean(axis=0)
    numpy.testing.assert_allclose(mirrored, [0.3, 0.6], atol=5 * (0.25 / MANY) ** 0.5)
    assert drawn(Flip(0.0, vertical=1.0)).mean(axis=0).tolist() == [0.0, 1.0]
    for k in (0, 1):
        assert_even_integers(drawn(Crop(3))[:, k], -3, 3)
        assert_even_integers(drawn(Cutout(5), (1, 9, 9))[:, 2 * k], -2, 6)
    rows, columns = drawn(Crop(3)).T
    assert abs(numpy.corrcoef(rows, columns)[0, 1]) < 0.06
    p = drawn(Cutout(5))
    numpy.testing.assert_array_equal(p[:, [1, 3]] - p[:, [0, 2]], numpy.full((MANY, 2), 5))


def test_angles_factors_and_offsets_are_even() -> None:
    assert_follows(drawn(Brightness(0.4))[:, 0], even(-0.4, 0.4))
    assert_follows(drawn(Contrast(0.4))[:, 0], even(0.6, 1.4))
    assert_follows(drawn(Saturation(0.4))[:, 0], even(0.6, 1.4))
    turn = drawn(Rotate(25))
    assert_follows(numpy.degrees(numpy.arctan2(turn[:, 1], turn[:, 0])), even(-25, 25))
    assert_follows(1 / drawn(Scale(0.3))[:, 0], even(0.7, 1.3))
    assert_follows(-drawn(Shift(1.5))[:, 4], even(-1.5, 1.5))
    assert_follows(-drawn(Shift(1.5))[:, 5], even(-1.5, 1.5))
    p = drawn(Affine(25, 0.3, 15, 1.5))
    inverse = p[:, :4].reshape(MANY, 2, 2)
    shift = -numpy.linalg.solve(inverse, p[:, 4:, None])[:, 0, 0]
    assert_follows(shift, even(-1.5, 1.5))
    assert_follows(numpy.linalg.det(inverse) ** -0.5, even(0.7, 1.3))


@pytest.mark.parametrize(
    ("alpha", "cdf"),
    [
        (0.5, lambda x: 2 / numpy.pi * numpy.arcsin(numpy.sqrt(x))),
        (1.0, lambda x: x),
        (2.0, lambda x: x * x * (3 - 2 * x)),
    ],
)
def test_parts_of_mixtures_follow_the_beta_distribution(
    alpha: float, cdf: Callable[[numpy.ndarray], numpy.ndarray]
) -> None:
    assert_follows(drawn(Mixup(alpha))[:, 0], cdf)


def test_parts_of_mixtures_are_those_of_numpy_for_a_small_alpha() -> None:
    sample = numpy.sort(numpy.random.default_rng(0).beta(0.2, 0.2, 400_000))
    share = numpy.linspace(0, 1, len(sample))
    assert_follows(drawn(Mixup(0.2))[:, 0], lambda x: numpy.interp(x, sample, share))
    assert ((drawn(Mixup(0.01)) >= 0) & (drawn(Mixup(0.01)) <= 1)).all()


def test_boxes_of_cutmix_lie_within_and_their_area_is_what_is_lost() -> None:
    top, bottom, left, right, kept = drawn(CutMix(), (3, 20, 30)).T
    for begin, end, size in ((top, bottom, 20), (left, right, 30)):
        assert (begin >= 0).all()
        assert (end <= size).all()
        assert (end >= begin).all()
        assert (begin == begin.astype(int)).all()
    numpy.testing.assert_allclose(kept, 1 - (bottom - top) * (right - left) / 600)
    whole = (top > 0) & (bottom < 20) & (left > 0) & (right < 30)
    sides = (bottom - top)[whole] / 20, (right - left)[whole] / 30
    assert numpy.abs(sides[0] - sides[1]).max() < 1 / 20


def test_noise_is_normal() -> None:
    x = numpy.zeros((4, 1, 40, 25), "f4")
    u = random.uniform(random.key(0, "augment/noise/std"), 1, (*x.shape, 2))
    y = Noise(0.25).apply(x, u)
    assert abs(y.mean()) < 4 * 0.25 / MANY**0.5
    assert abs(y.std() / 0.25 - 1) < 4 / (2 * MANY) ** 0.5
    assert abs((numpy.abs(y) < 0.25).mean() - 0.6827) < 4 * (0.2166 / MANY) ** 0.5
