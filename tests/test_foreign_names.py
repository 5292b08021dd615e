"""Names from other libraries: each works where its meaning is certain, else says what to write."""

import re
from collections.abc import Callable
from typing import Any

import numpy
import pytest

from xpcnn import Model, data, layers, losses, optimizers, schedules
from xpcnn.cli import command_group
from xpcnn.cli.commands.train import command as train
from xpcnn.data import augment
from xpcnn.data.augment import Crop, Flip, Mixup
from xpcnn.errors import ArgumentError, ConfigError, DataError, XpcnnError
from xpcnn.foreign_names import ATTRIBUTES, COMMANDS, FLAGS, INSTEAD, SAME
from xpcnn.layers import Dense, Flatten, ReLU
from xpcnn.losses import MSE
from xpcnn.optimizers import Adam
from xpcnn.training import History, TrainingOptions
from xpcnn.training.callbacks import METHODS
from xpcnn.validation_metrics import BY_NAME

X = numpy.random.default_rng(0).integers(0, 256, (6, 1, 4, 4), numpy.uint8)
Y = numpy.asarray([0, 1] * 3)
# as someone without a type checker calls them
LAYERS: Any = layers
OPTIMIZERS: Any = optimizers
LOSSES: Any = losses
MODEL: Any = Model


def model(**options: Any) -> Model:
    return Model([Flatten(), Dense(2)], input_shape=(1, 4, 4), **options)


def test_what_is_certain_works() -> None:
    assert model(loss="MSE").loss == MSE()
    first, second, third = model(), model(), model()
    history = first.fit(X, Y, epochs=2, optimizer="Adam", schedule="Cosine")
    options: dict[str, Any] = {"optimizer": Adam(), "schedule": schedules.Cosine()}
    assert second.fit((X, Y), epochs=2, **options)["loss"] == history["loss"]
    assert first.evaluate(X, Y) == second.evaluate((X, Y))
    assert model(backend="NumPy").backend.name == "numpy"
    assert third.fit(X, labels=Y, epochs=1, validation=(X, Y))["val_loss"] != [None]
    augmented: dict[str, Any] = {"augment": ["flip", "Mixup", Crop(4)]}
    assert TrainingOptions(**augmented).augment == (Flip(), Mixup(), Crop(4))
    assert TrainingOptions(optimizer="adamw") == TrainingOptions(optimizer=optimizers.AdamW())  # type: ignore[arg-type]


CALLS: list[tuple[Callable[[], object], str]] = [
    (
        lambda: LAYERS.Conv2D(1, 16, 3),
        "Conv2D: 3 arguments without a name, expected at most 2\n"
        "Try: Conv2D(16, 3): the number of input channels follows from the layer before",
    ),
    (
        lambda: LAYERS.Dense(784, 10),
        "Dense: 2 arguments without a name, expected at most 1\n"
        "Try: Dense(10): the number of inputs follows from the layer before",
    ),
    (
        lambda: LAYERS.BatchNorm(32),
        "BatchNorm: 1 argument without a name, expected none\n"
        "Try: BatchNorm(): the number of channels follows from the layer before",
    ),
    (
        lambda: LAYERS.MaxPool2D(2, 2),
        "MaxPool2D: 2 arguments without a name, expected at most 1\nTry: MaxPool2D(2, stride=2)",
    ),
    (
        lambda: LAYERS.Sequential(ReLU(), Dense(3)),
        "Sequential: 2 arguments without a name, expected at most 1\n"
        "Try: Sequential([...]), one list of layers",
    ),
    (
        lambda: LAYERS.Conv2D(16, kernel_size=3),
        "Conv2D has no argument 'kernel_size'\nTry: Conv2D(size=3)",
    ),
    (
        lambda: LAYERS.Conv2D(in_channels=1, filters=16, size=3),
        "Conv2D has no argument 'in_channels'\nTry: leave it out: it follows from the layer before",
    ),
    (
        lambda: LAYERS.Dropout(p=0.5),
        "Dropout has no argument 'p'\nTry: Dropout(rate=0.5)",
    ),
    (
        lambda: LAYERS.ReLU(inplace=True),
        "ReLU has no argument 'inplace'\nTry: leave it out: no layer writes into its input",
    ),
    (
        lambda: LAYERS.Flatten(1),
        "Flatten: 1 argument without a name, expected none\nTry: Flatten()",
    ),
    (lambda: LAYERS.Conv2D(16), "Conv2D: size is missing\nTry: Conv2D(size=...)"),
    (
        lambda: LAYERS.Conv2D(16, 3, filters=8),
        "Conv2D: filters is given twice\nTry: filters=... once",
    ),
    (
        lambda: OPTIMIZERS.Adam(learning_rate=0.1),
        "Adam has no argument 'learning_rate'\nTry: Adam(lr=0.1)",
    ),
    (
        lambda: LOSSES.BCEWithLogits(pos_weight=[1, 2]),
        "BCEWithLogits has no argument 'pos_weight'\nTry: BCEWithLogits(positive_weights=...)",
    ),
    (
        lambda: MODEL([Flatten()], (1, 4, 4)),
        "Model: 2 arguments without a name, expected at most 1\n"
        "Try: Model(layers, input_shape=(channels, height, width))",
    ),
    (
        lambda: model(optimizer="adam"),
        "Model has no argument 'optimizer'\n"
        "Try: model.fit(..., optimizer='adam'): training options are given to fit",
    ),
    (
        lambda: MODEL([Flatten(), Dense(2)], input_shape=(1, 4, 4)).predict(X, batchsize=3),
        "predict has no argument 'batchsize'\n"
        "Try: 'batch_size' (valid: batch_size, samples, views)",
    ),
    (
        lambda: model()(X),
        "a Model is not called as a function\n"
        "Try: model.predict_scores(samples), or model.predict_proba(samples)",
    ),
]


