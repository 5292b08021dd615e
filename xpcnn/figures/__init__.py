"""Figures of plain numbers, drawn by matplotlib: `pip install 'xpcnn[report]'`.

`curves` draws what changes over epochs, `matrix` a confusion matrix, `calibration` a reliability
diagram, `samples` pictures with predictions; `canvas` is what they are drawn on. Nothing here knows
a network; no global state of matplotlib is used or changed. Colours are legible on white and on
dark pages, and the ground is transparent.
"""

from importlib.util import find_spec

from xpcnn.errors import missing

if find_spec("matplotlib") is None:
    raise missing("a figure", "matplotlib", "report")

from xpcnn.figures.calibration import reliability_diagram
from xpcnn.figures.canvas import Canvas, svg
from xpcnn.figures.curves import training_curve, training_curves
from xpcnn.figures.matrix import confusion_matrix

__all__ = [
    "Canvas",
    "confusion_matrix",
    "reliability_diagram",
    "svg",
    "training_curve",
    "training_curves",
]
