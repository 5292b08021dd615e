"""How convolutions were chosen to be computed: kept in a file, told to people, recorded by runs."""

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy
import pytest

from tests import fake_cupy
from tests.cuda_on_host import streams
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
from tests.no_home import without_home
from tests.ops.exact import draw
from xpcnn import ops
from xpcnn.cli.run_record import ConvMethods, write_environment
from xpcnn.environment import describe
from xpcnn.layers import Dense
from xpcnn.network import Network
from xpcnn.training import Epoch

autotuner: Any = import_module("xpcnn.backends.cupy_kernels.autotuner")

CONVOLVE = {"conv", "conv_dx", "conv_dw", "im2col", "finish", "spread", "col2im"}
"""Kernels that our own methods launch."""


@pytest.fixture(autouse=True)
def _stand_ins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    put_stand_ins(monkeypatch, tmp_path)


def test_the_next_process_times_no_method(tmp_path: Path) -> None:
    values, _ = problem_of("conv2d", "plain", "float32")
    results(ops.conv2d, *given(values))
    first = Opened()
    results(ops.conv2d, *given(values))
    assert len(first.used) > 3
    told = {
        f"{way} 3x4x7x6 5x4x3x3 stride (1, 1)": "cuDNN engine 15 NCHW 5.0000 ms" for way in WAYS
    }
    methods = first.backend.conv_methods()
    found = {name.partition(" padding")[0]: text for name, text in methods.items()}
    assert found == told
    again = Opened()
    results(ops.conv2d, *given(values))
    assert again.used == {(way, "NCHW", EXACT) for way in WAYS}
    [file] = (tmp_path / "cudnn").iterdir()
    assert file.name.startswith("NVIDIA-Test-")
    device = json.loads(file.read_text())["device"]
    assert len(device.pop("kernels")) == 16
    assert device == {
        "card": "NVIDIA Test",
        "driver": "13.0",
        "cudnn": "9.28.1",
        "products": "cuBLAS",
    }


