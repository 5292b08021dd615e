"""Tables of text, and what notebooks show of histories, summaries, reports and data sets."""

from html.parser import HTMLParser

import numpy as np

import xpcnn
from xpcnn.layers import Dense, Flatten
from xpcnn.table import Table
from xpcnn.training import History

TABLE = Table("counts", ("class", "n"), [("<b>a</b>", "1"), ("b", "10")], "<>")


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


def shown(thing: object) -> Cells:
    found = Cells(thing._repr_html_())  # type: ignore[attr-defined]
    assert found.open == []
    assert found.tags <= {"table", "caption", "tr", "th", "td", "p"}
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


def test_a_history_without_epochs_is_shown() -> None:
    assert len(shown(History()).rows) == 1
