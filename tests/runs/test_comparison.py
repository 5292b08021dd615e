"""Differences of runs, and where their losses first differ: from records written by hand."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy
import pytest

from xpcnn import Model
from xpcnn.errors import CheckpointError
from xpcnn.layers import BatchNorm, Dense
from xpcnn.runs import Record, compare_runs, differing, read_run
from xpcnn.runs.comparison import table

LINES: list[dict[str, Any]] = [
    {"step": 2, "val_loss": 1.5, "val_accuracy": 0.5},
    {"epoch": 1, "loss": 2.0, "accuracy": 0.25, "val_loss": 1.25, "step": 4, "seconds": 0.5},
    {"epoch": 2, "loss": 1.0, "accuracy": 0.75, "val_loss": 1.0, "step": 8, "seconds": 0.25},
]


def record(**changes: Any) -> Record:
    made = Record(
        Path("runs/one"),
        {"seed": 0, "limit": 100, "training": {"epochs": 2, "optimizer": {"name": "sgd"}}},
        {"layers": [{"type": "Dense", "units": 8}, {"type": "ReLU"}], "training": {"epochs": 9}},
        {"backend": {"name": "numpy", "threads": "2"}},
        tuple(LINES),
        {"data_hash": "abc"},
    )
    return replace(made, **changes)


def test_a_run_does_not_differ_from_itself() -> None:
    found = compare_runs(record(), record(path=Path("runs/two")))
    assert found.differences == ()
    assert found.first_difference is None
    assert found.compared == 8
    assert str(found) == (
        "configuration: the same\nnetwork: the same\ndata: the same\nenvironment: the same\n"
        "losses: all 8 figures that both have are equal\nbest val loss: 1 and 1"
    )


def test_differences_by_section_and_path() -> None:
    other = record(
        path=Path("runs/two"),
        config={"seed": 1, "training": {"epochs": 2, "optimizer": {"name": "adam", "lr": 0.01}}},
        network={"layers": [{"type": "Dense", "units": 16}], "training": {"epochs": 1}},
        environment={"backend": {"name": "numpy", "threads": "4"}},
    )
    assert [tuple(d) for d in differing([record(), other])] == [
        ("configuration", "seed", (0, 1)),
        ("configuration", "training.optimizer.name", ("sgd", "adam")),
        ("configuration", "training.optimizer.lr", ("-", 0.01)),
        ("network", "layers.0.units", (8, 16)),
        ("network", "layers.1.type", ("ReLU", "-")),
        ("data", "limit", (100, "-")),
        ("environment", "backend.threads", ("2", "4")),
    ]
    assert (
        "configuration:\n"
        "                           runs/one  runs/two\n"
        "  seed                     0         1\n"
        "  training.optimizer.name  sgd       adam\n"
    ) in str(compare_runs(record(), other))


def test_a_hyperparameter_that_is_not_named_has_its_default() -> None:
    dropout = [{"type": "Dropout", "rate": 0.5}, {"type": "Conv2D", "stride": 1}, {"type": "Own"}]
    one = record(network={"layers": dropout})
    layers = [{"type": "Dropout"}, {"type": "Conv2D", "stride": 2}, {"type": "Own", "by": 1}]
    loss = {"type": "SoftmaxCrossEntropy", "label_smoothing": 0.1}
    other = record(network={"layers": layers, "loss": loss})
    assert [tuple(d)[1:] for d in differing([one, other])] == [
        ("layers.1.stride", (1, 2)),
        ("loss.label_smoothing", (0.0, 0.1)),
        ("layers.2.by", ("-", 1)),
    ]


def test_columns_line_up_behind_wide_characters() -> None:
    assert table([("", "runs/猫"), ("seed", "0"), ("lr", "1")]) == [
        "        runs/猫",
        "  seed  0",
        "  lr    1",
    ]
    assert table([("a", "b"), ("猫", "0"), ("lr", "1")]) == ["  a   b", "  猫  0", "  lr  1"]


def test_of_three_runs_a_key_that_one_has_different() -> None:
    runs = [record(), record(), record(config={**record().config, "seed": 5})]
    assert [tuple(d) for d in differing(runs)] == [("configuration", "seed", (0, 0, 5))]


@pytest.mark.parametrize(
    ("line", "figure", "value", "words"),
    [
        (
            0,
            "val_loss",
            1.75,
            "different from the start; after update 2, val_loss 1.5 and 1.75, 0.25",
        ),
        (1, "loss", 2.5, "equal to update 2; after update 4 (epoch 1), loss 2 and 2.5, 0.5 apart"),
        (2, "accuracy", 0.5, "equal to update 4; after update 8 (epoch 2), accuracy 0.75 and 0.5"),
    ],
)
def test_where_losses_part(line: int, figure: str, value: float, words: str) -> None:
    lines = [dict(table) for table in LINES]
    lines[line][figure] = value
    assert f"losses: {words}" in str(compare_runs(record(), record(lines=tuple(lines))))


def test_seconds_are_no_figure_and_runs_of_other_lengths_share_what_both_have() -> None:
    lines = [{**table, "seconds": 9.0} for table in LINES[:2]]
    found = compare_runs(record(), record(lines=tuple(lines)))
    assert (found.first_difference, found.compared) == (None, 5)
    assert found.best == (1.0, 1.25)
    empty = compare_runs(record(), record(lines=()))
    assert "losses: no update after which both have figures" in str(empty)


def test_weights_of_finished_runs(tmp_path: Path) -> None:
    """Losses may be equal to the last bit where weights are not."""
    model = Model([Dense(2), BatchNorm(), Dense(2)], input_shape=(3,))
    runs = [record(path=tmp_path / name) for name in ("one", "two")]
    for run in runs:
        run.path.mkdir()
        assert compare_runs(runs[0], run).weights is None
        model.save(run.path / "model.safetensors")
    equal = "weights: all 8 arrays are equal"
    assert str(compare_runs(*runs)).endswith(f"\nbest val loss: 1 and 1\n{equal}")
    weights = {
        "layers.2.bias": numpy.asarray([0.5, 0.0]),
        "layers.1.var": numpy.asarray([1.0, 9.0]),
    }
    model.set_weights(weights)
    model.save(runs[0].path / "model.safetensors")
    model.set_weights({path: x + 0.25 for path, x in weights.items()})
    model.save(runs[1].path / "model.safetensors")
    found = compare_runs(*runs)
    assert found.first_difference is None
    assert str(found).endswith(
        "weights: 2 of 8 arrays differ, most of all layers.2.bias: by up to 0.25, its largest "
        "value is 0.5"
    )
    assert found.as_dict()["weights"]["by"] == 0.25
    Model([Dense(4), Dense(2)], input_shape=(3,)).save(runs[1].path / "model.safetensors")
    assert str(compare_runs(*runs)).endswith("weights: no array in both; 10 in one run only")


def test_records_of_damaged_folders_are_rejected(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"is not a run folder: it has no config\.toml"):
        read_run(tmp_path)
    (tmp_path / "config.toml").write_text("seed = 0\n")
    (tmp_path / "model.toml").write_text("layers = [")
    with pytest.raises(CheckpointError, match="not valid TOML"):
        read_run(tmp_path)
    (tmp_path / "model.toml").write_text("layers = []\n")
    (tmp_path / "metrics.jsonl").write_text(f"{json.dumps(LINES[1])}\n[1]\n")
    with pytest.raises(CheckpointError) as caught:
        read_run(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path / 'metrics.jsonl'}: holds a list, expected a table\n"
        "Try: the file that the run wrote"
    )
    (tmp_path / "metrics.jsonl").write_text('{"epoch": ')
    with pytest.raises(CheckpointError, match="not valid JSON"):
        read_run(tmp_path)
    (tmp_path / "metrics.jsonl").write_text("")
    assert read_run(tmp_path).lines == ()
