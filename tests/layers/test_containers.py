"""Containers: composition, paths, what is asked of the first layers, and what is kept."""

import gc
import textwrap
import weakref
from dataclasses import dataclass, field
from typing import Any

import numpy
import pytest

from tests.compare import assert_same
from tests.lib import Lib
from xpcnn.errors import XpcnnError
from xpcnn.initializers import Constant, Draw
from xpcnn.layers import (
    BatchNorm,
    Concat,
    Context,
    Conv2D,
    Dense,
    Flatten,
    GlobalAvgPool2D,
    Identity,
    Layer,
    MaxPool2D,
    Multiply,
    ReLU,
    Residual,
    Sequential,
)
from xpcnn.types import Array, Params, Shape, flatten


@dataclass(frozen=True)
class Times:
    """Multiply by a learnt number; note where it ran, what it keeps, whether dx was wanted."""

    factor: float = 2.0
    learnt: bool = True
    notes: list[Any] = field(default_factory=list)

    def init(self, shape: Shape, draw: Draw) -> tuple[Params, Params, Shape]:
        params = {"factor": numpy.full((), self.factor, "float32")} if self.learnt else {}
        return params, {"calls": numpy.zeros((), "float32")}, shape

    def forward(
        self, params: Params, buffers: Params, x: Array, ctx: Context
    ) -> tuple[Array, Params, Any]:
        factor = params["factor"] if self.learnt else self.factor
        kept = x.copy()
        alive = sum(reference() is not None for _, reference, _ in self.notes)
        self.notes.append((ctx.path, weakref.ref(kept), alive))

        def back(dy: Array, want_dx: bool = True) -> tuple[Array | None, Params]:
            self.notes.append((ctx.path, want_dx))
            grads = {"factor": (dy * kept).sum()} if self.learnt else {}
            return (dy * factor if want_dx else None), grads

        return x * factor, {"calls": buffers["calls"] + 1.0}, back


def run(
    network: Layer, x: Any, *, grad: bool = True
) -> tuple[Any, dict[str, Any], Any, dict[str, Any]]:
    """Return y, the buffers by path, the pullback, and the parameters by path, on NumPy."""
    x = numpy.asarray(x, "float32")
    params, buffers, out = network.init(x.shape[1:], Draw(0))
    y, new, back = network.forward(params, buffers, x, Context(True, grad))
    assert y.shape[1:] == out
    return y, flatten(new), back, flatten(params)


def floats(arrays: dict[str, Any]) -> dict[str, float]:
    return {path: float(a) for path, a in arrays.items()}


def test_sequential_is_the_chain_rule() -> None:
    y, buffers, back, params = run(Sequential([Times(2.0), Times(3.0), Times(5.0)]), [[1.0]])
    assert y.tolist() == [[30.0]]
    assert list(params) == ["layers.0.factor", "layers.1.factor", "layers.2.factor"]
    assert floats(buffers) == {"layers.0.calls": 1, "layers.1.calls": 1, "layers.2.calls": 1}
    dx, grads = back(numpy.ones((1, 1), "float32"))
    assert dx.tolist() == [[30.0]]
    expected = {"layers.0.factor": 15.0, "layers.1.factor": 10.0, "layers.2.factor": 6.0}
    assert floats(flatten(grads)) == expected


def test_the_layers_of_a_network_are_counted_and_found_by_place() -> None:
    network = Sequential([Times(2.0), Times(3.0)])
    assert len(network) == 2
    assert (network[0], network[-1]) == network.layers
    assert [*network] == [*network.layers]


def test_residual_adds_the_ways() -> None:
    y, _, back, params = run(Residual(Times(2.0)), [[1.0]])
    assert y.tolist() == [[3.0]]
    dx, grads = back(numpy.ones((1, 1), "float32"))
    assert dx.tolist() == [[3.0]]
    assert list(params) == ["body.factor"]
    y, _, back, params = run(Residual(Times(2.0), Times(5.0)), [[1.0]])
    assert y.tolist() == [[7.0]]
    dx, grads = back(numpy.ones((1, 1), "float32"))
    assert dx.tolist() == [[7.0]]
    assert floats(flatten(grads)) == {"body.factor": 1.0, "shortcut.factor": 1.0}


def test_multiply_is_the_product_rule() -> None:
    y, _, back, _ = run(Multiply(Times(2.0)), [[3.0]])
    assert y.tolist() == [[18.0]]  # 2 x^2
    dx, grads = back(numpy.ones((1, 1), "float32"))
    assert dx.tolist() == [[12.0]]  # 4 x
    assert floats(flatten(grads)) == {"body.factor": 9.0}
    y, _, back, _ = run(Multiply(Times(2.0), Times(5.0)), [[3.0]])
    assert y.tolist() == [[90.0]]
    dx, grads = back(numpy.ones((1, 1), "float32"))
    assert dx.tolist() == [[60.0]]
    assert floats(flatten(grads)) == {"body.factor": 45.0, "shortcut.factor": 18.0}


