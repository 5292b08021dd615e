"""Draw the pictures of derive_a_layer.md: an image of 3 x 4 numbers, a filter of 2 x 2.

Every number drawn is computed here. Run it: python examples/guides/derive_a_layer.py [FOLDER]
"""

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy

X = numpy.array([[1, 2, 0, 1], [0, 1, 3, 0], [2, 0, 1, 1]])
W = numpy.array([[1, 0], [-1, 2]])
B = 1
DY = numpy.array([[1, -1, 2], [-2, 1, 1]])
OUTPUTS = [(p, q) for p in range(2) for q in range(3)]  # output pixels, row by row

CELL = 30
STYLE = """
  svg { background: #ffffff } text { font: 15px sans-serif; fill: #1f2328; text-anchor: middle }
  .name { font-style: italic } .cell { fill: #ffffff; stroke: #8c959f } .a { fill: #b6d7ff }
  .b { fill: #ffd8a8 }
  @media (prefers-color-scheme: dark) {
    svg { background: #0d1117 } text { fill: #e6edf3 } .cell { fill: #161b22; stroke: #6e7681 }
    .a { fill: #1f4f8a } .b { fill: #7a4a10 }
  }"""


def text(x: float, y: float, content: object, kind: str = "") -> str:
    """Return a line of text, its middle at x and its base line at y."""
    minus = str(content).replace("-", "\u2212")
    return f'<text x="{x:g}" y="{y:g}" class="{kind}">{minus}</text>'


def grid(
    numbers: numpy.ndarray,
    x: float,
    y: float,
    name: str = "",
    a: Iterable[tuple[int, int]] = (),
    b: Iterable[tuple[int, int]] = (),
) -> list[str]:
    """Return a matrix with its top left corner at (x, y), named above; a, b: cells in colour."""
    rows, columns = numbers.shape
    colours = {**dict.fromkeys(a, " a"), **dict.fromkeys(b, " b")}
    parts = [text(x + columns * CELL / 2, y - 8, name, "name")] if name else []
    for i in range(rows):
        for j in range(columns):
            left, top = x + j * CELL, y + i * CELL
            parts.append(
                f'<rect x="{left:g}" y="{top:g}" width="{CELL}" height="{CELL}" '
                f'class="cell{colours.get((i, j), "")}"/>'
            )
            parts.append(text(left + CELL / 2, top + 20, numbers[i, j]))
    return parts


def svg(width: int, height: int, title: str, parts: Iterable[str]) -> str:
    """Return a picture that follows the reader's light or dark colours."""
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">'
    body = "\n".join(parts)
    return f"{head}\n<title>{title}</title>\n<style>{STYLE}\n</style>\n{body}\n</svg>\n"


def window(p: int, q: int) -> list[tuple[int, int]]:
    """Return the pixels under the window of output pixel (p, q)."""
    return [(p + i, q + j) for i in range(2) for j in range(2)]


def columns() -> numpy.ndarray:
    """Return im2col's matrix (4 numbers of a window, 6 output pixels)."""
    return numpy.array([[X[pixel] for pixel in window(p, q)] for p, q in OUTPUTS]).T


def row(numbers: numpy.ndarray) -> numpy.ndarray:
    return numbers.reshape(1, -1)


Y = row(W) @ columns() + B


def forward() -> str:
    parts = [
        *grid(X, 15, 40, "x", a=window(0, 1)),
        text(152, 90, "\u2217"),
        *grid(W, 170, 55, "w", a=window(0, 0)),
        text(250, 90, f"+ {B}"),
        text(280, 90, "="),
        *grid(Y.reshape(2, 3), 305, 55, "y", b=[(0, 1)]),
    ]
    return svg(410, 145, "The window of one output pixel", parts)


def matrices() -> str:
    parts = [
        *grid(row(W), 15, 85, "W", a=[(0, j) for j in range(4)]),
        *grid(columns(), 150, 40, "cols", a=[(i, 1) for i in range(4)]),
        text(350, 105, f"+ {B}"),
        text(373, 105, "="),
        *grid(Y, 390, 85, "Y", b=[(0, 1)]),
    ]
    return svg(585, 175, "The convolution as a product of matrices", parts)


def weights() -> str:
    parts = [
        *grid(row(DY), 15, 115, "dY", a=[(0, j) for j in range(6)]),
        *grid(columns().T, 210, 40, "cols\u1d40", a=[(i, 1) for i in range(6)]),
        text(350, 135, "="),
        *grid(row(DY) @ columns().T, 370, 115, "dW", b=[(0, 1)]),
    ]
    return svg(505, 235, "The gradient of the weights", parts)


def images() -> str:
    parts: list[str] = []
    dx = numpy.zeros_like(X)
    for p, q in OUTPUTS:
        share = numpy.zeros_like(X)
        share[p : p + 2, q : q + 2] = DY[p, q] * W
        dx += share
        left, top = 15 + 145 * q, 40 + 130 * p
        parts += grid(share, left, top, f"{DY[p, q]} \u00b7 w", a=window(p, q))
        parts.append(text(left + 132, top + 50, "+" if (p, q) != (1, 2) else "="))
    parts += grid(dx, 450, 170, "dx", b=[(1, 1)])
    return svg(585, 275, "The gradient of the image", parts)


PICTURES = {"window": forward, "matrices": matrices, "dw": weights, "dx": images}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Draw the pictures of derive_a_layer.md.")
    default = Path(__file__).parents[1] / "pictures"
    parser.add_argument(
        "folder",
        nargs="?",
        type=Path,
        default=default,
        metavar="FOLDER",
        help="where to write them; by default examples/pictures",
    )
    folder: Path = parser.parse_args(arguments).folder
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in PICTURES.items():
        (folder / f"convolution-{name}.svg").write_text(draw(), encoding="utf-8")
    print(f"{len(PICTURES)} pictures in {folder}")


if __name__ == "__main__":
    main()
