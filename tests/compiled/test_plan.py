"""Plans: the same bits as the layers, and none where NumPy takes part."""

import copy
import gc
import threading
import weakref
from importlib import import_module
from typing import Any

import numpy
import pytest

from tests.compiled.support import PACKAGE, require_compiler
from tests.lib import Host
from xpcnn import ops
from xpcnn.layers import (
    Context,
    Conv2D,
    Dense,
    Flatten,
    Layer,
    MaxPool2D,
    ReLU,
    Residual,
    Sigmoid,
)
from xpcnn.models import preset
from xpcnn.network import Network
from xpcnn.types import Array, LayerPullback, Params, Shape, map_tree

plan: Any = import_module(f"{PACKAGE}.plan")

SMALL = [Conv2D(3, 3), ReLU(), MaxPool2D(2), Conv2D(4, 2, stride=2), Flatten(), Dense(5), Sigmoid()]


@pytest.fixture(autouse=True)
def _kernels(request: pytest.FixtureRequest) -> None:
    require_compiler()
    if request.config.getoption("--no-kernels"):
        pytest.skip("kernels: turned off by --no-kernels")


def network(layers: Any, shape: Shape = (2, 9, 9)) -> Network:
    """Return a network with parameters that are not 0."""
    made = Network(layers, input_shape=shape)
    rng = numpy.random.default_rng(0)
    made.params = map_tree(made.params, lambda p: p + rng.uniform(0.1, 0.2, p.shape).astype("f4"))
    return made


def images(made: Network, n: int, seed: int) -> Host:
    return numpy.random.default_rng(seed).normal(size=(n, *made.input_shape)).astype("float32")


def by_layers(made: Network, x: Host) -> Host:
    scores: Host = made.layers.forward(made.params, made.buffers, x, Context())[0]
    return scores


def plans(made: Network) -> list[Any]:
    return list(vars(made)["_replay"].plans.values())


def check(made: Network, n: int = 1, *, planned: bool = True) -> None:
    """Require the bits of the layers for several images, by one plan or without one."""
    for seed in range(3):
        x = images(made, n, seed)
        assert made.scores(x).tobytes() == by_layers(made, x).tobytes()
    assert [one is not None for one in plans(made)] == [planned]


@pytest.mark.parametrize("name", ["tiny", "kaggle", "two-conv", "lenet5", "sigmoid-binary"])
def test_presets(name: str) -> None:
    found = preset(name)
    for n in (1, 3, 9):
        check(network(found.layers, found.input_shape), n)


def test_any_order_of_memory() -> None:
    made = network(SMALL)
    last = numpy.moveaxis(images(made, 3, 5), 0, -1).copy()
    for x in (numpy.moveaxis(last, -1, 0), images(made, 3, 6)[:, ::-1], images(made, 6, 6)[::2]):
        assert (made.scores(x) == by_layers(made, x)).all()
    assert len(plans(made)) == 1
    x = images(made, 1, 7)
    between = numpy.frombuffer(b"." + x.tobytes(), x.dtype, x.size, 1).reshape(x.shape)
    for one in (x, between, x):  # where a number of C may not lie
        assert (made.scores(one) == by_layers(made, x)).all()
    assert len(plans(made)) == 2


def test_results_are_not_written_again() -> None:
    made = network(SMALL)
    first = made.scores(images(made, 1, 0))
    before = first.copy()
    made.scores(images(made, 1, 1))
    assert first.flags.writeable
    assert (first == before).all()


def test_large_results_lie_in_new_memory() -> None:
    """They are not copied; in any memory order."""
    made = network([Conv2D(8, 3), ReLU(), Flatten(), Dense(600)])
    check(made, 20)
    (found,) = plans(made)
    assert len(found.fresh) == 1
    first = made.scores(images(made, 20, 0))
    assert first.strides == by_layers(made, images(made, 20, 0)).strides
    before, other = first.copy(), made.scores(images(made, 20, 1))
    assert first.flags.writeable
    assert (first == before).all()
    assert not numpy.shares_memory(first, other)


def test_changed_and_replaced_parameters_are_seen() -> None:
    made = network(SMALL)
    check(made)
    made.params["layers.0"]["weight"][...] *= 2
    check(made)
    made.params["layers.3"]["bias"] = made.params["layers.3"]["bias"] + 1
    check(made)
    made.params = map_tree(made.params, lambda p: p * 2)
    check(made)


def test_replaced_parameters_are_freed_by_the_next_run() -> None:
    """At once, not when the garbage collector runs."""
    made = network(SMALL)
    check(made)
    old = weakref.ref(made.params["layers.0"]["weight"])
    gc.disable()
    try:
        for _ in range(2):
            made.params = map_tree(made.params, numpy.copy)
            made.scores(images(made, 1, 0))
        assert old() is None
    finally:
        gc.enable()


