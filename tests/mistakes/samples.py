"""Mistakes with data that a model is given: samples and labels. On every library."""

import numpy

from tests.mistakes.mistake import Given, Mistake
from xpcnn import Model
from xpcnn.data import Dataset
from xpcnn.errors import BackendError, DataError, DTypeError, LabelError, ShapeError
from xpcnn.layers import Conv2D, Dense, Flatten
from xpcnn.types import Array

SAMPLES = [
    Mistake(
        "digits for one output with a loss of numbers",
        lambda b: Model([Flatten(), Dense(1)], input_shape=(1, 8, 8), loss="mse").fit(
            numpy.zeros((10, 1, 8, 8), "f4"), numpy.arange(10)
        ),
        LabelError,
        "labels go up to 9, and one output with the loss MSE decides between the classes 0 and 1\n"
        "Try: Model(..., task='regression') to estimate numbers, Dense(classes) at the end for "
        "more classes",
    ),
    Mistake(
        "digits for one output with a loss of classes",
        lambda b: Model([Flatten(), Dense(1)], input_shape=(1, 8, 8), loss="bce").fit(
            numpy.zeros((10, 1, 8, 8), "f4"), numpy.arange(10)
        ),
        LabelError,
        "labels go up to 9, and one output with the loss BCEWithLogits decides between the classes "
        "0 and 1\nTry: Dense(classes) at the end for more classes",
    ),
    Mistake(
        "samples of other channels",
        lambda b: b.model.predict(b.zeros(4, 3, 8, 8)),
        ShapeError,
        "samples have shape (4, 3, 8, 8), the model expects (n, 1, 8, 8)\n"
        "Try: images of that size, or a model made for these",
    ),
    Mistake(
        "samples of another size",
        lambda b: b.fit([0, 1, 2, 0], b.zeros(4, 1, 8, 9)),
        ShapeError,
        "samples have shape (4, 1, 8, 9), the model expects (n, 1, 8, 8)\n"
        "Try: images of that size, or a model made for these",
    ),
    Mistake(
        "channels-last samples",
        lambda b: b.fit([0, 1, 2, 0], b.zeros(4, 8, 8, 1)),
        ShapeError,
        "samples have shape (4, 8, 8, 1), the model expects (n, 1, 8, 8); they look channels-last\n"
        "Try: images.transpose(0, 3, 1, 2)",
    ),
    Mistake(
        "a model made for channels-last samples",
        lambda b: Model(
            [Conv2D(4, 1), Flatten(), Dense(3)], input_shape=(8, 8, 1), backend=b.lib.backend
        ).fit(b.zeros(4, 1, 8, 8), [0, 1, 2, 0]),
        ShapeError,
        "samples have shape (4, 1, 8, 8), the model expects (n, 8, 8, 1); its input_shape looks "
        "channels-last\nTry: Model(..., input_shape=(1, 8, 8))",
    ),
    Mistake(
        "a single sample",
        lambda b: b.model.predict(b.zeros(1, 8, 8)),
        ShapeError,
        "samples have shape (1, 8, 8), the model expects (n, 1, 8, 8); this is a single one\n"
        "Try: image[None]",
    ),
    Mistake(
        "a single grey picture",
        lambda b: b.model.predict(b.zeros(8, 8)),
        ShapeError,
        "samples have shape (8, 8), the model expects (n, 1, 8, 8); this is a single one\n"
        "Try: image[None, None]",
    ),
    Mistake(
        "a single picture with its channels last",
        lambda b: b.model.predict(b.zeros(8, 8, 1)),
        ShapeError,
        "samples have shape (8, 8, 1), the model expects (n, 1, 8, 8); this is a single one\n"
        "Try: image.transpose(2, 0, 1)[None]",
    ),
    Mistake(
        "grey samples without the axis of channels",
        lambda b: b.model.predict_proba(b.zeros(4, 8, 8)),
        ShapeError,
        "samples have shape (4, 8, 8), the model expects (n, 1, 8, 8); they are grey\n"
        "Try: images[:, None]",
    ),
    Mistake(
        "whole numbers as samples",
        lambda b: b.model.predict(b.zeros(4, 1, 8, 8, dtype="int64")),
        DTypeError,
        "samples have dtype int64, expected uint8, float32 or float64\n"
        "Try: samples.astype(numpy.float32)",
    ),
    Mistake(
        "a list of samples",
        lambda b: b.model.predict([[1, 2]]),
        BackendError,
        "samples are a list; this model takes NumPy arrays and those of its backend "
        "'{backend}'\nTry: numpy.asarray(samples)",
    ),
    Mistake(
        "the path of a picture as samples",
        lambda b: b.model.predict("seven.png"),
        BackendError,
        "samples are a str; this model takes NumPy arrays and those of its backend "
        "'{backend}'\nTry: read_picture(path, model.reading).sample[None], of xpcnn.data.pictures",
    ),
    Mistake(
        "no labels at all",
        lambda b: b.model.evaluate(b.zeros(4, 1, 8, 8)),
        DataError,
        "data is a {own}, expected a Dataset or (samples, labels)\n"
        "Try: model.predict(samples), where there are no labels",
    ),
    Mistake(
        "empty data",
        lambda b: b.fit([], b.zeros(0, 1, 8, 8)),
        DataError,
        "data set 'arrays' is empty: images have the shape (0, 1, 8, 8)\n"
        "Try: check the path, or the filter that chose the images",
    ),
    Mistake(
        "NaN in data",
        lambda b: b.fit([0, 1, 2, 0], nan_in(b, 1, 3)),
        DataError,
        "data: 2 of 4 samples hold NaN or infinity, the first: samples 1, 3\n"
        "Try: leave these samples out, or fix their source",
    ),
    Mistake(
        "infinity in samples to predict",
        lambda b: b.model.predict(b.lib.asarray(numpy.full((4, 1, 8, 8), 1e39))),
        DataError,
        "data: 4 of 4 samples hold NaN or infinity, the first: samples 0, 1, 2, 3\n"
        "Try: leave these samples out, or fix their source",
    ),
    Mistake(
        "NaN in samples to evaluate on",
        lambda b: b.model.evaluate((nan_in(b, 2), [0, 1, 2, 0])),
        DataError,
        "data: 1 of 4 samples hold NaN or infinity, the first: samples 2\n"
        "Try: leave these samples out, or fix their source",
    ),
]

