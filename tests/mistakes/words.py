"""Mistakes in names and numbers: what to train with, on what, and where."""

import math
from collections.abc import Iterable

import numpy

import xpcnn
from tests.mistakes.mistake import Mistake
from xpcnn import Model, backend, data, losses, models, optimizers, schedules
from xpcnn.errors import BackendError, ConfigError
from xpcnn.layers import Conv2D, Dense, Dropout, Flatten, ReLU, Sequential, Sigmoid, Softmax


def listed(names: Iterable[str]) -> str:
    """Return the valid names as an error lists them."""
    return f"(valid: {', '.join(sorted(names))})"


NAMES = [
    Mistake(
        "an unknown preset",
        lambda _: models.preset("tinny"),
        ConfigError,
        f"unknown model 'tinny'\nTry: 'tiny' {listed(models.names())}, or the path of a .toml file",
    ),
    Mistake(
        "an unknown optimizer",
        lambda _: optimizers.make("adamm"),
        ConfigError,
        f"unknown optimizer 'adamm'\nTry: 'adam' {listed(optimizers.BY_NAME)}",
    ),
    Mistake(
        "an unknown option of an optimizer",
        lambda _: optimizers.make("rmsprop", alpah=0.9),
        ConfigError,
        "optimizer 'rmsprop' has no option 'alpah'\n"
        f"Try: 'alpha' {listed(vars(optimizers.RMSprop()))}",
    ),
    Mistake(
        "an unknown schedule",
        lambda _: schedules.make("cosin"),
        ConfigError,
        f"unknown schedule 'cosin'\nTry: 'cosine' {listed(schedules.BY_NAME)}",
    ),
    Mistake(
        "an unknown backend",
        lambda _: Model([Dense(2)], input_shape=(3,), backend="cuppy"),
        BackendError,
        f"unknown backend 'cuppy'\nTry: 'cupy' {listed(backend.NAMES)}",
    ),
    Mistake(
        "a device that the backend does not have",
        lambda b: b.model.to("numpy", device="cuda:0"),
        BackendError,
        "backend 'numpy' cannot be used: NumPy has no device 'cuda:0'\n"
        "Try: device 'cpu'; backend 'cupy', or 'torch' on device 'cuda', for a GPU",
    ),
    Mistake(
        "an unknown data set",
        lambda _: data.load("minst"),
        ConfigError,
        f"unknown data set 'minst'\nTry: 'mnist' {listed(data.NAMES)}; "
        "or the path of a file or folder that is there",
    ),
    Mistake(
        "an unknown class of a data set",
        lambda _: data.load("digits", classes=["3", "ten"]),
        ConfigError,
        "data set 'digits' has no class 'ten'\nTry: one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9",
    ),
    Mistake(
        "an unknown view",
        lambda b: b.model.predict_proba(b.zeros(1, 1, 8, 8), views=["flop"]),
        ConfigError,
        "unknown view 'flop'\nTry: 'flip' (valid: down-right, flip, flip-down-right, flip-up-left, "
        "identity, up-left)",
    ),
    Mistake(
        "an unknown name of an optimizer, in fit",
        lambda b: b.model.fit(digits(), optimizer="adamm"),
        ConfigError,
        f"unknown optimizer 'adamm'\nTry: 'adam' {listed(optimizers.BY_NAME)}",
    ),
    Mistake(
        "the class of an optimizer for the optimizer",
        lambda b: b.model.fit(digits(), optimizer=optimizers.SGD),  # on purpose
        ConfigError,
        "optimizer is <class 'xpcnn.optimizers.sgd.SGD'>, expected a name or an object\n"
        "Try: a name ('sgd', 'momentum', 'nesterov', 'adagrad', 'rmsprop', 'adam', 'adamw', "
        "'nadam', 'radam', 'lion', 'lars', 'lamb', 'muon'), or an object of xpcnn.optimizers with "
        "its options",
    ),
    Mistake(
        "the class of a loss for the loss",
        lambda _: Model([Dense(2)], input_shape=(3,), loss=losses.MSE),  # type: ignore[arg-type]  # on purpose
        ConfigError,
        "loss is <class 'xpcnn.losses.squares.MSE'>, expected a name or an object\n"
        "Try: a name ('cross-entropy', 'bce', 'focal', 'mse', 'l1', 'huber'), or an object such as "
        "losses.MSE()",
    ),
    Mistake(
        "the name of an initializer for the initializer",
        lambda _: Model([Dense(2, weight_init="he")], input_shape=(3,)),  # type: ignore[arg-type]  # on purpose
        ConfigError,
        "layers.0.weight: 'he' is not an initializer\n"
        "at layers.0 (Dense): (3,)\n"
        "Try: an object such as xpcnn.initializers.HeNormal()",
    ),
    Mistake(
        "one weight for all classes",
        lambda _: losses.SoftmaxCrossEntropy(class_weights=3),  # type: ignore[arg-type]  # on purpose
        ConfigError,
        "SoftmaxCrossEntropy: class_weights is 3, expected a list of numbers\n"
        "Try: SoftmaxCrossEntropy(class_weights=(1.0, 2.0)), one for each output, or "
        "class_weights='balanced'",
    ),
    Mistake(
        "the class of a layer for the layer",
        lambda _: Sequential([Flatten, Dense(10)]),  # type: ignore[list-item]  # on purpose
        ConfigError,
        "Sequential: the class Flatten is not a layer, an object with init and forward\n"
        "Try: an object, such as ReLU() or Dense(10)",
    ),
]

