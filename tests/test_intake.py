"""What a Model refuses, in words."""

import numpy
import pytest

import xpcnn
from tests.small_model import Parts, fresh, layers
from xpcnn import Model
from xpcnn.errors import (
    BackendError,
    ConfigError,
    DataError,
    DTypeError,
    LabelError,
    ShapeError,
    XpcnnError,
)
from xpcnn.layers import (
    Conv2D,
    Dense,
    ReLU,
    Sequential,
    Softmax,
)
from xpcnn.optimizers import Adam


def wrong(error_type: type[XpcnnError], text: str, call: object, *args: object) -> None:
    with pytest.raises(error_type) as error:
        call(*args)  # type: ignore[operator]
    assert str(error.value) == text


def test_errors_of_samples() -> None:
    model = fresh()
    images = numpy.zeros((4, 8, 8, 1), numpy.float32)
    wrong(
        ShapeError,
        "samples have shape (4, 8, 8, 1), the model expects (n, 1, 8, 8); they look "
        "channels-last\n"
        "Try: images.transpose(0, 3, 1, 2)",
        model.predict,
        images,
    )
    wrong(
        ShapeError,
        "samples have shape (4, 1, 8, 9), the model expects (n, 1, 8, 8)\n"
        "Try: images of that size, or a model made for these",
        model.predict,
        numpy.zeros((4, 1, 8, 9), numpy.float32),
    )
    wrong(
        ShapeError,
        "samples have shape (1, 8, 8), the model expects (n, 1, 8, 8); this is a single one\n"
        "Try: image[None]",
        model.predict,
        numpy.zeros((1, 8, 8), numpy.float32),
    )
    wrong(
        DTypeError,
        "samples have dtype int64, expected uint8, float32 or float64\n"
        "Try: samples.astype(numpy.float32)",
        model.predict,
        numpy.zeros((4, 1, 8, 8), numpy.int64),
    )
    wrong(
        BackendError,
        "samples are a builtins.list; this model takes NumPy arrays and those of its backend "
        "'numpy'\nTry: numpy.asarray(samples)",
        model.predict,
        [[1, 2]],
    )


def test_errors_of_labels() -> None:
    model = fresh()
    images = numpy.zeros((4, 1, 8, 8), numpy.float32)
    wrong(
        LabelError,
        "data set 'arrays': 1 of 4 labels lie outside 0..9, the first: labels[3] = 12\n"
        "Try: name every class that occurs, or leave out the images of the others",
        model.fit,
        (images, numpy.asarray([0, 1, 2, 12])),
    )
    data = xpcnn.data.Dataset.from_arrays(images, numpy.asarray([0, 1, 2, 12]))
    wrong(
        LabelError,
        "the network has 10 outputs for 13 classes\nTry: a last layer Dense(13)",
        model.fit,
        data,
    )
    wrong(
        LabelError,
        "the network has 10 outputs for 2 classes\nTry: a last layer Dense(2)",
        lambda: fresh(classes=("a", "b")),
    )
    wrong(
        LabelError,
        "data set 'arrays' has classes that the model does not know: 10, 11, 12; it knows "
        "0, 1, 2, 3, 4, 5, 6, 7, 8, 9\n"
        "Try: the data the model was trained for, or Dataset.from_arrays(..., "
        "classes=model.classes)",
        fresh(classes=[str(i) for i in range(10)]).evaluate,
        data,
    )
    with pytest.raises(DataError):
        model.fit((images, numpy.asarray([0, 1, 2])))


def test_errors_of_the_network() -> None:
    with pytest.raises(ShapeError) as error:
        Model([Conv2D(8, 3)], input_shape=(1, 8, 8))
    assert str(error.value) == (
        "the network makes (8, 6, 6) of a sample, expected a row of scores\n"
        "Try: a Flatten() and a Dense(classes) layer at its end"
    )
    with pytest.raises(ShapeError) as error:
        Model(Sequential([Conv2D(8, 3), ReLU(), Dense(10)]), input_shape=(1, 8, 8))
    assert str(error.value) == (
        "Dense: samples have shape (8, 6, 6), expected (features,)\n"
        "at layers.2 (Dense): (1, 8, 8) -> Conv2D (8, 6, 6) -> ReLU (8, 6, 6)\n"
        "Try: a Flatten() layer before the Dense layer"
    )
    wrong(
        ConfigError,
        "dtype is 'float16', expected 'float32' or 'float64'",
        lambda: fresh(dtype="float16"),
    )
    wrong(
        ConfigError,
        "epochs is 0, expected a whole number of at least 1\nTry: epochs=10",
        lambda: fresh().fit((numpy.zeros((2, 1, 8, 8), "f4"), numpy.asarray([0, 1])), epochs=0),
    )


def test_arguments_of_the_wrong_kind(
    parts: Parts,
) -> None:
    train, _ = parts
    wrong(
        ConfigError,
        "optimizer is 'adam', expected an object\n"
        "Try: optimizers.make('...'), or a class of xpcnn.optimizers with its options",
        lambda: fresh().fit(train, optimizer="adam"),
    )
    with pytest.raises(ConfigError, match=r"^optimizer is <class .*Adam'>, expected an object\n"):
        fresh().fit(train, optimizer=Adam)
    wrong(
        ConfigError,
        "loss is 'mse', expected an object\nTry: loss=losses.MSE()",
        lambda: fresh(loss="mse"),
    )
    wrong(
        DataError,
        "data is a numpy.ndarray, expected a Dataset or (samples, labels)\n"
        "Try: model.predict(samples), where there are no labels",
        fresh().evaluate,
        train.images,
    )
    wrong(
        ConfigError,
        "the network ends with Softmax, which the loss SoftmaxCrossEntropy contains\n"
        "Try: leave the Softmax layer out; predict_proba applies it",
        lambda: Model([*layers(), Softmax()], input_shape=(1, 8, 8)),
    )
    wrong(
        ShapeError,
        "samples have shape (4, 8, 8), the model expects (n, 1, 8, 8); they are grey\n"
        "Try: images[:, None]",
        fresh().predict,
        numpy.zeros((4, 8, 8), numpy.uint8),
    )
