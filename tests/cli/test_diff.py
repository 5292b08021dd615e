"""`xpcnn diff` on folders that runs wrote."""

import json
from pathlib import Path

from tests.cli.conftest import Cli
from tests.cli.process import TINY


def test_two_runs(cli: Cli, trained: Path) -> None:
    assert cli("train", *TINY, "--quiet", "--seed", "1", "--out", "other").code == 0
    ran = cli("diff", trained, "other")
    assert (ran.code, ran.err) == (0, "")
    assert "\n  seed  " in ran.out
    assert "network: the same\n" in ran.out
    assert "losses: different from the start; after update " in ran.out
    answer = json.loads(cli("diff", trained, "other", "--json").out)
    assert ["configuration", "seed", [0, 1]] in [[*d.values()] for d in answer["differences"]]
    assert answer["first_difference"]["before"] is None
    assert answer["weights"]["differing"] > 0
    assert json.loads(cli("diff", trained, trained, "--json").out)["first_difference"] is None


def test_no_run(cli: Cli, trained: Path) -> None:
    ran = cli("diff", trained, trained / "model.toml")
    assert ran.code == 1
    assert "is not a run folder: it is a file\nTry: the folder " in ran.err
