"""The command that trains many seeds: the table and its verdict, what it keeps, a real round."""

import re
import statistics
from pathlib import Path

import pytest

from tests.presets import SMALL
from tests.seeds import __main__ as command
from tests.seeds import trainings
from tests.seeds.recipe import described, recipe
from tests.seeds.results import HEADING, Key, Result, Row, append, read, table
from xpcnn.data.augment import Flip

RECORD = {
    "name": "xor",
    "recipe": "1f",
    "build": "native, 1 thread",
    "seed": 3,
    "accuracy": 0.75,
    "collapsed": False,
    "jump": 1.5,
    "epochs": 200,
}
KEY, RESULT = Key("xor", "1f", "native, 1 thread", 3), Result(0.75, False, 1.5)


def row(*accuracies: float | None, collapsed: bool = False) -> Row:
    results = [Result(a, collapsed or a is None, 1.5) for a in accuracies]
    return Row("tiny", "native, 1 thread", results)


def test_a_table_by_hand() -> None:
    rows = [row(0.97, 0.98, 0.99), row(0.98, None), row(None), row()]
    assert list(table(rows)) == [
        HEADING,
        "tiny            native, 1 thread           3   0.9800   0.9700   0.9900   0.0082"
        "         0",
        "tiny            native, 1 thread           2   0.9800   0.9800   0.9800   0.0000"
        "         1",
        "tiny            native, 1 thread           1                   all collapsed",
    ]


@pytest.mark.parametrize(
    ("made", "problems"),
    [
        (row(0.97, 0.975, 0.98), []),
        (row(0.95, 0.98, 0.98), ["the worst seed is 2.00 points below the mean"]),
        (row(0.98, 0.98), ["2 of 3 seeds were trained"]),
        (row(), ["0 of 3 seeds were trained"]),
        (row(0.98, 0.98, None), ["1 of 3 collapsed"]),
        (row(0.98, 0.98, 0.98, collapsed=True), ["3 of 3 collapsed"]),
    ],
)
def test_the_verdict(made: Row, problems: list[str]) -> None:
    assert list(made.problems(3)) == [f"tiny, native, 1 thread: {text}" for text in problems]


def test_results_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "new" / "results.jsonl"
    assert read(path) == {}
    append(path, RECORD)
    append(path, RECORD | {"seed": 4, "accuracy": None, "collapsed": True})
    assert read(path) == {KEY: RESULT, KEY._replace(seed=4): Result(None, True, 1.5)}


def test_a_line_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    path.write_text('{"name": "xor", "rec')
    append(path, RECORD)
    assert read(path) == {KEY: RESULT}


def test_what_counts_as_collapsed() -> None:
    assert trainings.lost([2.3, 0.4, 3.7, 2.3])
    assert not trainings.lost([2.3, 0.4, 3.7, 0.5])
    assert trainings.jump([2.0, 0.5, 1.0, 0.4]) == 2.0
    assert trainings.jump([2.0]) == 1.0


def test_every_preset_is_trained() -> None:
    assert sorted(trainings.ORDER) == sorted(SMALL)
    assert {*trainings.SCRIPTS, *trainings.WITHOUT_SCRIPT} == {*trainings.ORDER}
    assert {*trainings.LONG} < {*trainings.ORDER}


def test_every_script_behind_a_figure_is_trained() -> None:
    others = {"by_hand.py", "cifar10_airbench.py", "figure.py", "own_layer.py"}
    scripts = {path.name for path in trainings.EXAMPLES.glob("*.py")} - others
    assert scripts == {*trainings.SCRIPTS.values()}


@pytest.mark.parametrize("name", trainings.SCRIPTS)
def test_the_readme_says_what_was_measured(name: str) -> None:
    """Mean, worst seed and number of trainings; without trainings in the file the worst is "-"."""
    readme = (command.ROOT / "README.md").read_text(encoding="utf-8")
    (line,) = re.findall(rf"^\| .*examples/{trainings.SCRIPTS[name]}.*$", readme, re.MULTILINE)
    _, mean, worst, count, *_ = (cell.strip() for cell in line.strip("|").split("|"))
    builds = {f"{build}, 1 thread" for build in command.BUILDS}
    today = recipe(name)
    found = [
        result.accuracy or 0.0
        for key, result in read(command.RESULTS).items()
        if (key.name, key.recipe) == (name, today) and key.build in builds
    ]
    assert f"`{name}`" in line
    if found:
        expected = f"{statistics.mean(found):.4f}", f"{min(found):.4f}", str(len(found))
        assert (mean, worst, count) == expected
    else:
        assert worst == "-"


def test_a_recipe_is_what_decides_a_training(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = recipe("tiny")
    assert recipe("small") != before
    script = (trainings.EXAMPLES / trainings.SCRIPTS["tiny"]).read_text()
    monkeypatch.setattr(trainings, "EXAMPLES", tmp_path)

    def changed(old: str, new: str) -> bool:
        assert old in script
        (tmp_path / trainings.SCRIPTS["tiny"]).write_text(script.replace(old, new))
        return recipe("tiny") != before

    assert not changed("small network", "little network")  # a comment
    assert not changed("a trained model and its history", "more")  # a docstring
    assert not changed("augment=[little]", "epochs=preset.training.epochs, augment=(little,)")
    assert not changed("scale=0.06", "shear=0, scale=0.06")  # what is off by default
    assert changed("degrees=6", "degrees=7")
    assert changed("augment=[little]", "augment=[little], epochs=4")
    assert changed("augment=[little]", "augment=[little], validation=0.1")
    assert changed("preset.layers", "preset.layers.layers[1:]")
    assert changed("seed=seed", "seed=seed, loss='bce'")
    assert changed("model.fit(data", "model.fit(data.select(limit=9)")
    assert changed('"mnist")', '"fashion-mnist")')
    assert changed('"mnist")', '"mnist", choice={"limit": 9})')
    assert changed('"mnist")', '"mnist", accuracy=lambda model, test: 1.0)')


def test_every_recipe_is_another() -> None:
    assert len({recipe(name) for name in trainings.ORDER}) == len(trainings.ORDER)


def test_a_field_that_is_off_does_not_count() -> None:
    flip = {"type": "Flip", "horizontal": 0.5}
    assert described([Flip(), {"a": (0.0, None)}]) == [flip, {"a": [0.0, None]}]


def test_a_round(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Trains exclusive or, twice; the second round has nothing left to train."""
    flags = ["xor", "--seeds", "2", "--builds", "none", "--data", str(tmp_path)]
    flags += ["--results", str(tmp_path / "results.jsonl")]
    assert command.main([*flags, "--table"]) == 1
    assert "xor, none, 1 thread: 0 of 2 seeds were trained" in capsys.readouterr().out
    assert command.main(flags) == 0
    first, second, *table_lines = capsys.readouterr().out.splitlines()
    assert first.startswith("xor, none, 1 thread, seed 0: test accuracy 1.0000, ")
    assert second.startswith("xor, none, 1 thread, seed 1: test accuracy 1.0000, ")
    assert command.main(flags) == 0
    assert capsys.readouterr().out.splitlines() == table_lines


def test_absent_data_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["tiny", "--seeds", "1", "--builds", "none", "--data", str(tmp_path)]
    assert command.main([*flags, "--results", str(tmp_path / "results.jsonl")]) == 1
    out = capsys.readouterr().out
    assert f"tiny, none: not trained, since there is no folder {tmp_path / 'mnist'}" in out
    assert "tiny, none, 1 thread: 0 of 1 seeds were trained" in out
