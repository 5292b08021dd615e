"""The README's picture is small, and is what its script draws."""

import re
import runpy
from pathlib import Path

import pytest

import xpcnn
from tests.pages import ROOT
from tests.small_model import Parts

PICTURE = ROOT / "examples" / "pictures" / "digits.svg"
MOST_BYTES = 150_000


def texts(svg: str) -> list[str]:
    """Return the words in a picture, without ticks of the axes and predictions."""
    return re.findall(r">([a-z]+)</text>", svg)


def test_the_picture_is_what_its_script_draws(parts: Parts, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    train, test = parts
    model = xpcnn.Model([xpcnn.layers.Flatten(), xpcnn.layers.Dense(10)], input_shape=train.shape)
    history = model.fit(train, epochs=2, validation=0.1)
    script = runpy.run_path(str(PICTURE.with_suffix(".py")))
    script["draw"](model, history, test, tmp_path / "drawn.svg")

    kept, drawn = PICTURE.read_text(), (tmp_path / "drawn.svg").read_text()
    assert len(kept) < MOST_BYTES
    assert texts(kept) == texts(drawn)
    assert {"loss", "accuracy", "epoch", "training", "validation"} <= {*texts(kept)}
    assert kept.count("<image") == 11  # a digit of each class, and one predicted wrongly
    assert drawn.count("<image") == 11