def test_multiply_by_one_number_per_channel_or_per_pixel() -> None:
    x = [[[[1.0, 3.0]], [[4.0, 8.0]]]]
    y, _, back, _ = run(Multiply(GlobalAvgPool2D()), x)  # means 2 and 6
    assert y.tolist() == [[[[2.0, 6.0]], [[24.0, 48.0]]]]
    dx, _ = back(numpy.ones((1, 2, 1, 2), "float32"))
    assert dx.tolist() == [[[[4.0, 4.0]], [[12.0, 12.0]]]]  # the mean, and 4 or 12 over 2 pixels
    one_map = Sequential([Conv2D(1, 1, weight_init=Constant(0.5))])
    y, _, back, _ = run(Multiply(one_map), x)  # half the sum of the channels: 2.5, 5.5
    assert y.tolist() == [[[[2.5, 16.5]], [[10.0, 44.0]]]]
    dx, grads = back(numpy.ones((1, 2, 1, 2), "float32"))
    assert dx.tolist() == [[[[5.0, 11.0]], [[5.0, 11.0]]]]
    assert flatten(grads)["body.layers.0.bias"].tolist() == [16.0]


def test_concat_puts_channels_side_by_side() -> None:
    network = Concat([Times(2.0), Sequential([Times(3.0)])])
    y, _, back, _ = run(network, [[1.0, 10.0]])
    assert y.tolist() == [[2.0, 20.0, 3.0, 30.0]]
    dx, grads = back(numpy.asarray([[1.0, 2.0, 3.0, 4.0]], "float32"))
    assert dx.tolist() == [[11.0, 16.0]]  # 1*2 + 3*3, 2*2 + 4*3
    expected = {"branches.0.factor": 21.0, "branches.1.layers.0.factor": 43.0}
    assert floats(flatten(grads)) == expected


def test_identity_keeps_the_input_beside_a_branch_as_in_densenet() -> None:
    for network in (Concat([Identity(), Times(3.0)]), Concat([Identity(), Residual(Times(2.0))])):
        y, _, back, _ = run(network, [[1.0, 10.0]])
        assert y.tolist() == [[1.0, 10.0, 3.0, 30.0]]
        dx, _ = back(numpy.asarray([[1.0, 2.0, 3.0, 4.0]], "float32"))
        assert dx.tolist() == [[10.0, 14.0]]  # 1 + 3*3, 2 + 4*3
        assert back(numpy.ones((1, 4), "float32"), False)[0] is None


def test_a_layer_used_twice_has_two_sets_of_parameters() -> None:
    dense = Dense(3)
    _, _, back, params = run(Sequential([dense, dense]), numpy.ones((2, 3)))
    assert params["layers.0.weight"].tolist() != params["layers.1.weight"].tolist()
    _, grads = back(numpy.ones((2, 3), "float32"))
    assert flatten(grads).keys() == params.keys()
    assert grads["layers.0"]["weight"].tolist() != grads["layers.1"]["weight"].tolist()


def test_contexts_carry_the_path() -> None:
    times = Times()
    run(Sequential([times, Residual(Concat([times])), times]), [[1.0]])
    paths = [note[0] for note in times.notes]
    assert paths == ["layers.0", "layers.1.body.branches.0", "layers.2"]


@pytest.mark.parametrize(
    ("learnt", "asked"),
    [
        # which layers learn -> (layer, want_dx) of the pullbacks that are called
        ([True, True], [("layers.1", True), ("layers.0", False)]),
        ([False, True], [("layers.1", False)]),
        ([True, False], [("layers.1", True), ("layers.0", False)]),
        ([False, False], []),
    ],
)
def test_nothing_below_the_first_learnt_layer_is_asked(learnt: Any, asked: Any) -> None:
    notes: list[Any] = []
    _, _, back, _ = run(Sequential([Times(2.0, on, notes) for on in learnt]), [[1.0]])
    notes.clear()
    dx, grads = back(numpy.ones((1, 1), "float32"), want_dx=False)
    assert dx is None
    assert notes == asked
    assert [bool(g) for g in grads.values()] == learnt


@pytest.mark.parametrize("container", [Residual, Multiply, lambda body: Concat([body])])
def test_other_containers_ask_for_no_dx(container: Any) -> None:
    notes: list[Any] = []
    _, _, back, _ = run(container(Times(2.0, notes=notes)), [[1.0]])
    notes.clear()
    dx, grads = back(numpy.ones((1, 1), "float32"), want_dx=False)
    assert dx is None
    assert [want_dx for _, want_dx in notes] == [False]
    assert floats(flatten(grads)).popitem()[1] == 1.0


