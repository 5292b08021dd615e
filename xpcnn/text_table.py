"""A table of text: aligned in a terminal, HTML in a notebook."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class Table:
    """Cells of text under a header, the same number in every row.

    caption: what the table holds, shown in HTML; "" for none.
    align: "<" (left) or ">" (right) for each column.
    """

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    align: str

    def __str__(self) -> str:
        """Return lines with their columns aligned."""
        lines = [list(map(one_line, line)) for line in (self.header, *self.rows)]
        widths = [max(map(_width, column)) for column in zip(*lines, strict=True)]
        return "\n".join(
            "  ".join(
                f"{cell:{side}{width - _width(cell) + len(cell)}}"
                for cell, side, width in zip(line, self.align, widths, strict=True)
            ).rstrip()
            for line in lines
        )

    def html(self) -> str:
        """Return the table in HTML, its text escaped, without styles or scripts."""
        body = [_row("th", self.header), *(_row("td", row) for row in self.rows)]
        caption = [f"<caption>{escape(self.caption)}</caption>"] if self.caption else []
        return "\n".join(["<table>", *caption, *body, "</table>"])


def one_line(text: str) -> str:
    r"""Return a text, such as the name of a class or a file, with its line breaks and other control
    characters as escapes, so that it takes one line: "a\nb"."""
    return "".join(
        repr(c)[1:-1] if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in text
    )


def _width(text: str) -> int:
    """Return the columns of a terminal that a text takes: two for a Chinese character, none for an
    accent that follows its letter.
    """
    wide = sum(unicodedata.east_asian_width(character) in ("W", "F") for character in text)
    accents = sum(unicodedata.combining(character) > 0 for character in text)
    return len(text) + wide - accents


def _row(tag: str, cells: Sequence[str]) -> str:
    return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>"
