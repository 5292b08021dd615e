"""What is likely wrong with data: every finding planted once, and none where all is well."""

from dataclasses import replace

import numpy as np
import pytest

import xpcnn
from tests.real_data import real_data
from xpcnn.data import Dataset, Finding, load, preflight, split
from xpcnn.errors import counted

NAMES = ("cat", "dog", "eel")


def pets(n: int = 60, seed: int = 0, dtype: str = "uint8") -> Dataset:
    """Return random images of three classes, 0 to 255 or 0.0 to 1.0."""
    images = np.random.default_rng(seed).integers(0, 256, (n, 2, 3, 4)).astype(dtype)
    if dtype == "float32":
        images /= 255
    return Dataset.from_arrays(images, np.arange(n) % 3, NAMES, "pets")


def only(findings: list[Finding]) -> tuple[str, float, str]:
    (finding,) = findings
    return finding.kind, finding.number, str(finding)


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    assert preflight(pets(), pets(30, 1), test=pets(30, 2), outputs=3) == []
    digits, test = load("digits")
    kept, validation = split(digits, 0.1, 0)
    assert preflight(kept, validation, test=test, outputs=10) == []


def test_two_classes_may_share_one_output() -> None:
    two = pets().select(classes=["cat", "dog"])
    assert preflight(two, outputs=1) == preflight(two, outputs=2) == []


def test_classes_without_training_images() -> None:
    data = pets()
    assert only(preflight(data.subset(data.labels == 1))) == (
        "missing classes",
        2,
        "2 of 3 classes have no training image: cat, eel. "
        "Try: leave these classes out, or find images of them",
    )


def test_classes_without_validation_or_test_images() -> None:
    data, other = pets(), pets(30, 1)
    few = other.subset(other.labels != 2)
    assert only(preflight(data, few)) == (
        "missing classes",
        1,
        "1 of 3 classes have no validation image: eel. Try: a larger part for validation",
    )
    assert only(preflight(data, test=few))[2] == (
        "1 of 3 classes have no test image: eel. Try: test images of every class"
    )


def test_a_long_list_is_cut() -> None:
    names = tuple("abcdefgh")
    data = replace(pets(), classes=names)
    (finding,) = preflight(data)
    assert finding.message == "5 of 8 classes have no training image: d, e, f, g, h"
    (finding,) = preflight(data.subset(data.labels < 2))
    assert finding.message == "6 of 8 classes have no training image: c, d, e, f, g, ..."


@pytest.mark.parametrize("outputs", [1, 2, 10])
def test_outputs_that_do_not_go_with_the_classes(outputs: int) -> None:
    assert only(preflight(pets(), outputs=outputs)) == (
        "outputs",
        outputs,
        f"the network has {counted(outputs, 'output')} and the data 3 classes. Try: a last layer "
        "Dense(3)",
    )


def test_classes_of_very_unequal_size() -> None:
    data = pets(300)
    labels = np.zeros(300, np.int64)
    labels[:10], labels[10:30] = 1, 2
    assert only(preflight(replace(data, labels=labels))) == (
        "imbalance",
        27.0,
        "class 'cat' has 27 times as many training images as 'dog' (270 and 10). "
        "Try: --class-weights balanced (the loss's class_weights), or limit_per_class",
    )
    labels[:15] = 1  # 18 to 1
    labels[15:30] = 2
    assert preflight(replace(data, labels=labels)) == []


def test_a_missing_class_is_not_called_unequal() -> None:
    data = pets(300)
    assert [f.kind for f in preflight(data.subset(data.labels != 1))] == ["missing classes"]


def test_labels_that_no_image_has_or_all_have_or_few() -> None:
    """Of 60 training images: cat in none, dog in all, eel in 2, which 58 have not."""
    images = pets().images
    there = np.zeros((60, 4))
    there[:, 1], there[:2, 2], there[::2, 3] = 1, 1, 1
    train = Dataset.from_arrays(images, there, (*NAMES, "fox"), task="multi-label")
    none = replace(train, images=pets(60, 1).images, labels=np.ones((60, 4)) - there)
    assert [(f.kind, f.number, str(f)) for f in preflight(train, none)] == [
        (
            "missing classes",
            1,
            "1 of 4 labels have no training image: cat. "
            "Try: leave these labels out, or find images of them",
        ),
        (
            "labels everywhere",
            1,
            "1 of 4 labels are in every training image: dog. "
            "Try: leave these labels out, or find images without them",
        ),
        (
            "missing classes",
            1,
            "1 of 4 labels have no validation image: dog. Try: a larger part for validation",
        ),
        (
            "imbalance",
            29.0,
            "1 of 4 labels are in few training images: eel (in 2 of 60). Try: --set "
            "loss.positive_weights=balanced (the loss's positive_weights), --loss focal",
        ),
    ]


def test_numbers_that_are_all_equal() -> None:
    values = np.stack([np.arange(60), np.full(60, 3.5)], axis=1)
    train = Dataset.from_arrays(pets().images, values, ("age", "size"), task="regression")
    same = replace(train, images=pets(60, 1).images, labels=values[:, ::-1].copy())
    assert [str(f) for f in preflight(train, test=same)] == [
        "numbers that are equal for all training images: size. Try: leave these columns out",
        "numbers that are equal for all test images: age. Try: a larger test part",
    ]


