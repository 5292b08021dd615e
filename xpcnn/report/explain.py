"""The page of one sample: forward through a network, layer by layer, and the gradient back."""

from collections.abc import Sequence
from typing import Any

import numpy

from xpcnn.data.drawn import picture
from xpcnn.markup import png_address
from xpcnn.model import Model
from xpcnn.report.feature_maps import class_activation
from xpcnn.report.formulas import formula_of
from xpcnn.report.layer_passes import LayerPass, trace
from xpcnn.report.pixels import grid, heated, maps, on_ground, signed
from xpcnn.report.reported_run import number
from xpcnn.report.saliency_maps import saliency
from xpcnn.report.sample_answer import answer_of
from xpcnn.report.templates import render
from xpcnn.tasks import MultiLabel
from xpcnn.version import VERSION

_MOST_SCORES = 12  # that are shown, of classes and labels the highest first
_KIND = {"classification": "class", "multi-label": "label", "regression": "number"}
_MOST_VALUES = 512  # of a vector that is drawn
_COLUMNS = 32
_FEW = 24  # layers
_LARGE, _SMALL = (16, 32), (8, 16)  # maps, and pixels of a side: with few layers, with many


def explained(
    model: Model,
    sample: numpy.ndarray,
    *,
    title: str,
    value_range: tuple[float, float],
    true: str | None = None,
    notes: Sequence[str] = (),
    target: str | None = None,
) -> str:
    """Return the page about one sample.

    Args:
        model: the model to explain.
        sample: a raw sample, of the model's input shape (c, h, w).
        title: heading of the page, such as the name of a file.
        value_range: the values that are drawn black and white.
        true: the class, labels or numbers of the sample in words; None if they are not known.
        notes: sentences for the beginning of the page.
        target: the class, label or number whose score the gradients are of; see `answer_of`.

    Raises:
        ConfigError: the model has no such target.
        XpcnnError: the sample does not match the model.
    """
    answer = answer_of(model, sample, target)
    task, estimates, names = model.task.name, answer.estimates, answer.names
    are_numbers = task == "regression"
    # of one output class 1 has the score, class 0 its negative; a number always has the score
    column = 1 if are_numbers and model.output_shape[0] == 1 else answer.followed
    seen = trace(model.network, sample[None], numpy.array([column]))
    pixels = picture(sample, *value_range)
    cam = class_activation(seen)
    scores = seen.scores[0]
    order = numpy.arange(len(names)) if are_numbers else numpy.argsort(-estimates, kind="stable")
    given = model.task.thresholds if isinstance(model.task, MultiLabel) else None
    thresholds = given or (0.5,) * len(names)
    size = _LARGE if len(seen.passes) <= _FEW else _SMALL
    counts = {row.path: row.parameters for row in model.summary().rows}
    return render(
        "explain.html",
        title=title,
        notes=[*notes, *_precision(model)],
        task=task,
        kind=_KIND[task],
        are="class is" if task == "classification" else "labels are",
        has_thresholds=isinstance(model.task, MultiLabel),
        predicted=answer.predicted,
        followed=names[answer.followed],
        truth=true,  # `true` is a word of the templates
        probability=number(float(estimates.max())),
        picture=png_address(pixels),
        normalised=png_address(maps(seen.x[0], 2)),
        saliency=png_address(heated(pixels, saliency(seen)[0])),
        cam=None if cam is None else png_address(heated(pixels, cam[0])),
        cam_found=cam is not None and bool(cam.any()),
        scores=[
            {
                "name": names[k],
                "score": number(float(scores[k])) if len(scores) == len(names) else "–",
                "estimate": number(float(estimates[k]), ".6g")
                if are_numbers
                else _share(estimates[k]),
                "threshold": number(thresholds[k]),
                "share": number(100 * float(estimates[k]), ".1f"),
            }
            for k in order[:_MOST_SCORES].tolist()
        ],
        passes=[pass_facts(x, counts.get(x.path, 0), size) for x in seen.passes],
        version=VERSION,
    )


def _share(p: float) -> str:
    """Return a probability as text, one that rounds to 0 with its power of ten."""
    return number(float(p), ".4f" if p == 0.0 or p >= 5e-5 else ".0e")


def _precision(model: Model) -> list[str]:
    """Return what a page says of a network of half precision, which is traced in float32."""
    if model.compute_dtype == model.dtype:
        return []
    estimates = "estimates" if model.task.name == "regression" else "probabilities"
    return [
        f"The {estimates} are computed in {model.compute_dtype}, as the network was trained; "
        f"the scores, outputs and gradients on this page in {model.dtype}."
    ]


def pass_facts(layer_pass: LayerPass, parameters: int, size: tuple[int, int]) -> dict[str, Any]:
    """Return what the page shows of one layer; size: maps, and pixels of a side of each."""
    assert layer_pass.dy is not None
    return {
        "path": layer_pass.path,
        "type": layer_pass.type,
        "layer": repr(layer_pass.layer),
        "shapes": f"{_shape(layer_pass.x)} → {_shape(layer_pass.y)}",
        "parameters": f"{parameters:,}",
        "output": drawn(layer_pass.y[0], *size),
        "gradient": drawn(layer_pass.dy[0], *size),
        **formula_of(layer_pass.layer)._asdict(),
    }


def drawn(values: numpy.ndarray, most: int, side: int) -> dict[str, Any]:
    """Return an array of one sample as a picture: maps (k, h, w) in a grid, or a vector in rows.

    most, side: maps that are drawn, and pixels of a side of each, at most.

    Returns:
        picture, an address; words: what is drawn, and the range of the numbers; width, in pixels
        of the page.
    """
    span = f"{number(float(values.min()), '.3g')} to {number(float(values.max()), '.3g')}"
    if values.ndim == 3:
        count = f"{min(len(values), most)} of {len(values)} maps of {values.shape[1]} x "
        pixels = maps(values, most=most, side=side)
        return {
            "picture": png_address(pixels),
            "words": f"{count}{values.shape[2]}, {span}",
            "width": _width(pixels),
        }
    vector = values.ravel()[:_MOST_VALUES]
    tiles = on_ground(signed(numpy.nan_to_num(vector)[None]))[0][:, None, None]
    pixels = grid(tiles, min(_COLUMNS, len(tiles)))
    words = f"{len(vector)} of {values.size} numbers, {span}"
    return {"picture": png_address(pixels), "words": words, "width": _width(pixels)}


def _width(pixels: numpy.ndarray) -> int:
    """Return the width at which a picture is shown, in pixels of the page."""
    return int(min(420, max(60, 8 * pixels.shape[1])))


def _shape(x: numpy.ndarray) -> str:
    return " x ".join(map(str, x.shape[1:]))