@pytest.mark.parametrize(("call", "text"), CALLS)
def test_a_call_of_another_library(call: Callable[[], object], text: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        call()
    assert str(caught.value) == text
    assert isinstance(caught.value, TypeError)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"lr": 0.1}, "there is no training option 'lr'\nTry: optimizer=SGD(lr=0.1)"),
        (
            {"lr": 0.1, "optimizer": "adam"},
            "there is no training option 'lr'\nTry: optimizer=Adam(lr=0.1)",
        ),
        (
            {"validation_data": (X, Y)},
            "there is no training option 'validation_data'\nTry: fit(validation=...)",
        ),
        ({"nb_epoch": 3}, "there is no training option 'nb_epoch'\nTry: fit(epochs=3)"),
        ({"verbose": 1}, "there is no training option 'verbose'\nTry: fit(progress=...)"),
        ({"shuffle": True}, "there is no training option 'shuffle'\nTry: leave it out: every"),
        (
            {"class_weight": {0: 2}},
            "there is no training option 'class_weight'\nTry: Model(..., "
            "loss=losses.SoftmaxCrossEntropy(class_weights='balanced')), or a weight ",
        ),
        ({"loss": "mse"}, "there is no training option 'loss'\nTry: Model(..., loss=losses.MSE())"),
        ({"optimizer": 3}, "optimizer is 3, expected a name or an object\nTry: a name ('sgd', "),
        ({"schedule": "linear"}, "unknown schedule 'linear'\nTry: one of constant, cosine"),
        (
            {"optimizer": "Adam(lr=0.1)"},
            "unknown optimizer 'Adam(lr=0.1)'\nTry: 'adam', with lr=0.1 in a file, or by --set; "
            "in Python Adam(lr=0.1) without quotes",
        ),
        (
            {"augment": ["Crop(4)"]},
            "unknown augmentation 'Crop(4)'\nTry: 'crop', with its options in a file, or by --set",
        ),
        (
            {"augment": ["rotate=20"]},
            "unknown augmentation 'rotate=20'\nTry: 'rotate', with its options in a file, or by",
        ),
        ({"augment": ["RandomCrop"]}, "unknown augmentation 'RandomCrop'\nTry: 'crop' (valid: "),
        ({"schedule": "StepLR"}, "unknown schedule 'StepLR'\nTry: 'step' (valid: constant, "),
        ({"freeze": ["layers.1"]}, "freeze: 'layers.1' fits no parameter\nTry: 'layers.1.*', for"),
        ({"metrics": ["ROC_AUC"]}, "unknown metric 'ROC_AUC'\nTry: 'auc' (valid: auc, "),
        (
            {"metrics": "accuracy"},
            "unknown metric 'accuracy'\nTry: leave it out: every validation has it",
        ),
        ({"metrics": ["recall"]}, "unknown metric 'recall'\nTry: 'f1', which joins both; by cl"),
    ],
)
def test_training_options_of_another_library(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        model().fit(X, Y, **options)
    assert str(caught.value).startswith(text)


OWNERS: dict[str, Callable[[], object]] = {
    "Model": model,
    "History": History,
    "Dataset": lambda: data.Dataset.from_arrays(X, Y),
}


@pytest.mark.parametrize(
    ("owner", "name"),
    [(owner, name) for owner in OWNERS for name in ATTRIBUTES[owner]],
)
def test_attributes_that_objects_have_elsewhere(owner: str, name: str) -> None:
    found = OWNERS[owner]()
    assert not hasattr(found, name)
    with pytest.raises(XpcnnError) as caught:
        getattr(found, name)
    assert isinstance(caught.value, AttributeError)
    assert str(caught.value) == f"a {owner} has no {name!r}\nTry: {ATTRIBUTES[owner][name]}"


def test_a_misspelt_attribute() -> None:
    with pytest.raises(AttributeError, match=r"a Model has no 'evalute'\nTry: 'evaluate' \(valid:"):
        model().evalute(X)  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match=r"\nTry: xpcnn\.export_onnx\(model, 'x\.onnx'\)$"):
        model().to_onnx("x.onnx")  # type: ignore[attr-defined]


