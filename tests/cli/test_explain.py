"""`xpcnn explain`: the page about one sample shows what the network computes."""

import inspect
import json
from importlib import import_module
from pathlib import Path

import numpy
import pytest

import xpcnn
from tests.cli.conftest import Cli
from tests.cli.process import ROOT
from tests.report.html import Page, check_self_contained
from xpcnn import Model, layers
from xpcnn.layers import Conv2D, Dense, Flatten, ReLU

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")

from xpcnn.report.explain import explained
from xpcnn.report.formulas import formula_of
from xpcnn.report.layer_passes import trace

WITHOUT_OP = ("Sequential", "Residual", "Multiply", "Concat", "Identity", "Activation")
ARGUMENTS = {
    "Conv2D": (2, 3),
    "Dense": (2,),
    "Dropout": (0.5,),
    "Reshape": ((1, 2, 2),),
    **dict.fromkeys(("AvgPool2D", "MaxPool2D", "MinPool2D"), (2,)),
    **dict.fromkeys(
        ("AdaptiveAvgPool2D", "AdaptiveMaxPool2D", "DepthwiseConv2D", "GroupNorm"), (2,)
    ),
    "ConvTranspose2D": (2, 3),
}


def explain(cli: Cli, *arguments: str | Path) -> tuple[Page, dict[str, object]]:
    ran = cli("explain", *arguments, "--json")
    assert ran.code == 0, ran.err
    return check_self_contained(Path("explain.html").read_text(encoding="utf-8")), json.loads(
        ran.out
    )


def test_a_row_of_the_data_is_explained(cli: Cli, trained: Path) -> None:
    page, table = explain(cli, trained, "--row", "5")
    model = xpcnn.load(trained / "model.safetensors")
    _, test = xpcnn.data.load("digits")
    p = model.predict_proba(test.images[5:6])[0]
    scores = model.predict_scores(test.images[5:6])[0]
    best = int(p.argmax())
    assert (table["class"], table["true"]) == (str(best), str(test.labels[5]))
    assert page.rows[1] == [str(best), f"{scores[best]:.4f}", f"{p[best]:.4f}", ""]
    assert "row 5 of digits, test part" in page.words
    right = best == test.labels[5]
    assert ("; that is right." if right else f"; the true class is {test.labels[5]}.") in page.words
    seen = trace(model.network, test.images[5:6], numpy.array([best]))
    for layer_pass in seen.passes:
        assert f"{layer_pass.path} {layer_pass.type}" in page.words
        assert f"{layer_pass.y.min():.3g} to {layer_pass.y.max():.3g}" in page.words
        assert layer_pass.dy is not None
        assert f"{layer_pass.dy.min():.3g} to {layer_pass.dy.max():.3g}" in page.words
    assert "dW = dY @ cols^T" in page.words


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_a_page_says_what_is_computed_in_float32_of_half_precision(dtype: str) -> None:
    model = Model([Flatten(), Dense(2)], input_shape=(1, 2, 2), dtype=dtype)
    sample = numpy.ones((1, 2, 2), "float32")
    page = check_self_contained(explained(model, sample, title="a", value_range=(0, 1)))
    said = (
        "The probabilities are computed in float16, as the network was trained; "
        "the scores, outputs and gradients on this page in float32."
    )
    assert (said in page.words) == (dtype == "float16")


def test_a_picture_is_explained(cli: Cli, trained: Path) -> None:
    pytest.importorskip("PIL")
    _, test = xpcnn.data.load("digits")
    pixels = numpy.kron(255 - test.images[0, 0] * 15, numpy.ones((8, 8), numpy.uint8))
    name = "<b>zero&.png"
    import_module("PIL.Image").fromarray(pixels.astype(numpy.uint8)).save(name)
    page, table = explain(cli, trained, name)
    assert f"{name}: {table['class']}" in page.words
    assert "The picture was framed and inverted" in page.words


def test_a_folder_is_no_picture(cli: Cli, trained: Path) -> None:
    pytest.importorskip("PIL")
    ran = cli("explain", trained, trained)
    assert ran.code == 1
    assert ran.err.endswith(
        "is a folder, and a page is about one picture\n"
        "Try: a picture in it; xpcnn predict takes folders\n"
    )


def test_the_score_of_another_class_is_followed_back(cli: Cli, trained: Path) -> None:
    page, table = explain(cli, trained, "--row", "5", "--target", "3")
    assert table["followed"] == "3"
    assert "|gradient| of the score of 3 with respect to each pixel" in page.words
    model = xpcnn.load(trained / "model.safetensors")
    _, test = xpcnn.data.load("digits")
    last = trace(model.network, test.images[5:6], numpy.array([3])).passes[0]
    assert last.dy is not None
    assert f"{last.dy.min():.3g} to {last.dy.max():.3g}" in page.words


def test_what_is_refused(cli: Cli, trained: Path) -> None:
    assert cli("explain", trained).code == 2
    ran = cli("explain", trained, "--row", "355")
    assert ran.code == 1
    assert "has 355 samples\nTry: a row from 0 to 354" in ran.err
    assert "Try:" in cli("explain", trained, "nowhere.png").err
    ran = cli("explain", trained, "--row", "5", "--target", "cat")
    assert "target is 'cat', and the model has no class of that name\nTry: one of 0, 1," in ran.err
    assert "Try:" in cli("explain", "nowhere", "--row", "1").err


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in layers.__all__
        if isinstance(getattr(layers, name), type)
        and hasattr(getattr(layers, name), "forward")
        and name not in (*WITHOUT_OP, "Layer")
    ],
)
def test_every_layer_has_its_formula_and_its_place(name: str) -> None:
    layer = getattr(layers, name)(*ARGUMENTS.get(name, ()))
    found = formula_of(layer)
    assert found.words
    assert len(found.formula) > 20
    assert [what for what, _, _ in found.places] == [
        *("the layer", "its formula, forward and backward")
    ]
    for _, file, line in found.places:
        source = (ROOT / file).read_text(encoding="utf-8").splitlines()
        assert any("def " in text for text in source[line - 1 : line + 2]), (file, line)


def test_a_layer_of_the_users_own_is_explained_by_its_docstring() -> None:
    class Doubling(ReLU):
        """y = 2 max(x, 0). <b>Mine</b>."""

        op = None  # type: ignore[assignment]

    found = formula_of(Doubling())
    assert found.formula == inspect.getdoc(Doubling)
    model = Model([Conv2D(2, 3), Flatten(), Dense(3)], input_shape=(1, 5, 5))
    sample = numpy.random.default_rng(0).uniform(0, 1, (1, 5, 5)).astype(numpy.float32)
    text = explained(model, sample, title="<script>", value_range=(0, 1), true="2")
    assert "<script>" in check_self_contained(text).words
