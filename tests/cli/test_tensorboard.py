"""`xpcnn train --tensorboard`: event files in the run's folder, or what to install."""

from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.cli.process import TINY
from xpcnn.training import tensorboard


@pytest.mark.filterwarnings("ignore")  # of the library that writes the files
def test_event_files_are_in_the_folder_of_the_run(cli: Cli, tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX", reason="tensorboardX is not installed")
    ran = cli("train", *TINY, "--tensorboard", "--out", "run")
    assert ran.code == 0
    assert "\ncurves: tensorboard --logdir run\n" in ran.err
    (file,) = (tmp_path / "run" / "tensorboard").iterdir()
    assert file.stat().st_size > 200
    assert "tensorboard = true" in (tmp_path / "run" / "config.toml").read_text()


def test_without_the_package_nothing_is_begun(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tensorboard, "find_spec", lambda name: None)
    ran = cli("train", *TINY, "--tensorboard", "--out", "run")
    assert ran.code == 1
    assert ran.err == (
        "error: writing for TensorBoard needs tensorboardX, which is not installed\n"
        "Try: pip install 'xpcnn[tensorboard]'\n"
    )
    assert not (tmp_path / "run").exists()
