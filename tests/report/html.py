"""What a page is made of: its words, addresses and tables.

Refuses elements that are not closed, and two of the same id.
"""

from html.parser import HTMLParser

VOID = ("meta", "img", "br", "link", "input", "hr")


class Page(HTMLParser):
    """words: all text outside of styles; addresses: values of src and href; tags; rows of tables.

    Raises:
        AssertionError: an element is closed that is not open, or stays open.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.ids: set[str | None] = set()
        self.addresses: list[str] = []
        self.pictures: list[dict[str, str | None]] = []
        self.rows: list[list[str]] = []
        self.words = ""
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        given = dict(attrs)
        self.addresses += [str(given[name]) for name in ("src", "href") if name in given]
        if "id" in given:
            assert given["id"] not in self.ids, given
            self.ids.add(given["id"])
        assert not any(name.startswith("on") for name in given), given
        if tag == "img":
            self.pictures.append(given)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, tag
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" in self.open:
            return
        self.words += data
        if {"td", "th"} & {*self.open}:
            self.rows[-1][-1] += data


def check_self_contained(text: str) -> Page:
    """Return a page that needs no network, no scripts, and is smaller than 1 MB."""
    page = Page(text)
    assert len(text.encode()) < 1_000_000
    assert "script" not in page.tags
    assert "main" in page.tags  # which screen readers jump to
    assert all(address.startswith(("#", "data:image/png;base64,")) for address in page.addresses)
    assert "http" not in text
    assert "@import" not in text
    assert all(picture["alt"] for picture in page.pictures)
    return page
