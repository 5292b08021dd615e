"""Exclusive or, the smallest problem that needs a hidden layer, with a picture of the decision.

Run it: python examples/xor.py [--plot FILE]
"""

import argparse

import numpy

import xpcnn
from xpcnn.training import History

POINTS = numpy.array([[0, 0], [0, 1], [1, 0], [1, 1]], numpy.float32)
LABELS = numpy.array([0, 1, 1, 0])
SHADES = " .:-=+*#%@"  # of the probability of class 1


def train(seed: int) -> tuple[xpcnn.Model, History]:
    """Return a trained model of the preset `xor`, with eight hidden units, and its history."""
    preset = xpcnn.models.preset("xor").for_data((2,), 2)
    model = xpcnn.Model(preset.layers, input_shape=(2,), seed=seed)
    return model, model.fit((POINTS, LABELS), preset.training)


def decision(model: xpcnn.Model, rows: int, columns: int) -> numpy.ndarray:
    """Return the probability of class 1 over the plane from -0.5 to 1.5, second number upwards."""
    y, x = numpy.meshgrid(
        numpy.linspace(1.5, -0.5, rows), numpy.linspace(-0.5, 1.5, columns), indexing="ij"
    )
    plane = numpy.stack([x.ravel(), y.ravel()], axis=1).astype(numpy.float32)
    return model.predict_proba(plane)[:, 1].reshape(rows, columns)


def picture(model: xpcnn.Model, rows: int = 21, columns: int = 45) -> str:
    """Return the decision as characters, the four points as the digits of their classes."""
    p = decision(model, rows, columns)
    cells = [[SHADES[min(int(10 * value), 9)] for value in row] for row in p]
    for (a, b), label in zip(POINTS, LABELS, strict=True):
        row, column = round((1.5 - b) / 2 * (rows - 1)), round((a + 0.5) / 2 * (columns - 1))
        cells[row][column] = str(label)
    return "\n".join("".join(row) for row in cells)


def plot(model: xpcnn.Model, file: str) -> None:
    """Draw the decision: colour is the probability of class 1, the black line is 1/2."""
    from matplotlib.figure import Figure

    p = decision(model, 201, 201)[::-1]  # second number upwards
    figure = Figure(figsize=(4.6, 4), layout="constrained")
    axes = figure.subplots(subplot_kw={"xlabel": "first number", "ylabel": "second number"})
    side = numpy.linspace(-0.5, 1.5, 201)
    shades = axes.contourf(side, side, p, levels=numpy.linspace(0, 1, 21), cmap="RdBu_r")
    axes.contour(side, side, p, levels=[0.5], colors="black")
    figure.colorbar(shades, label="probability of class 1", ticks=[0, 0.5, 1])
    for (a, b), label in zip(POINTS, LABELS, strict=True):
        axes.text(a, b, str(label), ha="center", va="center", bbox={"fc": "white", "pad": 3})
    figure.savefig(file, dpi=150)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plot", metavar="FILE", help="draw the decision; needs matplotlib")
    given = parser.parse_args()

    model, _ = train(seed=0)
    print(picture(model))
    print(f"points classified correctly: {int((model.predict(POINTS) == LABELS).sum())} of 4")
    if given.plot:
        plot(model, given.plot)
