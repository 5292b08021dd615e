"""`xpcnn card`: the head that the hub reads, what the body says, and names that are no Markdown."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from xpcnn import load
from xpcnn.runs import read_run
from xpcnn.runs.card import FILL_IN, card_head, model_card

FIELD = FILL_IN.partition("{")[0]


def test_the_card_of_a_run(cli: Cli, trained: Path) -> None:
    ran = cli("card", trained)
    assert (ran.code, ran.err) == (0, "")
    _, head, body = ran.out.split("---\n", 2)
    test = json.loads(cli("evaluate", trained, "--json").out)
    assert head.startswith(
        'library_name: "xpcnn"\n'
        'license: "unknown"\n'
        'pipeline_tag: "image-classification"\n'
        'tags: ["xpcnn", "cnn", "numpy", "array-api"]\n'
        'metrics: ["accuracy"]\n'
        "model-index:\n"
        f'- name: "{trained.name}"\n'
        "  results:\n"
        "  - task:\n"
        '      type: "image-classification"\n'
        "    dataset:\n"
        '      name: "digits"\n'
        '      type: "digits"\n'
        '      split: "test"\n'
        "    metrics:\n"
        '    - type: "accuracy"\n'
        f"      value: {round(test['accuracy'], 6)}\n"
    )
    assert body.count(FIELD) == 4
    assert 'model = xpcnn.load(hf_hub_download("OWNER/NAME", "model.safetensors"))' in body
    assert (
        "| class | precision | recall | F1 | samples |\n| --- | --- | --- | --- | --- |\n| 0 | "
        in body
    )
    assert "| processor | " in body
    assert "| optimizer | sgd(lr=" in body


def test_the_head_is_yaml(trained: Path) -> None:
    yaml = pytest.importorskip("yaml", reason="yaml: not installed (pip install PyYAML)")
    run = read_run(trained)
    text = model_card(run, load(trained / "model.safetensors"), 1)
    _, head, _ = text.split("---\n", 2)
    assert yaml.safe_load(head) == card_head(run, load(trained / "model.safetensors"))


def test_names_show_as_they_are(trained: Path) -> None:
    run = read_run(trained)
    provenance = {**run.provenance, "data": "C:\\a|b\n*data*/"}
    odd = replace(run, path=Path("x"), provenance=provenance)
    text = model_card(odd, load(trained / "model.safetensors"), 1)
    assert "| data | C:\\\\a\\|b \\*data\\*/ |" in text
    results = card_head(odd, load(trained / "model.safetensors"))["model-index"][0]["results"]
    assert results[0]["dataset"]["type"] == "a-b--data-"


def test_a_file_is_not_overwritten(cli: Cli, trained: Path) -> None:
    ran = cli("card", trained, "--out", "card.md")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err == "card: card.md; fields to fill in: 4\n"
    before = Path("card.md").read_text(encoding="utf-8")
    again = cli("card", trained, "--out", "card.md")
    assert again.code == 1
    assert "card.md is there already\nTry: " in again.err
    assert cli("card", trained, "--out", "card.md", "--force").code == 0
    answer = json.loads(cli("card", trained, "--json").out)
    assert answer["card"] == before
    assert answer["head"]["library_name"] == "xpcnn"


def test_without_the_data_there_is_no_table_of_classes(
    cli: Cli, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from xpcnn import data
    from xpcnn.errors import DataError

    def gone(*args: object, **options: object) -> None:
        raise DataError("digits: not here\nTry: nothing")

    monkeypatch.setattr(data, "load", gone)
    ran = cli("card", trained)
    assert ran.code == 0
    assert ran.err == "note: no table of classes: digits: not here\n"
    assert "| class | precision" not in ran.out
    assert "On the test part, after training: accuracy " in ran.out
    assert cli("card", trained, "--dataset", "digits").code == 1