@pytest.mark.parametrize(
    "container",
    [
        lambda times: Sequential([times, times, times]),
        lambda times: Residual(times, times),
        lambda times: Multiply(times, times),
        lambda times: Concat([times, times, times]),
        lambda times: Sequential([Residual(Sequential([times, times])), Concat([times])]),
    ],
    ids=["sequential", "residual", "multiply", "concat", "nested"],
)
def test_without_gradients_nothing_is_kept(container: Any) -> None:
    """With grad=False, what a layer keeps is gone before the next one runs; else it lives on."""
    for grad in (True, False):
        times = Times()
        y, _, back, _ = run(container(times), numpy.ones((1, 2)), grad=grad)
        gc.collect()
        kept = [reference() is not None for _, reference, _ in times.notes]
        before = [alive for *_, alive in times.notes]
        assert kept == [grad] * len(kept)
        assert before == (list(range(len(before))) if grad else [0] * len(before))
        if not grad:
            with pytest.raises(XpcnnError) as caught:
                back(numpy.ones_like(y))
            assert str(caught.value) == (
                "the forward pass ran with grad=False and kept nothing for the backward pass\n"
                "Try: forward with Context(grad=True)"
            )


@pytest.mark.parametrize(("once", "expected"), [(True, [3, 1, 1]), (False, [3, 3, 3])])
def test_what_a_pullback_needs_is_freed_where_it_is_called_once(
    once: bool, expected: list[int]
) -> None:
    """How many layers' arrays exist when the backward pass has just been through each layer.

    The one in the middle has gone by then, by its own container.
    """
    times, counts = Times(), list[int]()
    network = Sequential([times, Residual(Sequential([times])), times])
    params, buffers, _ = network.init((2,), Draw(0))

    def count(name: str, grads: Params) -> None:
        counts.append(sum(reference() is not None for reference in kept))

    ctx = Context(True, True, on_gradients=count, once=once)
    y, _, back = network.forward(params, buffers, numpy.ones((1, 2), "float32"), ctx)
    kept = [reference for _, reference, _ in times.notes]
    back(y)
    assert counts == expected


def test_a_small_network_is_the_same_on_every_library(lib: Lib) -> None:
    network = Sequential([Conv2D(3, 3), BatchNorm(), ReLU(), MaxPool2D(2), Flatten(), Dense(2)])
    x = numpy.random.default_rng(0).standard_normal((4, 2, 6, 6))
    params, buffers, _ = network.init((2, 6, 6), Draw(0))

    def moved(tree: Params, to: Any) -> Params:
        return {
            name: moved(v, to) if isinstance(v, dict) else to(v.astype("float64"))
            for name, v in tree.items()
        }

    def results(to: Any) -> dict[str, Any]:
        y, new, back = network.forward(
            moved(params, to), moved(buffers, to), to(x), Context(True, grad=True)
        )
        dx, grads = back(to(numpy.ones((4, 2))))
        return {"y": y, "dx": dx, **flatten(new), **flatten(grads)}

    expected = results(numpy.asarray)
    for name, value in results(lib.asarray).items():
        assert_same(value, expected[name], lib, name)


def test_the_loop_in_the_docstring_is_what_sequential_computes() -> None:
    network = Sequential([Conv2D(3, 2), ReLU(), MaxPool2D(2), BatchNorm(), Flatten(), Dense(2)])
    params, buffers, _ = network.init((1, 5, 5), Draw(0))
    x = numpy.random.default_rng(0).normal(size=(4, 1, 5, 5)).astype("float32")
    ctx, dy = Context(training=True, grad=True), numpy.ones((4, 2), "float32")
    y, after, pullback = network.forward(params, buffers, x, ctx)
    dx, grads = pullback(dy)

    doc = Sequential.__doc__ or ""
    loop = doc.partition("        def forward")[2].partition("    layers:")[0]
    names: dict[str, Any] = {"network": network}
    exec(textwrap.dedent(f"        def forward{loop}"), names)
    found, found_after, found_pullback = names["forward"](params, dict(buffers), x, ctx)
    found_dx, found_grads = found_pullback(dy)
    numpy.testing.assert_array_equal(found, y)
    numpy.testing.assert_array_equal(found_dx, dx)
    for one, other in ((found_after, after), (found_grads, grads)):
        one, other = flatten(one), flatten(other)
        assert one.keys() == other.keys()
        for path, array in one.items():
            numpy.testing.assert_array_equal(array, other[path])