def test_copies_have_plans_of_their_own() -> None:
    made = network(SMALL)
    check(made)
    copied = copy.deepcopy(made)
    copied.params["layers.0"]["weight"][...] *= 2
    assert plans(copied) == []
    check(copied)
    check(made)


class Own:
    """A layer of NumPy calls: `change(x)`."""

    def __init__(self, change: Any, kind: Layer | None = None) -> None:
        self.change, self.kind = change, kind

    def init(self, shape: Shape, draw: Any) -> tuple[Params, Params, Shape]:
        return {}, {}, shape

    def forward(
        self, params: Params, buffers: Params, x: Array, ctx: Context
    ) -> tuple[Array, Params, LayerPullback]:
        def pullback(dy: Array, want_dx: bool = True) -> tuple[Array | None, Params]:
            raise NotImplementedError

        y = self.change(x)
        if self.kind is not None:
            y = self.kind.forward(params, buffers, y, ctx)[0]
        return y, {}, pullback


def raised(x: Host) -> Host:
    x += 1
    return x


CHANGES = {
    "at the end": (Own(lambda x: x * 2), None),
    "within": (Own(lambda x: x * 2, ReLU()), Sigmoid()),
    "in place": (Own(raised), ReLU()),
    "in place of a view": (Own(lambda x: raised(x[:, 1:])[:, ::-1]), None),
    "nothing of x": (Own(numpy.ones_like, ReLU()), None),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_no_plan_where_numpy_computes(kind: str) -> None:
    own = [layer for layer in CHANGES[kind] if layer is not None]
    made = network([Flatten(), Dense(5), *own], (4, 1, 1))
    vars(made)["_replay"].may_record = lambda *held: True
    check(made, 2, planned=False)


def by_mean(x: Host) -> Host:
    y: Host = ops.leaky_relu(x, slope=min(1.0, float(abs(x).mean())))[0]
    return y


@pytest.mark.parametrize("container", [lambda own: own, lambda own: Residual(own)])
def test_no_plan_of_layers_that_may_decide_by_numbers(container: Any) -> None:
    layers = [Conv2D(3, 3), container(Own(by_mean)), Flatten(), Dense(5)]
    check(network(layers), 2, planned=False)


def test_no_plan_of_large_arrays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "MOST_BYTES", 1 << 25)
    made = network([Conv2D(3, 1), ReLU(), Flatten(), Dense(1)], (1, 64, 64))
    check(made, 128)
    x = images(made, 800, 0)
    made.scores(x[:600])
    assert [one is not None for one in plans(made)] == [True]  # the other had no room beside it
    made.scores(x)
    assert [one is not None for one in plans(made)] == [True, False]


def test_no_plan_of_arrays_that_are_spread_over_much_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is not tried again with each call."""
    made = network([Conv2D(8, 3), ReLU(), Conv2D(8, 3), ReLU(), Flatten(), Dense(1)], (1, 64, 64))
    made.scores(images(made, 16, 0))
    (found,) = plans(made)
    monkeypatch.setattr(plan, "MOST_BYTES", found.bytes - 1)
    check(copy.deepcopy(made), 16, planned=False)


def test_an_error_is_the_one_of_the_layers() -> None:
    made = network(SMALL)
    with pytest.raises(ValueError, match="channels"):
        made.scores(numpy.ones((1, 3, 9, 9), "float32"))
    check(network(SMALL))


def test_at_most_some_plans() -> None:
    made = network(SMALL)
    for n in range(1, 8):
        made.scores(images(made, n, 0))
    assert len(plans(made)) == 4


def test_threads_at_once() -> None:
    made = network(SMALL)
    xs = [images(made, 1, seed) for seed in range(8)]
    expected = [by_layers(made, x).tobytes() for x in xs]
    wrong: list[int] = []

    def work(i: int) -> None:
        wrong.extend(i for _ in range(200) if made.scores(xs[i]).tobytes() != expected[i])

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_plan_that_does_not_fit_and_that_another_thread_has_dropped() -> None:
    replay = plan.Replay(lambda *others: True)
    x = numpy.ones((2, 3), "float32")
    replay(lambda x: (ops.relu(x)[0],), "key", x)
    (made,) = replay.plans.values()

    def fits(arrays: Any) -> bool:
        replay.plans = {}
        return False

    made.fits = fits
    (y,) = replay(lambda x: (ops.relu(x)[0],), "key", x)
    assert y.tobytes() == x.tobytes()