LABELS = [
    Mistake(
        "one-hot labels",
        lambda b: b.fit(b.zeros(4, 3)),
        LabelError,
        "data set 'arrays': labels look one-hot: expected one class index per image, shape (4,), "
        "got shape (4, 3)\nTry: labels.argmax(axis=1)",
    ),
    Mistake(
        "labels as a column",
        lambda b: b.fit(b.zeros(4, 1, dtype="int64")),
        LabelError,
        "data set 'arrays': labels have the wrong rank: expected one class index per image, "
        "shape (4,), got shape (4, 1)\nTry: labels.reshape(-1)",
    ),
    Mistake(
        "labels as strings",
        lambda b: b.fit(["cat", "dog", "cat", "eel"]),
        LabelError,
        "data set 'arrays': labels must be integers, got strings\n"
        "Try: names, labels = numpy.unique(labels, return_inverse=True), with classes=tuple(names)",
    ),
    Mistake(
        "labels as floats",
        lambda b: b.fit(b.zeros(4)),
        LabelError,
        "data set 'arrays': labels must be integers, got floats\n"
        "Try: labels.astype('int64') for classes, Model(task='regression') for numbers",
    ),
    Mistake(
        "numbers to estimate as labels",
        lambda b: b.fit([0.5, 1.0, 7.25, 2.0]),
        LabelError,
        "data set 'arrays': labels must be integers, got numbers with fractions\n"
        "Try: task='regression' of the Model, if they are to be estimated",
    ),
    Mistake(
        "labels out of range",
        lambda b: b.fit(b.lib.asarray([0, 7, 2, 12])),
        LabelError,
        "data set 'arrays': 2 of 4 labels lie outside 0..2, the first: labels[1] = 7, "
        "labels[3] = 12\n"
        "Try: name every class that occurs, or leave out the images of the others",
    ),
    Mistake(
        "labels counted from 1",
        lambda b: b.fit(b.lib.asarray([1, 2, 3, 1])),
        LabelError,
        "data set 'arrays': 1 of 4 labels lie outside 0..2, the first: labels[2] = 3\n"
        "Try: labels - 1: they seem to be counted from 1",
    ),
    Mistake(
        "negative labels",
        lambda b: b.model.evaluate((b.zeros(4, 1, 8, 8), b.lib.asarray([0, -1, 2, -1]))),
        LabelError,
        "data set 'arrays': 2 of 4 labels lie outside 0..2, the first: labels[1] = -1, "
        "labels[3] = -1\n"
        "Try: number the classes from 0, and leave out images that have none",
    ),
    Mistake(
        "labels of another length",
        lambda b: b.fit(b.zeros(3, dtype="int64")),
        LabelError,
        "data set 'arrays': 4 images but 3 labels\n"
        "Try: give one label for each image, in the same order",
    ),
    Mistake(
        "more classes than outputs",
        lambda b: b.model.fit(five_classes()),
        LabelError,
        "the network has 3 outputs for 5 classes\nTry: a last layer Dense(5)",
    ),
    Mistake(
        "fewer classes than outputs",
        lambda b: Model([Flatten(), Dense(3)], input_shape=(2,), classes=("a", "b")),
        LabelError,
        "the network has 3 outputs for 2 classes\nTry: a last layer Dense(2)",
    ),
    Mistake(
        "one output for the loss of many, with arrays",
        lambda b: one_output().fit((numpy.zeros((4, 2), numpy.float32), [0, 1, 1, 0])),
        LabelError,
        "the network has 1 output for 2 classes\nTry: a last layer Dense(2), or for one output "
        "Model(..., loss=losses.BCEWithLogits())",
    ),
    Mistake(
        "data of other classes than the model's",
        lambda b: named(b).evaluate(five_classes()),
        LabelError,
        "data set 'arrays' has classes that the model does not know: 3, 4; it knows 0, 1, 2\n"
        "Try: give these classes the names that the model has for them, or leave them out; "
        "to learn new classes, train a new last layer with xpcnn train --init",
    ),
]


def nan_in(given: Given, *rows: int) -> Array:
    images = numpy.zeros((4, 1, 8, 8), numpy.float32)
    images[list(rows), 0, 4, 4] = numpy.nan
    return given.lib.asarray(images)


def one_output() -> Model:
    return Model([Dense(1)], input_shape=(2,))


def five_classes() -> Dataset:
    return Dataset.from_arrays(numpy.zeros((5, 1, 8, 8), numpy.uint8), numpy.arange(5))


def named(given: Given) -> Model:
    given.model.classes = ("0", "1", "2")
    return given.model