def test_blank_images() -> None:
    images = pets().images.copy()
    images[7], images[9, 0], images[9, 1] = 0, 5, 200  # each channel of one value
    images[11, 0] = 0  # the other channel is not
    assert only(preflight(Dataset.from_arrays(images, pets().labels))) == (
        "constant",
        2,
        "2 of 60 training images are blank, the same all over: images 7, 9. "
        "Try: leave them out, or fix their source",
    )


def test_images_of_one_pixel_are_not_blank() -> None:
    points = np.arange(40, dtype=np.float32).reshape(10, 4, 1, 1)
    assert preflight(Dataset.from_arrays(points, [0, 1] * 5)) == []


def squares(top: float, dtype: str) -> Dataset:
    """Return images that are half 0 and half `top`: mean and deviation are half of it."""
    board = np.indices((3, 4)).sum(axis=0) % 2 * np.ones((6, 2, 1, 1))
    return Dataset.from_arrays((board * top).astype(dtype), [0, 1] * 3)


@pytest.mark.parametrize(
    ("train", "validation", "ratio", "text"),
    [
        (
            squares(1, "float32"),
            squares(255, "uint8"),
            255.0,
            "validation images spread 255 times as wide as what the model normalises for: "
            "values 0 to 255, normalised for a mean of 0.5 and a deviation of 0.5. "
            "Try: divide the validation images by 255",
        ),
        (
            squares(255, "uint8"),
            squares(1, "float32"),
            1 / 255,
            "validation images spread 0.00392 times as wide as what the model normalises for: "
            "values 0 to 1, normalised for a mean of 128 and a deviation of 128. "
            "Try: multiply the validation images by 255",
        ),
    ],
    ids=["too wide", "too narrow"],
)
def test_values_on_another_scale(
    train: Dataset, validation: Dataset, ratio: float, text: str
) -> None:
    kind, number, sentence = only(preflight(train, validation))
    assert (kind, sentence) == ("scale", text)
    assert number == pytest.approx(ratio, rel=1e-12)


def test_values_on_another_scale_than_the_model_was_trained_on() -> None:
    mean, std = (0.13, 0.13), (0.31, 0.31)
    (finding,) = preflight(squares(255, "uint8"), mean=mean, std=std)
    assert finding.message == (
        "training images spread 411 times as wide as what the model normalises for: "
        "values 0 to 255, normalised for a mean of 0.13 and a deviation of 0.31"
    )
    assert preflight(squares(1, "float32"), mean=mean, std=std) == []
    assert preflight(squares(3, "float32"), mean=mean, std=std) == []


def test_bits_of_16_and_of_8_are_no_factor_of_255() -> None:
    """65535 / 255 is 257."""
    for train, other in ((255, 65535), (65535, 255)):
        (finding,) = preflight(squares(train, "float32"), squares(other, "float32"))
        assert finding.advice.endswith("the validation images by what makes the scales equal")


def test_another_factor_and_a_channel_that_is_constant() -> None:
    train = pets(dtype="float32")
    images = pets(30, 1, "float32").images * np.float32(16)
    images[:, 1] = 3.0
    (finding,) = preflight(train, replace(pets(30), images=images))
    assert finding.advice == "divide the validation images by what makes the scales equal"
    images[:, 0] = 3.0  # no spread at all: that is another finding
    kinds = {f.kind for f in preflight(train, replace(pets(30), images=images))}
    assert kinds == {"constant"}


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_images_in_two_parts(dtype: str) -> None:
    train, other = pets(dtype=dtype), pets(30, 1, dtype)
    images, labels = other.images.copy(), other.labels.copy()
    images[3], images[4], images[20] = train.images[0], train.images[0], train.images[59]
    labels[3], labels[4], labels[20] = 0, 1, 2
    shared = replace(other, images=images, labels=labels)
    assert only(preflight(train, shared)) == (
        "duplicates",
        3,
        "3 of 30 validation images are in the training part too, 1 of them with another label. "
        "Try: take them out of one part, and correct labels that differ",
    )
    kinds = [f.message[:21] for f in preflight(train, other, test=shared)]
    assert kinds == ["3 of 30 test images ar"[:21]]


def test_a_duplicate_with_both_labels_in_training_is_not_of_another() -> None:
    train = pets()
    labels = train.labels.copy()
    images = train.images.copy()
    images[1] = images[0]
    labels[0], labels[1] = 0, 1
    both = replace(train, images=images, labels=labels)
    (finding,) = preflight(both, both.subset([0]).select())[1:]
    assert "1 of 1 validation images" in finding.message
    assert "0 of them with another label" in finding.message


def test_order_in_memory_makes_no_difference() -> None:
    train = pets()
    turned = np.asfortranarray(train.images)
    (finding,) = preflight(train, replace(train, images=turned))
    assert (finding.kind, finding.number) == ("duplicates", 60)


def test_it_is_one_line_and_part_of_the_library() -> None:
    findings = xpcnn.data.preflight(pets(), pets(30), outputs=10)
    assert len(findings) == 2
    assert all("\n" not in str(finding) for finding in findings)


def test_real_mnist() -> None:
    train, test = load("mnist", real_data("mnist"))
    kept, validation = split(train, 0.1, 0)
    assert preflight(kept, validation, test=test, outputs=10) == []
