"""Tables of text, and what notebooks show of histories, summaries, reports and data sets."""

import math
from html.parser import HTMLParser

import numpy as np

import xpcnn
from xpcnn.cli.predictions import Predictions
from xpcnn.cli.target_predictions import TargetPredictions
from xpcnn.layers import Dense, Flatten
from xpcnn.markup import curves
from xpcnn.tasks import MultiLabel
from xpcnn.text_table import Table
from xpcnn.training import Epoch, History

TABLE = Table("counts", ("class", "n"), [("<b>a</b>", "1"), ("b", "10")], "<>")


def test_columns_are_as_wide_as_a_terminal_shows_them() -> None:
    """A Chinese character takes two places, an accent that follows its letter none."""
    rows = [("汉字", "1"), ("cafe\u0301", "10")]
    lines = str(Table("", ("class", "n"), rows, "<>")).splitlines()
    assert lines == ["class   n", "汉字    1", "cafe\u0301   10"]


class Cells(HTMLParser):
    """Collects the text of every cell, row by row, and the names of all tags."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.tags: set[str] = set()
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1].append(data)


def test_columns_are_aligned() -> None:
    assert str(TABLE) == "class      n\n<b>a</b>   1\nb         10"


def test_html_is_escaped() -> None:
    found = Cells(TABLE.html())
    assert found.rows == [["class", "n"], ["<b>a</b>", "1"], ["b", "10"]]
    assert found.tags == {"table", "caption", "tr", "th", "td"}


SVG = ("svg", "path", "polyline", "text")


def shown(thing: object) -> Cells:
    found = Cells(thing._repr_html_())  # type: ignore[attr-defined]
    assert found.open == []
    assert found.tags <= {"table", "caption", "tr", "th", "td", "p", *SVG}
    return found


def test_notebooks_show_what_print_shows() -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (40, 1, 4, 4), dtype=np.uint8)
    data = xpcnn.data.Dataset.from_arrays(images, rng.integers(0, 2, 40), ["<script>", "b"])
    model = xpcnn.Model([Flatten(), Dense(2)], input_shape=data.shape)
    history = model.fit(data, epochs=2, progress=False, health=False)
    history.notes.append("<i>")
    assert shown(data).rows[1] == ["<script>", str((data.labels == 0).sum())]
    report = xpcnn.classification_report(model, data)
    for thing in (history, model.summary(), report):
        text = str(thing)
        for row in shown(thing).rows:
            assert all(cell in text for cell in row)
    assert [row[0] for row in shown(history).rows] == ["epoch", "1", "2"]


def test_a_history_shows_the_curve_of_its_loss() -> None:
    epochs = [Epoch(i, loss, 0.5, None, None, 0.1, 1.0, 1.0, i) for i, loss in ((1, 2.0), (2, 1.0))]
    page = History(epochs)._repr_html_()
    assert 'polyline points="48.0,12.0 360.0,112.0 ' in page  # from the top left, down
    assert ">loss 1</text>" in page
    assert "validation loss" not in page
    assert "<svg" not in History(epochs[:1])._repr_html_()  # one point is no curve
    assert 'aria-label="&lt;b&gt;"' in curves({"a": [1.0, None, math.inf, 3.0]}, "<b>")


def test_a_history_without_epochs_is_shown() -> None:
    assert len(shown(History()).rows) == 1


def test_a_name_with_a_line_break_takes_one_line() -> None:
    """Such as that of a class: a file name or a CSV label may hold any character."""
    names = ["a\nb", "1 km\u2028\x1b[31m", "São Tomé"]
    lines = str(Table("", ("class",), [[name] for name in names], "<")).split("\n")
    assert lines == ["class", "a\\nb", "1 km\\u2028\\x1b[31m", "São Tomé"]
    p = np.eye(3, dtype=np.float32)
    found = Predictions("image", ["x\ny.png", "b", "c"], names, p, names)
    assert found.as_lines(every_class=False) == [
        "x\\ny.png  a\\nb  1.0000  true a\\nb",
        "b  1 km\\u2028\\x1b[31m  1.0000  true 1 km\\u2028\\x1b[31m",
        "c  São Tomé  1.0000  true São Tomé",
    ]
    labels = TargetPredictions("row", [0, 1, 2], names, MultiLabel(), p)
    assert labels.as_lines(every_class=False)[0] == "0  a\\nb"
