"""Which of cuDNN's engines were chosen: kept in a file, told to people, recorded by runs."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cuda_on_host.arrays import from_host
from tests.cuda_on_host.cudnn import Library
from tests.cuda_on_host.opened_cudnn import (
    EXACT,
    WAYS,
    Opened,
    choices,
    cudnn,
    given,
    problem_of,
    put_stand_ins,
    results,
)
from tests.ops.exact import draw
from xpcnn import ops
from xpcnn.cli.run_record import Engines, write_environment
from xpcnn.environment import describe
from xpcnn.training import Epoch


@pytest.fixture(autouse=True)
def _stand_ins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    put_stand_ins(monkeypatch, tmp_path)


def test_the_next_process_makes_no_trial(tmp_path: Path) -> None:
    values, _ = problem_of("conv2d", "plain", "float32")
    results(ops.conv2d, *given(values))
    first = Opened()
    results(ops.conv2d, *given(values))
    assert len(first.used) > 3
    told = {f"{way} 3x4x7x6 5x4x3x3 stride (1, 1)": "engine 15 NCHW 5.0000 ms" for way in WAYS}
    found = {name.partition(" padding")[0]: text for name, text in first.backend.engines().items()}
    assert found == told
    again = Opened()
    results(ops.conv2d, *given(values))
    assert again.used == {(way, "NCHW", EXACT) for way in WAYS}
    [file] = (tmp_path / "cudnn").iterdir()
    assert file.name.startswith("NVIDIA-Test-")
    assert json.loads(file.read_text())["device"] == {
        "card": "NVIDIA Test",
        "driver": "13.0",
        "cudnn": "9.28.1",
    }


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: whole | {"format": 0},
        lambda whole: whole | {"device": {"card": "another"}},
        lambda whole: whole | {"choices": []},
        lambda whole: [],
        lambda whole: whole | {"choices": {n: [c] for n, c in whole["choices"].items()}},
        *(
            lambda whole, entry=entry: (
                whole | {"choices": {n: c | entry for n, c in whole["choices"].items()}}
            )
            for entry in (
                {"order": "CHWN"},
                {"mode": "B"},
                {"place": -1},
                {"place": True},
                {"engine": 11},
                {"place": 1, "engine": 11},  # which may not be used
                {"place": 10**9},
                {"milliseconds": "1"},
                {"more": 1},
            )
        ),
    ],
)
def test_a_file_that_is_not_valid_is_not_heeded(tmp_path: Path, damage: Any) -> None:
    values, _ = problem_of("conv2d", "plain", "float32")
    opened = Opened()
    results(ops.conv2d, *given(values))
    [file] = (tmp_path / "cudnn").iterdir()
    file.write_text(json.dumps(damage(json.loads(file.read_text()))))
    opened = Opened()
    results(ops.conv2d, *given(values))
    assert {number for _, _, number in opened.used} == {EXACT, 16, 17}
    assert json.loads(file.read_text())["choices"] != {}


def test_choices_of_other_processes_stay() -> None:
    identity = {"card": "a card", "driver": "13.0", "cudnn": "9.0.0"}
    one, other = choices.Choices(identity), choices.Choices(identity)
    chosen = choices.Choice("NHWC", "A", 3, 5, 0.25)
    one.keep("first", chosen)
    other.keep("second", chosen)
    assert choices.Choices(identity).known == {"first": chosen, "second": chosen}
    assert choices.Choices(identity | {"driver": "13.1"}).known == {}


def test_a_cache_that_cannot_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(choices, "folder", lambda: tmp_path / "file")
    Opened()
    with pytest.warns(UserWarning, match="cannot be written .*: the next process chooses"):
        ops.conv2d(from_host(draw(1, 1, 3, 3)), from_host(draw(1, 1, 2, 2)))


def test_the_folder_of_choices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", "/a/cache")
    assert choices.folder() == Path("/a/cache/xpcnn/cudnn")


def test_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Opened()
    facts = opened.backend.describe()
    assert (facts["kernels"], facts["cudnn"]) == ("on, convolutions by cuDNN", "9.28.1")
    ops.conv2d(from_host(draw(1, 1, 3, 3)), from_host(draw(1, 1, 2, 2)))
    monkeypatch.setattr(cudnn, "load", lambda: cudnn.Api(Library()))
    monkeypatch.setenv("XPCNN_CUDA_KERNELS", "cudnn")
    [(convolution, engine)] = describe()["engines"].items()
    assert convolution.startswith("forward 1x1x3x3 1x1x2x2 stride (1, 1) padding ")
    assert engine == "engine 15 NCHW 5.0000 ms"
    assert "cudnn" not in Opened("1").backend.describe()
    assert Opened("1").backend.engines() == {}


def test_a_run_records_them(tmp_path: Path) -> None:
    opened = Opened()
    write_environment(tmp_path, opened.backend)
    noted = Engines(tmp_path, opened.backend)
    ended = Epoch(1, 0.5, 0.5, None, None, 0.1, 1.0, 1.0, 1)

    def recorded() -> Any:
        return json.loads((tmp_path / "environment.json").read_text()).get("engines")

    noted.on_epoch_end(ended)
    assert recorded() is None
    ops.conv2d(from_host(draw(1, 1, 3, 3)), from_host(draw(1, 1, 2, 2)))
    assert recorded() is None
    noted.on_epoch_end(ended)
    assert recorded() == opened.backend.engines() != {}
