"""Each mistake of the tables: its error, its whole text; the model is as it was, and trains."""

import re
from pathlib import Path

import pytest

from tests.lib import Lib, open_lib
from tests.mistakes.files import EXTRAS, FILES
from tests.mistakes.mistake import Given, Mistake, after
from tests.mistakes.networks import LAYERS, TWO_LIBRARIES
from tests.mistakes.samples import LABELS, SAMPLES
from tests.mistakes.words import NAMES, NUMBERS
from xpcnn.errors import kind

ON_EVERY_LIBRARY = [*SAMPLES, *LABELS, *LAYERS]
ON_NUMPY = [*TWO_LIBRARIES, *NAMES, *NUMBERS, *FILES, *EXTRAS]
NEW: dict[str, dict[str, bytes]] = {}
"""By library, what comes after a model that nothing has been done with."""


@pytest.mark.parametrize("mistake", ON_EVERY_LIBRARY, ids=lambda mistake: mistake.name)
def test_mistakes_with_arrays(
    lib: Lib, mistake: Mistake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check(mistake, Given(lib, tmp_path, monkeypatch))


@pytest.mark.parametrize("mistake", ON_NUMPY, ids=lambda mistake: mistake.name)
def test_other_mistakes(mistake: Mistake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check(mistake, Given(open_lib("numpy"), tmp_path, monkeypatch))


def check(mistake: Mistake, given: Given) -> None:
    """Make the mistake; then see that the model, if it has part in it, is as good as a new one."""
    with pytest.raises(mistake.error) as caught:
        mistake.call(given)
    assert type(caught.value) is mistake.error
    text = str(caught.value)
    if isinstance(mistake.text, re.Pattern):
        assert mistake.text.fullmatch(text)
    else:
        assert text == (
            mistake.text.replace("{folder}", str(given.folder))
            .replace("{own}", kind(given.zeros(1)))
            .replace("{backend}", given.lib.backend.name)
        )
    given.patch.undo()
    if "model" in vars(given):
        new = NEW.get(given.lib.name)
        if new is None:
            new = NEW[given.lib.name] = after(Given(given.lib, given.folder, given.patch).model)
        assert after(given.model) == new


def test_a_catalogue_of_distinct_mistakes() -> None:
    names = [mistake.name for mistake in (*ON_EVERY_LIBRARY, *ON_NUMPY)]
    assert len(set(names)) == len(names) >= 40
