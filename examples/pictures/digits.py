"""Draw the picture of the README: curves of the default training, and predictions on test digits.

Needs `pip install 'xpcnn[report]'`. Run it: python examples/pictures/digits.py [FILE]
"""

import sys
from pathlib import Path

import numpy
from matplotlib import rc_context

import xpcnn
from xpcnn.data import Dataset
from xpcnn.figures import Canvas
from xpcnn.figures.canvas import BLUE, GREY, ORANGE, RED, blank, style
from xpcnn.training import History


def train() -> tuple[xpcnn.Model, History, Dataset]:
    """Train as `xpcnn train` does without flags; return the test part too."""
    data, test = xpcnn.data.load("digits")
    preset = xpcnn.models.preset("digits").for_data(data.shape, len(data.classes))
    model = xpcnn.Model(preset.layers, input_shape=data.shape, seed=0)
    return model, model.fit(data, preset.training, validation=0.1), test


def picture(model: xpcnn.Model, history: History, test: Dataset) -> Canvas:
    """Draw loss and accuracy by epoch; below, a test digit of each class and one predicted wrongly.

    Above each digit stands the predicted class; a wrong one is red, and the true class follows.
    """
    predicted = model.predict(test.images)
    rows = [int(numpy.argmax(test.labels == label)) for label in range(len(test.classes))]
    rows += numpy.flatnonzero(predicted != test.labels)[:1].tolist()

    figure = blank(9, 4)
    curves, digits = figure.subfigures(2, 1, squeeze=False, height_ratios=(2.9, 1))[:, 0]
    loss, accuracy = curves.subplots(1, 2, subplot_kw={"xlabel": "epoch"})
    for axes, name in ((loss, "loss"), (accuracy, "accuracy")):
        axes.plot(history["epoch"], history[name], color=BLUE, label="training")
        axes.plot(history["epoch"], history[f"val_{name}"], color=ORANGE, label="validation")
        axes.set_title(name)
    loss.set_yscale("log")
    accuracy.legend()

    for axes, row in zip(digits.subplots(1, len(rows)), rows, strict=True):
        found, right = test.classes[predicted[row]], test.classes[test.labels[row]]
        is_right = found == right
        axes.set_title(found if is_right else f"{found} ({right})", color=GREY if is_right else RED)
        axes.imshow(test.images[row, 0], cmap="gray")
        axes.set_axis_off()
    return figure


def draw(model: xpcnn.Model, history: History, test: Dataset, file: Path) -> None:
    """Write the picture as SVG, on a transparent ground."""
    with style(), rc_context({"font.size": 17, "axes.grid": False}):  # legible on a phone
        picture(model, history, test).savefig(file, format="svg", metadata={"Date": None})


if __name__ == "__main__":
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_suffix(".svg")
    draw(*train(), file)
    print(file)
