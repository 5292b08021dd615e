"""Dataset: what it holds, what it refuses, and choosing from it."""

from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.small_model import fresh
from xpcnn import Model
from xpcnn.data import Dataset
from xpcnn.data.stored import Mapped
from xpcnn.errors import ArgumentError, ConfigError, DataError, DTypeError, LabelError, ShapeError
from xpcnn.layers import Dense, Flatten

PIXELS = np.arange(8 * 2 * 3 * 4, dtype=np.uint8).reshape(8, 2, 3, 4)
LABELS = np.array([0, 1, 2, 0, 1, 2, 0, 1])


@pytest.fixture
def pets() -> Dataset:
    return Dataset.from_arrays(PIXELS, LABELS, ["cat", "dog", "eel"], name="pets")


def test_it_holds_the_arrays_as_they_are(pets: Dataset) -> None:
    assert pets.images is PIXELS
    assert pets.labels.tolist() == LABELS.tolist()
    assert pets.labels.dtype == np.int64
    assert pets.classes == ("cat", "dog", "eel")
    assert pets.shape == (2, 3, 4)
    assert len(pets) == 8
    assert len(pets.mean) == len(pets.std) == 2
    assert repr(pets) == "Dataset('pets', 8 images of 2x3x4 uint8, 3 classes)"


def test_classes_are_numbered_where_they_have_no_names() -> None:
    assert Dataset.from_arrays(PIXELS, LABELS).classes == ("0", "1", "2")
    assert Dataset.from_arrays(PIXELS, LABELS).name == "arrays"
    assert Dataset.from_arrays(PIXELS, 0 * LABELS).classes == ("0",)


def test_it_is_frozen(pets: Dataset) -> None:
    with pytest.raises(FrozenInstanceError):
        pets.name = "other"  # type: ignore[misc]  # the assignment is the test


def test_it_checks_images_and_labels_when_made(pets: Dataset) -> None:
    with pytest.raises(ShapeError, match=r"^data set 'arrays': images look channels-last"):
        Dataset.from_arrays(np.zeros((8, 28, 28, 1), np.uint8), LABELS)
    with pytest.raises(LabelError, match=r"^data set 'arrays': labels look one-hot"):
        Dataset.from_arrays(PIXELS, np.eye(8, 3))
    with pytest.raises(LabelError, match=r"^data set 'arrays': 2 of 8 labels lie outside 0..1"):
        Dataset.from_arrays(PIXELS, LABELS, ["cat", "dog"])
    with pytest.raises(LabelError, match=r"^data set 'pets': 1 of 8 labels lie outside 0..2"):
        replace(pets, labels=np.array([0, 1, 2, 3, 0, 0, 0, 0]))
    with pytest.raises(LabelError, match=r"^data set 'arrays': 1 of 8 labels .* labels\[0\] = -1"):
        Dataset.from_arrays(PIXELS, [-1, 0, 0, 0, 0, 0, 0, 0])
    with pytest.raises(DataError, match=r"^data set 'arrays' is empty: .* \(0, 2, 3, 4\)\nTry: "):
        Dataset.from_arrays(PIXELS[:0], LABELS[:0])


def test_a_huge_label_does_not_make_a_huge_list_of_names() -> None:
    with pytest.raises(LabelError) as caught:
        Dataset.from_arrays(PIXELS, np.full(8, 2**40))
    assert str(caught.value) == (
        "data set 'arrays': the largest label is 1099511627776, and no class names are given\n"
        "Try: classes=..., a name for each label from 0 on"
    )


def test_it_checks_mean_and_std(pets: Dataset) -> None:
    advice = r"\nTry: Dataset\.from_arrays, which works out mean and std$"
    with pytest.raises(
        DataError, match=r"^data set 'pets': mean must be 2 finite numbers" + advice
    ):
        replace(pets, mean=(0.0,))
    with pytest.raises(DataError, match=r"^data set 'pets': std must be 2 finite numbers" + advice):
        replace(pets, std=(1.0, float("nan")))
    with pytest.raises(DataError, match=r"^data set 'pets': std must be above 0" + advice):
        replace(pets, std=(1.0, 0.0))


