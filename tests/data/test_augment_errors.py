"""What augmentations refuse, and in which words."""

from collections.abc import Callable
from typing import Any

import numpy
import pytest

from xpcnn import Model, backend
from xpcnn.data import augment
from xpcnn.data.augment import (
    Affine,
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
from xpcnn.errors import ConfigError, DTypeError, ShapeError
from xpcnn.layers import Dense, Flatten

WHOLE = "expected a whole number of at least 1"


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: Flip(1.1),
            "Flip: horizontal must be a number >= 0 and <= 1, got 1.1\nTry: Flip(horizontal=0.5)",
        ),
        (
            lambda: Flip(vertical=-0.1),
            "Flip: vertical must be a number >= 0 and <= 1, got -0.1\nTry: Flip(vertical=0.0)",
        ),
        (lambda: Crop(0), f"Crop: pad is 0, {WHOLE}\nTry: pad=4, or more"),
        (lambda: Crop(1.5), f"Crop: pad is 1.5, {WHOLE}\nTry: pad=4, or more"),  # type: ignore[arg-type]
        (lambda: Crop(True), f"Crop: pad is True, {WHOLE}\nTry: pad=4, or more"),
        (
            lambda: Cutout("8"),  # type: ignore[arg-type]
            f"Cutout: size is '8', {WHOLE}\nTry: size=8, or more",
        ),
        (
            lambda: Shift(-1),
            "Shift: pixels must be a finite number >= 0, got -1\nTry: Shift(pixels=2.0)",
        ),
        (
            lambda: Rotate(360),
            "Rotate: degrees must be a number >= 0 and < 360, got 360\nTry: Rotate(degrees=10.0)",
        ),
        (lambda: Scale(1), "Scale: by must be a number >= 0 and < 1, got 1\nTry: Scale(by=0.1)"),
        (
            lambda: Affine(shear=90),
            "Affine: shear must be a number >= 0 and < 90, got 90\nTry: Affine(shear=0.0)",
        ),
        (
            lambda: Noise(float("nan")),
            "Noise: std must be a finite number >= 0, got nan\nTry: Noise(std=0.1)",
        ),
        (
            lambda: Brightness("1"),  # type: ignore[arg-type]
            "Brightness: by must be a finite number >= 0, got str\nTry: Brightness(by=0.2)",
        ),
        (
            lambda: Contrast(1.0),
            "Contrast: by must be a number >= 0 and < 1, got 1\nTry: Contrast(by=0.2)",
        ),
        (
            lambda: Saturation(-0.5),
            "Saturation: by must be a number >= 0 and < 1, got -0.5\nTry: Saturation(by=0.2)",
        ),
        (
            lambda: Mixup(0),
            "Mixup: alpha must be a finite number > 0, got 0\nTry: Mixup(alpha=0.2)",
        ),
        (
            lambda: CutMix(-1),
            "CutMix: alpha must be a finite number > 0, got -1\nTry: CutMix(alpha=1.0)",
        ),
        (
            lambda: augment.make("flp"),
            "unknown augmentation 'flp'\nTry: 'flip' (valid: affine, alternating-flip, blur, "
            "brightness, contrast, crop, cutmix, cutout, erasing, flip, hue, mixup, noise, "
            "perspective, randaugment, resized-crop, rotate, saturation, scale, shift, "
            "trivialaugment, vertical-flip)",
        ),
        (
            lambda: augment.make("crop", padding=2),
            "augmentation 'crop' has no option 'padding'\nTry: 'pad' (valid: pad)",
        ),
        (
            lambda: augment.checked(Flip()),
            "augment is a Flip, expected a list of augmentations\n"
            "Try: augment=[Flip(), Crop(4)], of xpcnn.data.augment",
        ),
        (
            lambda: augment.checked("flip, mixup"),
            "augment is a str, expected a list of augmentations\nTry: augment=['flip', 'mixup']",
        ),
        (
            lambda: augment.checked([Flip(), "crop"]),
            "augment[1] is a str, expected an augmentation\n"
            "Try: augment=[Flip(), Crop(4)], of xpcnn.data.augment",
        ),
        (
            lambda: augment.checked([Flip]),
            "augment[0] is the class Flip, expected an augmentation\n"
            "Try: augment=[Flip(), Crop(4)], of xpcnn.data.augment",
        ),
        (
            lambda: augment.views_of(["flop"]),
            "unknown view 'flop'\nTry: 'flip' (valid: down-right, flip, flip-down-right, "
            "flip-up-left, identity, up-left)",
        ),
        (
            lambda: augment.views_of([]),
            'views is empty, expected a list of names\nTry: views=("identity", "flip")',
        ),
        (
            lambda: augment.views_of("flip"),
            'views is the text \'flip\', expected a list of names\nTry: views=("identity", "flip")',
        ),
    ],
)
def test_refused(make: Callable[[], Any], text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make()
    assert str(caught.value) == text


def test_samples_must_be_images() -> None:
    options: Any = {"seed": 0, "shape": (4,), "outputs": 2, "dtype": "float32"}
    with pytest.raises(ShapeError) as caught:
        Augmenter([Flip()], backend.load("numpy"), **options)
    assert str(caught.value) == (
        "augment: samples have shape (4,), expected images (c, h, w)\nTry: augment=None"
    )
    Augmenter([], backend.load("numpy"), **options)
    with pytest.raises(ShapeError) as caught:
        augment.views_of(["flip"])[0](numpy.zeros((2, 4)))
    assert str(caught.value) == (
        "view 'flip': samples have shape (4,), expected images (c, h, w)\n"
        'Try: views=("identity",)'
    )


def test_numbers_of_numpy_become_plain() -> None:
    assert type(Crop(numpy.int64(2)).pad) is int  # type: ignore[arg-type]
    assert type(Noise(numpy.float64(0.5)).std) is float
    assert Crop(numpy.int64(2)) == Crop(2) == augment.make("crop", pad=2)  # type: ignore[arg-type]


def test_every_augmentation_has_its_name() -> None:
    kinds = [type(augment.make(name)) for name in augment.BY_NAME]
    assert [kind.__name__ for kind in kinds if kind.__name__ not in augment.__all__] == []
    assert len(kinds) == 22
    assert len(set(kinds)) == 21  # a vertical flip is a flip


class Own:
    """Changes signs, and what a test puts in place of a result."""

    def __init__(
        self,
        draws: Any = None,
        parameters: Callable[[Any], Any] = lambda p: p,
        apply: Callable[[Any], Any] = lambda y: y,
    ) -> None:
        self.draws = {"sign": 1} if draws is None else draws
        self.parameters_as, self.apply_as = parameters, apply

    def parameters(self, u: Any, shape: Any) -> Any:
        return self.parameters_as(numpy.sign(u - 0.5))

    def apply(self, x: Any, p: Any) -> Any:
        return self.apply_as(x * p[:, 0].reshape(-1, 1, 1, 1))


OWN: list[tuple[Any, type[Exception], str]] = [
    (Own(draws=1), ConfigError, "^Own: draws is 1, expected counts by argument\nTry: "),
    (Own(draws={}), ConfigError, "^Own: draws is a dict, expected counts by argument"),
    (Own(draws={"a": 1.5}), ConfigError, "^Own: draws is a dict, expected counts by argument"),
    (Own(parameters=lambda p: None), ShapeError, r"^Own: parameters returned None, .*\(8, k\)"),
    (Own(parameters=lambda p: p[:, 0]), ShapeError, r"^Own: parameters returned the shape \(8,\)"),
    (Own(parameters=lambda p: p[:3]), ShapeError, r"^Own: parameters returned the shape \(3, 1\)"),
    (Own(apply=lambda y: None), ShapeError, r"^Own: apply returned None, expected \(8, 1, 4, 4\)"),
    (
        Own(apply=lambda y: y[:, :, 1:]),
        ShapeError,
        r"^Own: apply returned the shape \(8, 1, 3, 4\)",
    ),
    (Own(apply=lambda y: y.astype("f8")), DTypeError, "^Own: apply returned float64, expected f"),
]


def fit_with(augmentation: Any) -> None:
    model = Model([Flatten(), Dense(2)], input_shape=(1, 4, 4))
    x = numpy.linspace(0.0, 1.0, 128, dtype="float32").reshape(8, 1, 4, 4)
    model.fit(x, numpy.arange(8) % 2, epochs=1, augment=[augmentation])


def test_an_augmentation_of_ones_own() -> None:
    fit_with(Own())


@pytest.mark.parametrize(("augmentation", "kind", "message"), OWN)
def test_a_wrong_result_of_ones_own_is_named(
    augmentation: Any, kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        fit_with(augmentation)
