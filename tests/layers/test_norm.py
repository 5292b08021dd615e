"""Batch normalisation: running statistics, by hand."""

import numpy
import pytest

from tests.compare import assert_same
from tests.lib import Lib
from xpcnn.errors import ConfigError
from xpcnn.initializers import Draw
from xpcnn.layers import BatchNorm, Context
from xpcnn.types import Params

X = numpy.arange(8.0).reshape(2, 1, 2, 2)  # mean 3.5, variance 5.25, unbiased 6


def start(lib: Lib) -> tuple[Params, Params]:
    params, buffers, _ = BatchNorm().init((1, 2, 2), Draw(0))
    return tuple(  # type: ignore[return-value]  # of two
        {name: lib.asarray(a.astype("float64")) for name, a in tree.items()}
        for tree in (params, buffers)
    )


def test_training_moves_the_running_statistics(lib: Lib) -> None:
    params, buffers = start(lib)
    _, once, _ = BatchNorm().forward(params, buffers, lib.asarray(X), Context(training=True))
    assert_same(once["mean"], [0.35], lib)
    assert_same(once["var"], [1.5], lib)  # 0.9 * 1 + 0.1 * 6, not 1.425
    _, twice, _ = BatchNorm().forward(params, once, lib.asarray(X), Context(training=True))
    assert_same(twice["mean"], [0.665], lib)
    assert_same(twice["var"], [1.95], lib)
    assert_same(buffers["mean"], [0.0], lib)  # those given are as they were
    assert_same(buffers["var"], [1.0], lib)


def test_momentum_is_the_weight_of_the_new_value(lib: Lib) -> None:
    params, buffers = start(lib)
    for momentum, mean, var in ((1.0, 3.5, 6.0), (0.0, 0.0, 1.0)):
        layer = BatchNorm(momentum=momentum)
        _, new, _ = layer.forward(params, buffers, lib.asarray(X), Context(training=True))
        assert_same(new["mean"], [mean], lib)
        assert_same(new["var"], [var], lib)


def test_inference_uses_them_and_leaves_them(lib: Lib) -> None:
    params, _ = start(lib)
    buffers = {"mean": lib.asarray([1.0]), "var": lib.asarray([4.0])}
    layer = BatchNorm(eps=1e-300)
    y, new, _ = layer.forward(params, buffers, lib.asarray(X[:1]), Context())
    assert_same(y, [[[[-0.5, 0.0], [0.5, 1.0]]]], lib)
    assert new is buffers


@pytest.mark.parametrize("shape", [(6, 3, 4, 5), (6, 3)])
def test_frozen_it_is_pytorchs_after_eval(lib: Lib, dtype: str, shape: tuple[int, ...]) -> None:
    """The forward pass and every gradient; float32 to rounding of sums of 120 terms."""
    torch = pytest.importorskip("torch")
    rng = numpy.random.default_rng(1)
    x, dy = (rng.normal(size=shape).astype(dtype) for _ in range(2))
    gamma, beta, mean, var = (rng.uniform(0.5, 2.0, 3).astype(dtype) for _ in range(4))
    kind = torch.nn.BatchNorm2d if len(shape) == 4 else torch.nn.BatchNorm1d
    norm = kind(3, dtype=torch.float64)
    with torch.no_grad():
        for own, given in zip(
            (norm.weight, norm.bias, norm.running_mean, norm.running_var),
            (gamma, beta, mean, var),
            strict=True,
        ):
            own.copy_(torch.tensor(given))
    given = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    out = norm.eval()(given)
    out.backward(torch.tensor(dy, dtype=torch.float64))

    params = {"gamma": lib.asarray(gamma), "beta": lib.asarray(beta)}
    buffers = {"mean": lib.asarray(mean), "var": lib.asarray(var)}
    ctx = Context(True, True, path="layers.1", frozen=frozenset({"layers.1"}))
    y, new, pullback = BatchNorm().forward(params, buffers, lib.asarray(x), ctx)
    dx, grads = pullback(lib.asarray(dy))
    assert new is buffers
    tolerance = 120 * float(numpy.finfo(dtype).eps) * 8  # of numbers below 8
    for got, expected in (
        (y, out.detach()),
        (dx, given.grad),
        (grads["gamma"], norm.weight.grad),
        (grads["beta"], norm.bias.grad),
    ):
        host = lib.backend.to_host(got)
        numpy.testing.assert_allclose(host, expected.numpy(), rtol=0, atol=tolerance)
    *_, by_batch = BatchNorm().forward(params, buffers, lib.asarray(x), ctx.at("other"))
    assert not numpy.allclose(lib.backend.to_host(by_batch(lib.asarray(dy))[0]), given.grad.numpy())


def test_bad_hyperparameters() -> None:
    with pytest.raises(ConfigError) as caught:
        BatchNorm(momentum=1.5)
    assert str(caught.value) == (
        "BatchNorm: momentum must be a number >= 0 and <= 1, got 1.5\nTry: BatchNorm(momentum=0.1)"
    )
    with pytest.raises(ConfigError) as caught:
        BatchNorm(eps=0.0)
    assert str(caught.value) == (
        "BatchNorm: eps must be a finite number > 0, got 0\nTry: BatchNorm(eps=1e-05)"
    )
