"""A contact sheet as a file: a page, or a picture."""

from collections.abc import Sequence

import numpy

from xpcnn.figures.canvas import blank, content_of, plain, short, style
from xpcnn.markup import png_address
from xpcnn.report.pixels import grid
from xpcnn.report.sheet import SheetRow
from xpcnn.report.templates import render

_ENLARGED = 56  # pixels of a side that small pictures have at least
_LONGEST = 20  # letters of a name beside its samples


def sheet_page(rows: Sequence[SheetRow], title: str, lead: str) -> str:
    """Return a page with a section for each class."""
    classes = [
        {
            "name": row.name,
            "samples": f"{row.samples:,}",
            "before": [png_address(x) for x in row.before],
            "after": [png_address(x) for x in row.after],
        }
        for row in rows
    ]
    return render("sheet.html", title=title, lead=lead, classes=classes)


def sheet_picture(rows: Sequence[SheetRow], title: str) -> bytes:
    """Return a PNG: a line for each class, on the left its samples, on the right augmented."""
    shown = [row for row in rows if row.before]
    columns = max(len(row.before) for row in shown)
    h, w, _ = shown[0].before[0].shape
    with style():
        sides = [("as they are", [row.before for row in shown])]
        if any(row.after for row in shown):
            sides.append(("augmented", [row.after for row in shown]))
        scale = max(1.0, _ENLARGED / max(h, w)) / 72
        width = columns * (w + 1) * scale * len(sides) + 2
        figure = blank(width, len(shown) * (h + 1) * scale + 0.9)
        figure.set_facecolor("white")
        figure.suptitle(plain(title))
        for axes, (name, pictures) in zip(
            figure.subplots(1, len(sides), squeeze=False)[0], sides, strict=True
        ):
            tiles = numpy.full((len(shown) * columns, h, w, 3), 255, numpy.uint8)
            for i, line in enumerate(pictures):
                for j, pixels in enumerate(line):
                    tiles[i * columns + j] = pixels
            axes.imshow(grid(tiles, columns, 255), interpolation="nearest")
            axes.set_title(name if len(sides) > 1 else "", fontsize=11)
            axes.grid(False)
            axes.set_xticks([])
            axes.set_yticks(
                [i * (h + 1) + h / 2 for i in range(len(shown))],
                [short(row.name, _LONGEST) for row in shown] if name == sides[0][0] else [],
            )
            axes.tick_params(length=0)
            axes.spines[:].set_visible(False)
    return content_of(figure, "png", dpi=144)
