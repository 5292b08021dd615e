"""The validation split: its definition, its stability, its size."""

import hashlib

import numpy as np
import pytest

from xpcnn.data import Dataset, split
from xpcnn.errors import ConfigError, DataError


def random_set(n: int, seed: int = 0) -> Dataset:
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (n, 1, 4, 5), dtype=np.uint8)
    return Dataset.from_arrays(images, np.arange(n) % 10, [str(k) for k in range(10)])


def keys(dataset: Dataset) -> set[bytes]:
    return {i.tobytes() + bytes([y]) for i, y in zip(dataset.images, dataset.labels, strict=True)}


def parts(dataset: Dataset, fraction: float, seed: int = 0) -> tuple[Dataset, Dataset]:
    train, validation = split(dataset, fraction, seed)
    assert validation is not None
    return train, validation


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_the_lowest_hashes_of_seed_label_and_pixels_in_each_class(dtype: type[np.generic]) -> None:
    images = random_set(50).images.astype(dtype)
    dataset = Dataset.from_arrays(images, random_set(50).labels)
    key = hashlib.blake2b(b"7/validation", digest_size=16).digest()

    def place(content: bytes) -> float:
        digest = hashlib.blake2b(content, key=key, digest_size=8).digest()
        return int.from_bytes(digest, "little") / 2**64

    chosen = np.zeros(50, bool)
    for label in range(10):  # of 5 images each
        name = label.to_bytes(8, "little")
        own = np.flatnonzero(dataset.labels == label)
        count = int(0.3 * 5 + place(name))  # 1 or 2
        contents = {i: name + images[i].astype(images.dtype.str).tobytes() for i in own}
        chosen[sorted(own, key=lambda i: place(contents[i]))[:count]] = True
    train, validation = parts(dataset, 0.3, seed=7)
    np.testing.assert_array_equal(validation.images, images[chosen])
    np.testing.assert_array_equal(train.images, images[~chosen])


def test_every_image_is_in_one_part_in_its_order() -> None:
    dataset = random_set(500)
    train, validation = parts(dataset, 0.2)
    assert len(train) + len(validation) == 500
    assert keys(train) | keys(validation) == keys(dataset)
    order = {image.tobytes(): i for i, image in enumerate(dataset.images)}
    for part in (train, validation):
        places = [order[image.tobytes()] for image in part.images]
        assert places == sorted(places)
        assert (part.mean, part.std, part.classes) == (dataset.mean, dataset.std, dataset.classes)


def test_the_same_seed_gives_the_same_split_and_another_gives_another() -> None:
    dataset = random_set(500)
    assert keys(parts(dataset, 0.2, 3)[1]) == keys(parts(dataset, 0.2, 3)[1])
    assert keys(parts(dataset, 0.2, 3)[1]) != keys(parts(dataset, 0.2, 4)[1])


def test_reordering_the_data_moves_no_image() -> None:
    dataset = random_set(500)
    shuffled = dataset.subset(np.random.default_rng(5).permutation(500))
    assert keys(parts(shuffled, 0.2)[1]) == keys(parts(dataset, 0.2)[1])


def test_growing_the_data_moves_only_what_lies_next_to_the_limit() -> None:
    large = random_set(3000)
    small = large.subset(np.arange(2500))
    back = keys(parts(small, 0.2)[1]) - keys(parts(large, 0.2)[1])
    aside = keys(parts(small, 0.2)[0]) - keys(parts(large, 0.2)[0])
    # the limit of a class is the 0.2-quantile of 250 places: 4 standard errors of it, ten times
    assert max(len(back), len(aside)) <= 4 * np.sqrt(250 * 0.2 * 0.8) * np.sqrt(10)


def test_growing_the_fraction_moves_no_image_back() -> None:
    dataset = random_set(300)
    assert keys(parts(dataset, 0.2)[1]) < keys(parts(dataset, 0.4)[1])


def test_duplicates_stay_together() -> None:
    dataset = random_set(200).subset(np.arange(600) % 200)
    train, validation = parts(dataset, 0.3)
    assert not keys(train) & keys(validation)
    assert len(validation) == 3 * len(keys(validation))
    assert abs(len(validation) - 180) <= 10 * 2  # within a group of 3 in each of 10 classes


@pytest.mark.parametrize("fraction", [0.1, 0.37, 0.5, 0.9])
def test_each_class_loses_the_fraction_to_within_one_image(fraction: float) -> None:
    sizes = np.array([1, 2, 3, 5, 8, 13, 21, 100, 333, 1000])
    dataset = random_set(int(sizes.sum()))
    dataset = Dataset.from_arrays(dataset.images, np.repeat(np.arange(10), sizes))
    counts = np.bincount(parts(dataset, fraction)[1].labels, minlength=10)
    assert np.abs(counts - sizes * fraction).max() < 1


def test_many_small_classes_lose_the_fraction_on_average() -> None:
    dataset = random_set(3000)
    dataset = Dataset.from_arrays(dataset.images, np.arange(3000) % 1000)  # of 3 images each
    counts = np.bincount(parts(dataset, 0.1)[1].labels, minlength=1000)
    assert set(counts.tolist()) == {0, 1}
    assert abs(counts.sum() - 300) < 4 * np.sqrt(1000 * 0.3 * 0.7)  # 4 standard deviations


def test_fraction_0_and_a_set_too_small_give_no_validation() -> None:
    dataset = random_set(30)
    assert split(dataset, 0, 0) == (dataset, None)
    assert split(dataset, 1e-9, 0) == (dataset, None)


@pytest.mark.parametrize("fraction", [-0.1, 1, 1.5, float("nan")])
def test_a_fraction_outside_0_to_1_is_refused(fraction: float) -> None:
    with pytest.raises(ConfigError) as caught:
        split(random_set(3), fraction, 0)
    assert str(caught.value) == (
        f"the validation fraction must be in [0, 1), got {fraction}\n"
        "Try: 0.1 for a tenth of the images, 0 for none"
    )


def test_nothing_left_to_train_on_is_refused() -> None:
    with pytest.raises(DataError) as caught:
        split(random_set(3), 1 - 1e-12, 0)
    assert str(caught.value) == (
        "data set 'arrays': all 3 images fall into validation\n"
        "Try: a smaller validation fraction, or another seed"
    )
