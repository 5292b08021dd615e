"""Variables of the environment: those with mistakes are named, unknown ones are warned of."""

from pathlib import Path

import pytest

from tests.cli.conftest import Cli


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("EPOCHS", "0", "epochs is 0, expected a whole number of at least 1\nTry: XPCNN_EPOCHS=10"),
        (
            "LR",
            "nan",
            "training.optimizer (sgd): lr is nan, expected a finite number\nTry: XPCNN_LR=",
        ),
        ("OPTIMIZER", "ada", "training.optimizer: unknown optimizer 'ada'\nTry: 'adam' (valid: "),
        ("LIMIT", "0", "limit must be a whole number of at least 1, got 0\nTry: leave it out"),
        ("VALIDATION", "2", "the validation fraction must be in [0, 1), got 2.0\nTry: 0.1 for"),
    ],
)
def test_an_error_names_the_variable(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(f"XPCNN_{name}", value)
    assert cli("train", "--dry-run").err.startswith(f"error: XPCNN_{name}: {said}")


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("XPCNN_BATCHSIZE", "XPCNN_BATCH_SIZE"),
        ("XPCNN_EPOCH", "XPCNN_EPOCHS"),
        ("XPCNN_NUM_THREAD", "XPCNN_NUM_THREADS"),
        ("XPCNN_COMPILERS", "XPCNN_COMPILER"),
        ("XPCNN_SUBMISION", "XPCNN_SUBMISSION"),
    ],
)
def test_unknown_variables_are_warned_of(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, name: str, nearest: str
) -> None:
    """Other programs have variables of this name too."""
    monkeypatch.setenv(name, "3")
    warning = (
        f"warning: environment variable {name} is unknown and has no effect\nTry: '{nearest}', "
    )
    for command, code in ((("summary", "tiny"), 0), (("info",), 0), (("evaluate", "run"), 1)):
        ran = cli(*command)
        assert ran.code == code
        assert ran.err.startswith(warning)
        assert ran.err.splitlines()[1].endswith(", see `xpcnn train --help`")
        assert ran.err.count("XPCNN_") <= 4
        assert "MARCH" not in ran.err  # the letters of the prefix count for nothing
    assert cli("--help").code == 0


def test_the_variables_of_other_commands_are_known(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (
        "NUM_THREADS",
        "CUDA_KERNELS",
        "TEST_DATA",
        "FIGURES",
        "PART",
        "ROWS",
        "VERBOSE",
        "DATA_DIR",
    ):
        monkeypatch.setenv(f"XPCNN_{name}", "1")
    assert cli("summary", "tiny").code == 0


def test_a_folder_that_the_data_do_not_need_is_not_recorded(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XPCNN_DATA_DIR", "downloads")
    ran = cli("train", "--limit", "40", "--epochs", "1", "--out", "run")
    assert ran.code == 0
    assert "data-dir" not in Path("run/config.toml").read_text() + ran.err