@pytest.mark.parametrize("what", ["kernels", "products"])
def test_changed_kernels_are_tried_again(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    values, _ = problem_of("conv2d", "plain", "float32")
    Opened()
    results(ops.conv2d, *given(values))
    if what == "kernels":
        monkeypatch.setattr(autotuner, "source", lambda file: "other")
    opened = Opened("cudnn" if what == "kernels" else "cudnn-graph")
    results(ops.conv2d, *given(values))
    assert len(opened.used) > 3


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: whole | {"format": 0},
        lambda whole: whole | {"device": {"card": "another"}},
        lambda whole: whole | {"choices": []},
        lambda whole: [],
        *(
            lambda whole, entry=entry: whole | {"choices": dict.fromkeys(whole["choices"], entry)}
            for entry in (
                5.0,
                ["direct"],
                ["winograd", 5.0],
                ["direct", 5],
                [["CHWN", "A", 5, 15], 5.0],
                [["NCHW", "B", 5, 15], 5.0],
                [["NCHW", "A", -1, 15], 5.0],
                [["NCHW", "A", True, 15], 5.0],
                [["NCHW", "A", 5, 11], 5.0],
                [["NCHW", "A", 1, 11], 5.0],  # which may not be used
                [["NCHW", "A", 10**9, 15], 5.0],
                [["NCHW", "A", 5, 15], "1"],
                [["NCHW", "A", 5, 15, 1], 5.0],
                [["NCHW", "A", 5, 15], 5.0, 1],
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
    chosen = choices.Choice(choices.Engine("NHWC", "A", 3, 5), 0.25)
    one.keep("first", chosen)
    other.keep("second", choices.Choice("direct", 0.5))
    known = choices.Choices(identity).known
    assert known == {"first": chosen, "second": choices.Choice("direct", 0.5)}
    assert [*map(str, known.values())] == ["cuDNN engine 5 NHWC 0.2500 ms", "direct 0.5000 ms"]
    assert choices.Choices(identity | {"driver": "13.1"}).known == {}


def test_a_cache_that_cannot_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(choices, "folder", lambda: tmp_path / "file")
    Opened()
    with pytest.warns(UserWarning, match="cannot be written .*: the next process times"):
        ops.conv2d(from_host(draw(1, 1, 3, 3)), from_host(draw(1, 1, 2, 2)))


def test_without_a_home_choices_are_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    without_home(monkeypatch)
    found = choices.Choices({"card": "NVIDIA H200"})
    with pytest.warns(UserWarning, match="cannot be written .*home.*: the next process times"):
        found.keep("first", choices.Choice("direct", 0.5))
    assert found.known == {"first": choices.Choice("direct", 0.5)}


def test_the_folder_of_choices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", "/a/cache")
    assert choices.folder() == Path("/a/cache/xpcnn/convolutions")


def test_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Opened()
    facts = opened.backend.describe()
    assert (facts["kernels"], facts["cudnn"]) == ("on, convolutions by cuDNN", "9.28.1")
    ops.conv2d(from_host(draw(1, 1, 3, 3)), from_host(draw(1, 1, 2, 2)))
    monkeypatch.setattr(cudnn, "load", lambda: cudnn.Api(Library()))
    monkeypatch.setenv("XPCNN_CUDA_KERNELS", "cudnn")
    [(convolution, engine)] = describe()["engines"].items()
    assert convolution.startswith("forward 1x1x3x3 1x1x2x2 stride (1, 1) padding ")
    assert engine == "cuDNN engine 15 NCHW 5.0000 ms"
    assert "cudnn" not in Opened("1").backend.describe()
    assert Opened("1").backend.conv_methods() == {}


def test_a_run_records_them(tmp_path: Path) -> None:
    opened = Opened()
    network = Network([Dense(1)], input_shape=(1,), backend=opened.backend)
    write_environment(tmp_path, network, 1)
    noted = ConvMethods(tmp_path, network, 1)
    ended = Epoch(1, 0.5, 0.5, None, None, 0.1, 1.0, 1.0, 1)

    def recorded() -> Any:
        return json.loads((tmp_path / "environment.json").read_text()).get("engines")

    noted.on_epoch_end(ended)
    assert recorded() is None
    ops.conv2d(from_host(draw(1, 1, 3, 3)), from_host(draw(1, 1, 2, 2)))
    assert recorded() is None
    noted.on_epoch_end(ended)
    assert recorded() == opened.backend.conv_methods() != {}


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize(
    ("fast", "launched", "by_cudnn"),
    [
        (["conv"], "conv", {"dx", "dw"}),
        (["conv_dx", "conv_dw"], "conv_dx conv_dw", {"forward"}),
        (["im2col"], "im2col finish", {"dx", "dw"}),
        (["spread"], "spread col2im", {"forward", "dw"}),  # dw needs im2col besides
        (["spread", "im2col"], "im2col finish spread im2col col2im", set()),
    ],
    ids=["forward", "dx and dw", "forward over patches", "dx over patches", "all over patches"],
)
def test_our_own_methods_are_tried_too(
    fast: list[str],
    launched: str,
    by_cudnn: set[str],
    dtype: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each direction is by the fastest, also in the next process, and gets what another left."""
    for kernel in fast:
        monkeypatch.setitem(streams.device.of_a_launch, kernel, 0.5)
    (x, w, b, _), _ = problem_of("conv_relu_pool", "plain", dtype)
    rule: dict[str, Any] = {"padding": 1, "pool": 2}
    y, back = ops.conv_relu_pool(x, w, b, **rule)
    dy = numpy.rint(2 * draw(*y.shape, seed=3)).astype(dtype)
    Opened()
    results(ops.conv_relu_pool, *given([x, w, b, dy]), **rule)
    for _ in range(2):
        opened = Opened()
        fake_cupy.launches.clear()
        found = results(ops.conv_relu_pool, *given([x, w, b, dy]), **rule)
        for got, expected in zip(found, [y, *back(dy)], strict=True):
            numpy.testing.assert_array_equal(got, expected)
        assert [name for name in fake_cupy.launches if name in CONVOLVE] == launched.split()
        assert {way for way, _, _ in opened.used} == by_cudnn
