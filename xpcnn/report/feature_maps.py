"""Pictures of filters and feature maps, and of saliency and Grad-CAM, for some samples."""

from collections.abc import Sequence
from typing import Any

import numpy

from xpcnn.classification import ClassificationReport
from xpcnn.data import Dataset
from xpcnn.data.drawn import picture, shrunk, value_range
from xpcnn.layers import Conv2D
from xpcnn.markup import png_address
from xpcnn.model import Model
from xpcnn.report.layer_passes import LayerPass, Trace, trace
from xpcnn.report.pixels import grid, heated, maps, signed
from xpcnn.report.predictions import address
from xpcnn.report.reported_run import number
from xpcnn.report.saliency_maps import enlarged, grad_cam, last_maps, saliency

_CLASSES, _WORST = 3, 2  # samples shown by default: of the first classes, and of the worst
_FILTERS = 64  # that are shown
_STAGES = 4  # layers whose feature maps are shown


def chosen_rows(report: ClassificationReport, data: Dataset) -> list[int]:
    """Return the rows of the first sample of some classes, and of the samples of highest loss."""
    present = [int(label) for label in numpy.unique(data.labels)[:_CLASSES]]
    firsts = [int(numpy.argmax(data.labels == label)) for label in present]
    return list(dict.fromkeys([*firsts, *(x.row for x in report.worst[:_WORST])]))


def filters(model: Model) -> dict[str, Any] | None:
    """Return the filters of the first convolution as one picture; None without a convolution."""
    zeros = numpy.zeros((1, *model.input_shape), numpy.float32)
    passes = trace(model.network, zeros, numpy.zeros(1, numpy.int64)).passes
    first = next((p for p in passes if isinstance(p.layer, Conv2D)), None)
    if first is None:
        return None
    w = model.get_weights()[f"{first.path}.weight"]  # (f, c, kh, kw)
    tiles = [signed(numpy.nan_to_num(x).mean(axis=0)) for x in w[:_FILTERS]]
    columns = min(8, len(tiles))
    shown = grid(numpy.stack(tiles), columns)
    shared = "" if w.shape[1] == 1 else f", the mean over {w.shape[1]} channels"
    alt = f"{len(tiles)} of {len(w)} filters of {w.shape[2]} x {w.shape[3]}{shared}"
    where = f"{first.path} ({first.type})"
    width = min(720, max(160, shown.shape[1] * 12))
    return {"where": where, "picture": png_address(shown), "alt": alt, "width": width}


def samples(model: Model, data: Dataset, rows: Sequence[int]) -> list[dict[str, Any]]:
    """Return what the page shows of some samples of classes; see `pictures_of`."""
    p = model.predict_proba(data.images[list(rows)])
    predicted, true = p.argmax(axis=1), data.labels[list(rows)]
    names = data.classes
    facts = [
        {
            "true": names[label],
            "predicted": names[k],
            "is_right": bool(label == k),
            "figure": f"probability {number(float(own[k]))}",
            "followed": names[k],
        }
        for label, k, own in zip(true, predicted, p, strict=True)
    ]
    return pictures_of(model, data, rows, predicted, facts)


def pictures_of(
    model: Model,
    data: Dataset,
    rows: Sequence[int],
    scores: numpy.ndarray,
    facts: Sequence[dict[str, Any]],
) -> list[dict[str, Any]]:
    """Return facts about some samples, each with pictures: saliency, Grad-CAM, and feature maps.

    scores: for each sample the index of the score whose gradient is shown, (n,); see
    `layer_passes.trace`.
    """
    raw = data.images[list(rows)]
    seen = trace(model.network, raw, scores)
    heat, cam = saliency(seen), class_activation(seen)
    low, high = value_range(data.images)
    found = []
    for i, (row, own) in enumerate(zip(rows, facts, strict=True)):
        pixels = picture(raw[i], low, high)
        found.append(
            {
                "row": row,
                **own,
                "picture": address(data, row),
                "saliency": png_address(heated(pixels, heat[i])),
                "cam_found": cam is not None and bool(cam[i].any()),
                "cam": None if cam is None else png_address(heated(pixels, cam[i])),
                "maps": [maps_of(layer_pass, i) for layer_pass in stages(seen)],
            }
        )
    return found


def class_activation(seen: Trace) -> numpy.ndarray | None:
    """Return Grad-CAM at the last convolution, enlarged to the samples' (n, h, w); None without."""
    last = last_maps(seen)
    if last is None:
        return None
    _, _, h, w = seen.x.shape
    return enlarged(grad_cam(last), (h, w))


def maps_of(layer_pass: LayerPass, i: int) -> dict[str, str]:
    """Return the output of a layer for sample i as one picture, with words for it."""
    y = layer_pass.y[i]
    shown = f"{min(len(y), 16)} of {len(y)} maps of {y.shape[1]} x {y.shape[2]}"
    where = f"{layer_pass.path} ({layer_pass.type})"
    return {"where": where, "shown": shown, "picture": png_address(shrunk(maps(y, 4), 256))}


def stages(seen: Trace) -> list[LayerPass]:
    """Return the layers whose maps are shown: what each convolution leads to, before the next.

    Of more than a few, some from the first to the last.
    """
    images = [p for p in seen.passes if p.y.ndim == 4]
    ends = [
        p
        for p, following in zip(images, [*images[1:], None], strict=True)
        if following is None or isinstance(following.layer, Conv2D)
    ]
    places = numpy.unique(numpy.linspace(0, len(ends) - 1, _STAGES).round().astype(int))
    return [ends[place] for place in places] if ends else []