def test_labels_twice() -> None:
    with pytest.raises(DataError, match=r"^labels are given with \(samples, labels\), which has"):
        model().fit((X, Y), Y)


@pytest.mark.parametrize(
    ("name", "ours"),
    [("sparse_categorical_crossentropy", "cross-entropy"), ("MSELoss", "mse"), ("BCELoss", "bce")],
)
def test_names_of_losses_elsewhere(name: str, ours: str) -> None:
    with pytest.raises(ConfigError, match=rf"^unknown loss '{name}'\nTry: '{ours}' \(valid: "):
        model(loss=name)


def test_an_error_further_inside_stays_as_it_is() -> None:
    class Broken(list):  # type: ignore[type-arg]
        def __len__(self) -> int:
            raise TypeError("inside")

    with pytest.raises(TypeError, match="inside") as caught:
        layers.Sequential(Broken())
    assert not isinstance(caught.value, XpcnnError)


def test_every_name_in_the_advice_exists() -> None:
    """Names of this package in the tables are right."""
    valid = {
        name
        for kind in (*vars(layers).values(), *optimizers.BY_NAME.values(), *vars(losses).values())
        if hasattr(kind, "__dataclass_fields__")
        for name in kind.__dataclass_fields__
    }
    valid |= {*TrainingOptions.__dataclass_fields__, *losses.BY_NAME, "classes"}
    valid |= {"validation", "seed", "random_state", "progress", *METHODS, *BY_NAME}
    valid |= {*schedules.BY_NAME, *augment.BY_NAME}
    assert {ours for names in SAME.values() for ours in names} <= valid
    flags = {flag for param in train.params for flag in param.opts}
    written = [text for text in FLAGS.values() if text.startswith("--")]
    assert {text.partition(" ")[0] for text in written} <= flags
    variables = {text.partition("=")[0] for text in FLAGS.values() if text.startswith("XPCNN")}
    assert variables <= {*command_group.OTHER_VARIABLES}
    assert {*COMMANDS.values()} <= {*command_group.COMMANDS, "--help", "--version"}
    assert not {*COMMANDS} & {*command_group.COMMANDS}
    advice = [*ATTRIBUTES["Model"].values(), *INSTEAD.values()]
    called = {name for text in advice for name in re.findall(r"\bmodel\.(\w+)\(", text)}
    assert called <= set(dir(Model))


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        ({"dtype": "fp16"}, 'dtype="float16"'),
        ({"dtype": numpy.float64}, 'dtype="float64"'),
        ({"dtype": "int8"}, 'dtype="float32"'),
        ({"input_shape": (28, 28)}, "input_shape=(1, 28, 28), if grey"),
        ({"input_shape": 4}, "input_shape=(4,)"),
        ({"input_shape": "4"}, "input_shape=train.shape"),
    ],
)
def test_dtypes_and_shapes_as_elsewhere(options: dict[str, Any], advice: str) -> None:
    with pytest.raises(XpcnnError) as caught:
        Model([Flatten(), Dense(2)], **{"input_shape": (1, 4, 4), **options})
    assert str(caught.value).partition("\nTry: ")[2] == advice
