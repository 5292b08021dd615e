"""The style of figures, and how a figure becomes SVG for a page, or a file."""

import re
import warnings
from html import escape
from io import BytesIO
from typing import Any, Literal, TypeAlias
from unicodedata import east_asian_width
from zlib import crc32

from matplotlib import rc_context
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from xpcnn.errors import DataWarning, warn_user

GREY, BLUE, ORANGE, RED = "#6e7781", "#2f81f7", "#d9730d", "#d73a49"  # on white and dark pages
COLOURS = (BLUE, ORANGE, "#2da44e", "#a371f7", "#d6409f", "#1b9e9e", "#b59f3b", RED)

Form: TypeAlias = Literal["svg", "png", "pdf"]

STYLE: dict[Any, Any] = {
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.alpha": 0.25,
    "grid.color": GREY,
    "font.size": 12,
    "lines.linewidth": 2,
    "legend.frameon": False,
    "legend.labelcolor": GREY,
    "svg.fonttype": "none",  # text stays text, in a font of the reader
    "pdf.fonttype": 42,  # TrueType, which journals ask for
    "svg.hashsalt": "xpcnn",  # the same file every time
    **dict.fromkeys(("axes.edgecolor", "axes.labelcolor", "axes.titlecolor"), GREY),
    **dict.fromkeys(("text.color", "xtick.color", "ytick.color"), GREY),
}


class Canvas(Figure):
    """A figure of matplotlib that a notebook shows by itself, as SVG."""

    def _repr_svg_(self) -> str:
        return content_of(self, "svg").decode()


def plain(text: str) -> str:
    """Return a text that matplotlib draws as it is, without formulas between dollars."""
    return text.replace("$", r"\$")


def letters(text: str) -> int:
    """Return how many letters wide a text is; each of Chinese and the like is as wide as two."""
    return sum(2 if east_asian_width(letter) in ("W", "F") else 1 for letter in text)


def short(text: str, most: int) -> str:
    """Return a text that matplotlib draws as it is, and its beginning where it is too wide."""
    if letters(text) > most:
        while letters(text) >= most:
            text = text[:-1]
        text += "…"
    return plain(text)


def blank(width: float, height: float) -> Canvas:
    """Return an empty figure, in inches; draw on it inside `style()`."""
    return Canvas(figsize=(width, height), layout="constrained")


def style() -> Any:
    """Return the context in which figures are drawn: colours, fonts, no frame."""
    return rc_context(STYLE)


def svg(figure: Figure, label: str) -> str:
    """Return a figure as an SVG element for a page of HTML.

    The element is as wide as its place, its grey is the page's `--muted`, and a screen reader reads
    `label`. It holds no address of the network, no script, no id that nothing refers to, and none
    that another figure of the page has.
    """
    text = content_of(figure, "svg").decode()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'<g id="[^"]*"', "<g", text)
    text = re.sub(r' xmlns(:\w+)?="[^"]*"', "", text).replace("xlink:href", "href")
    own = f"{crc32(label.encode()):x}-"
    text = re.sub(r'( id="| href="#|url\(#)', rf"\g<1>{own}", text)
    size = re.search(r'viewBox="[^"]*"', text)
    assert size is not None
    opening = f'<svg {size[0]} role="img" aria-label="{escape(label)}">'
    text = re.sub(r"<svg[^>]*>", lambda _: f"{opening}\n <title>{escape(label)}</title>", text)
    return text.replace(GREY, "var(--muted)").strip()


def content_of(figure: Figure, form: Form, dpi: int = 200) -> bytes:
    """Return the content of a file with a figure: SVG or PDF on a transparent ground, or PNG on
    white. It is the same every time.

    dpi: dots of a PNG in an inch. Warns of letters that its font has not; of SVG, the reader's font
    draws the text.
    """
    file = BytesIO()
    hows: dict[Form, dict[str, Any]] = {
        "svg": {"metadata": {"Date": None}},
        "pdf": {"metadata": {"CreationDate": None}},
        "png": {"dpi": dpi, "facecolor": "white"},
    }
    with style(), warnings.catch_warnings(record=True) as caught:
        warnings.filterwarnings("always", "Glyph")
        figure.savefig(file, format=form, **hows[form])
    lacking = dict[str, None]()
    for warning in caught:
        if glyph := re.match(r"Glyph (\d+)", str(warning.message)):
            lacking[chr(int(glyph[1]))] = None
        else:
            warn_user(str(warning.message), warning.category)
    if lacking and form != "svg":
        message = f"the font of the picture has no {''.join(lacking)}; a page or an SVG has them"
        warn_user(message, DataWarning)
    return file.getvalue()


def label_decades(axis: Axis, low: float, high: float) -> None:
    """Label a logarithmic axis with a few plain numbers that do not overlap."""
    parts = (1, 2, 5) if high < 30 * low else (1, 3) if high < 1000 * low else (1,)
    close = high < 5 * low  # no such number may lie between
    even = MaxNLocator(4, steps=[1, 2, 5, 10])
    axis.set_major_locator(even if close else LogLocator(subs=parts))
    axis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axis.set_minor_formatter(NullFormatter())
