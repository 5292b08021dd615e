"""Exclusive or, the smallest problem that needs a hidden layer, and a picture of what was learnt.

Run it: python examples/xor.py
"""

import numpy

import xpcnn
from xpcnn.training import History

POINTS = numpy.array([[0, 0], [0, 1], [1, 0], [1, 1]], numpy.float32)
LABELS = numpy.array([0, 1, 1, 0])
SHADES = " .:-=+*#%@"  # of the probability of class 1


def train(seed: int) -> tuple[xpcnn.Model, History]:
    """Return a model of the preset `xor`, eight hidden units, and how it was trained."""
    preset = xpcnn.models.preset("xor").for_data((2,), 2)
    model = xpcnn.Model(preset.layers, input_shape=(2,), seed=seed)
    return model, model.fit((POINTS, LABELS), preset.training)


def picture(model: xpcnn.Model, rows: int = 21, columns: int = 45) -> str:
    """Return the probability of class 1 over the plane from -0.5 to 1.5, second number upwards.

    The four points stand in it as the digits of their classes.
    """
    y, x = numpy.meshgrid(
        numpy.linspace(1.5, -0.5, rows), numpy.linspace(-0.5, 1.5, columns), indexing="ij"
    )
    plane = numpy.stack([x.ravel(), y.ravel()], axis=1).astype(numpy.float32)
    p = model.predict_proba(plane)[:, 1].reshape(rows, columns)
    cells = [[SHADES[min(int(10 * value), 9)] for value in row] for row in p]
    for (a, b), label in zip(POINTS, LABELS, strict=True):
        row, column = round((1.5 - b) / 2 * (rows - 1)), round((a + 0.5) / 2 * (columns - 1))
        cells[row][column] = str(label)
    return "\n".join("".join(row) for row in cells)


if __name__ == "__main__":
    model, _ = train(seed=0)
    print(picture(model))
    print(f"points named rightly: {int((model.predict(POINTS) == LABELS).sum())} of 4")
