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
def test_an_image_is_placed_by_the_hash_of_seed_label_and_pixels(dtype: type[np.generic]) -> None:
    images = random_set(50).images.astype(dtype)
    dataset = Dataset.from_arrays(images, random_set(50).labels)
    key = hashlib.blake2b(b"7/validation", digest_size=16).digest()
    chosen = []
    for image, label in zip(images, dataset.labels, strict=True):
        content = int(label).to_bytes(8, "little") + image.astype(image.dtype.str).tobytes()
        digest = hashlib.blake2b(content, key=key, digest_size=8).digest()
        chosen.append(int.from_bytes(digest, "little") < 0.3 * 2**64)
    train, validation = parts(dataset, 0.3, seed=7)
    np.testing.assert_array_equal(validation.images, images[chosen])
    np.testing.assert_array_equal(train.images, images[~np.array(chosen)])


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


def test_growing_the_data_or_the_fraction_moves_no_image_back() -> None:
    small, large = random_set(300).subset(np.arange(200)), random_set(300)
    assert keys(parts(small, 0.2)[0]) <= keys(parts(large, 0.2)[0])
    assert keys(parts(small, 0.2)[1]) <= keys(parts(large, 0.2)[1])
    assert keys(parts(large, 0.2)[1]) < keys(parts(large, 0.4)[1])


def test_duplicates_stay_together() -> None:
    dataset = random_set(200).subset(np.arange(600) % 200)
    train, validation = parts(dataset, 0.3)
    assert not keys(train) & keys(validation)
    assert len(validation) == 3 * len(keys(validation))


@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.9])
def test_each_class_loses_about_the_fraction(fraction: float) -> None:
    dataset = random_set(20_000)
    counts = np.bincount(parts(dataset, fraction)[1].labels, minlength=10)
    # binomial with n = 2000 in each class: all ten within 4 standard deviations
    assert np.abs(counts - 2000 * fraction).max() < 4 * np.sqrt(2000 * fraction * (1 - fraction))


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