def test_subset_by_indices_and_by_mask(pets: Dataset) -> None:
    some = pets.subset([5, 1])
    assert some.labels.tolist() == [2, 1]
    np.testing.assert_array_equal(some.images, PIXELS[[5, 1]])
    assert pets.subset(LABELS == 2).labels.tolist() == [2, 2]
    assert (some.mean, some.std, some.classes) == (pets.mean, pets.std, pets.classes)
    assert not np.shares_memory(some.images, PIXELS)


def test_subset_refuses_what_is_not_there(pets: Dataset) -> None:
    with pytest.raises(DataError, match=r"^data set 'pets': a subset of no images\nTry: at "):
        pets.subset([])
    with pytest.raises(DataError, match=r": subset: index 8 is out .*\nTry: indices from 0 to 7$"):
        pets.subset([8])


def test_selecting_classes_numbers_them_anew(pets: Dataset) -> None:
    some = pets.select(classes=["eel", "cat"])
    assert some.classes == ("eel", "cat")
    assert some.labels.tolist() == [1, 0, 1, 0, 1]
    np.testing.assert_array_equal(some.images, PIXELS[[0, 2, 3, 5, 6]])
    assert (some.mean, some.std) == (pets.mean, pets.std)


def test_classes_go_by_name_or_by_index(pets: Dataset) -> None:
    choices: list[list[str | int]] = [[2, 0], ["2", "0"], ["eel", 0]]
    for wanted in choices:
        assert pets.select(classes=wanted).classes == ("eel", "cat")
    odd = Dataset.from_arrays(PIXELS, LABELS, ["2", "1", "0"])  # a name before an index
    assert odd.select(classes=["2"]).labels.tolist() == [0, 0, 0]
    assert odd.select(classes=["2"]).classes == ("2",)
    assert odd.select(classes=[2]).classes == ("0",)


def test_limits_take_the_first(pets: Dataset) -> None:
    assert pets.select(limit=4).labels.tolist() == [0, 1, 2, 0]
    assert pets.select(limit=99).labels.tolist() == LABELS.tolist()
    assert pets.select(limit_per_class=1).labels.tolist() == [0, 1, 2]
    assert pets.select(limit_per_class=2).labels.tolist() == [0, 1, 2, 0, 1, 2]
    assert pets.select(limit_per_class=2, limit=5).labels.tolist() == [0, 1, 2, 0, 1]
    both = pets.select(classes=["dog"], limit_per_class=2)
    np.testing.assert_array_equal(both.images, PIXELS[[1, 4]])
    assert pets.select() is pets


def test_select_refuses_what_is_not_there(pets: Dataset) -> None:
    wrong: list[tuple[list[str | int], str]] = [
        (["dig"], "data set 'pets' has no class 'dig'\nTry: 'dog' (valid: cat, dog, eel)"),
        ([3], "data set 'pets' has no class 3\nTry: one of cat, dog, eel"),
        ([-1], "data set 'pets' has no class -1\nTry: one of cat, dog, eel"),
        (["dog", 1], "class 'dog' is given twice\nTry: each class once, by its name or its index"),
        ([], "classes is empty\nTry: leave it out for all classes"),
    ]
    for classes, text in wrong:
        with pytest.raises(ConfigError) as caught:
            pets.select(classes=classes)
        assert str(caught.value) == text
    with pytest.raises(
        ConfigError, match=r"^limit must be a whole number of at least 1, got 0\nTry: leave it out"
    ):
        pets.select(limit=0)
    with pytest.raises(ConfigError, match=r"^limit_per_class must be .* 1, got -2\.5\n"):
        pets.select(limit_per_class=-2.5)  # type: ignore[arg-type]  # on purpose
    with pytest.raises(DataError, match=r"^data set 'pets' has no image of the classes eel\nTry"):
        pets.subset(LABELS != 2).select(classes=["eel"])


