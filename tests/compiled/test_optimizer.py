"""Steps of SGD and Adam in C: within their memory, and the same bits on any number of threads."""

from typing import Any

import numpy
import pytest

from tests.compiled.support import Box, compiled, cut, require_compiler
from tests.lib import Host
from xpcnn.optimizers import SGD, Adam

SHAPES = [(1,), (7, 1), (3, 3), (16,), (5, 13), (), (100, 10)]
RULES: list[Any] = [SGD(), SGD(momentum=0.5), SGD(momentum=0.5, nesterov=True), Adam()]
TIME = [numpy.asarray(value, "float32") for value in (0.5, 1)]


@pytest.fixture(autouse=True)
def _compiler() -> None:
    require_compiler()


class Boxes:
    """Arrays between guards."""

    def __init__(self) -> None:
        self.all: list[Box] = []

    def copy(self, x: Host) -> Host:
        self.all.append(Box(x, len(self.all)))
        return self.all[-1].inner

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Host:
        return self.copy(numpy.zeros(shape, dtype))

    def hold(self) -> bool:
        return all(box.holds() for box in self.all)


def params(seed: int, boxes: Boxes) -> dict[str, Host]:
    rng = numpy.random.default_rng(seed)
    return {str(s): boxes.copy(numpy.asarray(rng.standard_normal(s), "float32")) for s in SHAPES}


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_steps_stay_in_their_memory_and_are_the_same_on_any_number_of_threads(
    rule: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = compiled.KERNELS[type(rule).__name__.lower()]
    seen = set()
    for pieces, threads in ((1, 1), (2, 2), (5, 3), (40, 2)):  # more pieces than numbers, too
        boxes = Boxes()
        given = params(0, boxes), params(1, boxes)
        state = {name: params(0, boxes) for name in rule.init(given[0])}
        for memory in state.values():
            memory.update({path: abs(x) for path, x in memory.items()})
        monkeypatch.setattr(numpy, "empty", boxes.empty)
        with cut(pieces, threads):
            new, after = kernel(rule, *given, state, *TIME)
        monkeypatch.undo()
        assert boxes.hold()
        arrays = [x for held in (new, *after.values()) for x in held.values()]
        assert len(arrays) == len(SHAPES) * (1 + len(state))
        assert all(numpy.isfinite(x).all() for x in arrays)
        seen.add(b"".join(x.tobytes() for x in arrays))
    assert len(seen) == 1


@pytest.mark.parametrize("size", [10, 45])
@pytest.mark.parametrize(
    "rule", [SGD(), SGD(momentum=0.9), SGD(momentum=0.9, nesterov=True), Adam()], ids=str
)
def test_the_bits_do_not_depend_on_where_arrays_lie(
    rule: Any, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in processes that share an update: their arrays lie at other places."""
    kernel = compiled.KERNELS[type(rule).__name__.lower()]
    values = [numpy.random.default_rng(i).random(size, "float32") for i in range(4)]
    time = [numpy.asarray(value, "float32") for value in (0.01, 3)]  # products that are rounded
    seen = set()
    for trial in range(100):
        rng = numpy.random.default_rng(trial)
        starts = numpy.cumsum(rng.integers(0, 20, 8)) + size * numpy.arange(8)
        memory = numpy.empty(starts[-1] + size, "float32")
        places = [memory[start : start + size] for start in rng.permutation(starts)]
        for place, x in zip(places, values, strict=False):
            place[...] = x
        p, g, *held = ({"w": place} for place in places[:4])
        state = dict(zip(rule.init(p), held, strict=False))
        left = iter(places[4:])
        with monkeypatch.context() as patch:
            patch.setattr(numpy, "empty", lambda shape, dtype, left=left: next(left))
            new, after = kernel(rule, p, g, state, *time)
        seen.add(b"".join(x["w"].tobytes() for x in (new, *after.values())))
    assert len(seen) == 1