NUMBERS = [
    Mistake(
        "a negative learning rate",
        lambda b: b.model.fit(digits(), optimizer=optimizers.SGD(-0.1)),
        ConfigError,
        "SGD: lr must be a finite number >= 0, got -0.1\nTry: SGD(lr=0.001)",
    ),
    Mistake(
        "a learning rate that is NaN",
        lambda _: optimizers.Adam(lr=math.nan),
        ConfigError,
        "Adam: lr must be a finite number >= 0, got nan\nTry: Adam(lr=0.001)",
    ),
    Mistake(
        "momentum of 1",
        lambda _: optimizers.SGD(momentum=1.0),
        ConfigError,
        "SGD: momentum must be a number >= 0 and < 1, got 1\nTry: SGD(momentum=0.0)",
    ),
    Mistake(
        "too much label smoothing",
        lambda _: losses.SoftmaxCrossEntropy(label_smoothing=1.0),
        ConfigError,
        "SoftmaxCrossEntropy: label_smoothing must be a number >= 0 and < 1, got 1\n"
        "Try: SoftmaxCrossEntropy(label_smoothing=0.0)",
    ),
    Mistake(
        "dropout of everything",
        lambda _: Dropout(1.0),
        ConfigError,
        "Dropout: rate must be a number >= 0 and < 1, got 1\nTry: Dropout(rate=0.5)",
    ),
    Mistake(
        "no epochs",
        lambda b: b.model.fit(digits(), epochs=0),
        ConfigError,
        "epochs is 0, expected a whole number of at least 1\nTry: epochs=10",
    ),
    Mistake(
        "batches of no samples",
        lambda b: b.model.predict(b.zeros(1, 1, 8, 8), batch_size=0),
        ConfigError,
        "batch_size is 0, expected a whole number of at least 1\nTry: batch_size=10",
    ),
    Mistake(
        "all of the data for validation",
        lambda b: b.model.fit(digits(), validation=1.0),
        ConfigError,
        "the validation fraction must be in [0, 1), got 1.0\n"
        "Try: 0.1 for a tenth of the images, 0 for none",
    ),
    Mistake(
        "a convolution of no filters",
        lambda _: Conv2D(0, 3),
        ConfigError,
        "Conv2D: filters is 0, expected a whole number of at least 1\nTry: filters=1, or more",
    ),
    Mistake(
        "padding by a name of ONNX",
        lambda _: Conv2D(8, 3, stride=2, padding="SAME_UPPER"),  # type: ignore[arg-type]  # on purpose
        ConfigError,
        "Conv2D: padding 'SAME_UPPER' is unknown\nTry: a number, a pair, 'same' or 'valid'",
    ),
    Mistake(
        "bias for each position",
        lambda _: Conv2D(8, 3, bias="untied"),  # type: ignore[arg-type]  # on purpose
        ConfigError,
        "Conv2D: bias must be True or False, got str\nTry: Conv2D(bias=True)",
    ),
    Mistake(
        "a class weight of 0",
        lambda _: losses.SoftmaxCrossEntropy(class_weights=(1.0, 0.0)),
        ConfigError,
        "SoftmaxCrossEntropy: class_weights must be a finite number > 0, got 0\n"
        "Try: SoftmaxCrossEntropy(class_weights=(1.0, 2.0)), one for each output, or "
        "class_weights='balanced'",
    ),
    Mistake(
        "softmax twice",
        lambda _: Model([ReLU(), Dense(2), Softmax()], input_shape=(3,)),
        ConfigError,
        "the network ends with Softmax, which the loss SoftmaxCrossEntropy contains\n"
        "Try: leave the Softmax layer out; predict_proba applies it",
    ),
    Mistake(
        "sigmoid twice, in a part of the network",
        lambda _: Model(
            Sequential([Dense(2), Sequential([Sigmoid()])]), input_shape=(3,), loss="bce"
        ),
        ConfigError,
        "the network ends with Sigmoid, which the loss BCEWithLogits contains\n"
        "Try: leave the Sigmoid layer out; predict_proba applies it",
    ),
]


def digits() -> xpcnn.data.Dataset:
    return xpcnn.data.Dataset.from_arrays(numpy.zeros((6, 1, 8, 8), numpy.uint8), [0, 1, 2] * 2)