def test_digest_is_of_the_content(pets: Dataset) -> None:
    same = Dataset.from_arrays(np.asfortranarray(PIXELS), LABELS.astype(np.int8), name="other")
    assert pets.digest() == same.digest()
    assert len(pets.digest()) == 32
    changed = PIXELS.copy()
    changed[7, 1, 2, 3] ^= 1
    others = [
        Dataset.from_arrays(changed, LABELS),
        Dataset.from_arrays(PIXELS, LABELS[::-1]),
        Dataset.from_arrays(PIXELS.astype(np.float32), LABELS),
        Dataset.from_arrays(PIXELS.reshape(8, 2, 4, 3), LABELS),
    ]
    assert len({pets.digest(), *(other.digest() for other in others)}) == 5


def test_a_memory_map_is_used_as_any_array(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (12, 1, 8, 8), dtype=np.uint8)
    labels = np.arange(12) % 10
    np.save(tmp_path / "images.npy", images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    dataset = Dataset.from_arrays(mapped, labels)
    assert isinstance(dataset.images, Mapped)
    assert np.shares_memory(dataset.images.array, mapped)
    assert dataset.digest() == Dataset.from_arrays(images, labels).digest()
    model = fresh()
    model.fit(dataset, epochs=1)
    model.fit((mapped, labels), epochs=1)
    np.testing.assert_array_equal(model.predict(mapped), model.predict(images))
    assert model.evaluate((mapped, labels)) == model.evaluate(dataset)


def test_slices_lists_and_masks_give_the_images_at_these_indices(pets: Dataset) -> None:
    mask = pets.labels == 1
    assert pets[1:3] == pets.subset([1, 2])
    assert pets[-2:] == pets.subset([6, 7])
    assert pets[[2, 0]] == pets.subset([2, 0])
    assert pets[mask] == pets.subset(mask)
    assert len(pets[::3]) == 3


@pytest.mark.parametrize(
    ("use", "text"),
    [
        (lambda pets: pets[0], " is indexed by int, expected a slice\nTry: train[0:1], a list of"),
        (list, " is indexed by int, expected a slice\nTry: train[0:1], a list of"),
        (lambda pets: pets[0, 1], " is indexed by tuple, expected a slice\nTry: train[0:1], "),
        (lambda pets: pets["a":], ": slice('a', None, None)\nTry: train[:10], with whole numbers"),
        (lambda pets: pets[99:], ": a subset of no images\nTry: at least one index"),
        (lambda pets: pets[[99]], ": subset: index 99 is out of bounds"),
    ],
)
def test_other_indices_are_rejected(pets: Dataset, use: Callable[[Any], object], text: str) -> None:
    with pytest.raises(DataError) as caught:
        use(pets)
    assert str(caught.value).startswith(f"data set 'pets'{text}")


def test_a_data_set_of_arrays_alone_is_made_by_another_name(pets: Dataset) -> None:
    text = r"are missing\nTry: Dataset\.from_arrays\(images, labels\), which works out mean and std"
    with pytest.raises(ArgumentError, match=text):
        Dataset(pets.images, pets.labels)  # type: ignore[call-arg]


def test_masked_arrays_are_rejected() -> None:
    """A mask that is ignored would be a wrong answer without a word."""
    images, labels = np.zeros((4, 1, 2, 2), np.float32), np.arange(4) % 2
    hidden, named = np.ma.masked_equal(images, 0), np.ma.masked_equal(labels, 1)
    model = Model([Flatten(), Dense(2)], input_shape=(1, 2, 2))
    calls: dict[str, Callable[[], object]] = {
        "data set 'arrays': images": lambda: Dataset.from_arrays(hidden, labels),
        "data set 'arrays': labels": lambda: Dataset.from_arrays(images, named),
        "data set 'arrays': targets": lambda: Dataset.from_arrays(images, named, task="regression"),
        "data: samples": lambda: model.predict(hidden),
        "data: labels": lambda: model.fit(images, named),
        "data: sample_weights": lambda: model.fit(images, labels, sample_weights=named),
    }
    for what, call in calls.items():
        with pytest.raises(DTypeError, match=f"{what} are a masked array, .*\nTry: .*filled"):
            call()
    for call in (lambda: model.fit(hidden, labels), lambda: model.evaluate(hidden, labels)):
        with pytest.raises(DTypeError, match="data: samples are a masked array"):
            call()
