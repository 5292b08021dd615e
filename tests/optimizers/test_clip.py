import math

import numpy
import pytest

from tests.compare import assert_near
from tests.lib import Lib
from tests.rounding import exact
from xpcnn.errors import ConfigError
from xpcnn.optimizers import clip_by_global_norm, clip_by_value


def test_global_norm(lib: Lib, dtype: str) -> None:
    grads = {
        "a": lib.asarray([[3.0], [0.0]], dtype),
        "b": lib.asarray([4.0], dtype),
    }  # joint norm 5
    clipped = clip_by_global_norm(grads, 1.0)
    factor = 1.0 / (5.0 + 1e-6)
    rounded = clip_by_global_norm({path: exact(lib.to_host(g)) for path, g in grads.items()}, 1.0)
    for path, expected in (("a", [[3 * factor], [0]]), ("b", [4 * factor])):
        assert_near(clipped[path], numpy.asarray(expected), rounded[path], lib, path)


def test_short_gradients_stay(lib: Lib, dtype: str) -> None:
    grads = {"a": lib.asarray([3.0, -4.0], dtype)}
    assert lib.to_host(clip_by_global_norm(grads, 5.1)["a"]).tolist() == [3.0, -4.0]


def test_a_norm_that_is_not_finite_shows(lib: Lib, dtype: str) -> None:
    grads = {"a": lib.asarray([math.nan, 1.0], dtype), "b": lib.asarray([1.0], dtype)}
    assert numpy.isnan(lib.to_host(clip_by_global_norm(grads, 1.0)["b"])).all()


def test_no_gradients() -> None:
    assert clip_by_global_norm({}, 1.0) == {}


def test_value(lib: Lib, dtype: str) -> None:
    clipped = clip_by_value({"a": lib.asarray([[-3.0, 0.25], [0.5, math.nan]], dtype)}, 0.5)["a"]
    assert clipped.dtype == lib.backend.dtype(dtype)
    assert numpy.array_equal(lib.to_host(clipped), [[-0.5, 0.25], [0.5, math.nan]], equal_nan=True)


def test_numpy_scalars_do_not_promote() -> None:
    grads = {"a": numpy.ones(3, numpy.float32)}
    assert clip_by_global_norm(grads, numpy.float64(0.1))["a"].dtype == numpy.float32
    assert clip_by_value(grads, numpy.float64(0.1))["a"].dtype == numpy.float32


@pytest.mark.parametrize("bad", [-1.0, 0.0, math.nan, math.inf])
def test_bad_limits(bad: float) -> None:
    with pytest.raises(ConfigError, match=r"max_norm must be a finite number > 0, got .*\nTry: "):
        clip_by_global_norm({}, bad)
    with pytest.raises(ConfigError, match=r"limit must be a finite number > 0, got .*\nTry: "):
        clip_by_value({}, bad)


@pytest.mark.parametrize("max_norm", [0.5, 2.0, 100.0])
def test_equal_to_pytorch(max_norm: float) -> None:
    torch = pytest.importorskip("torch")
    rng = numpy.random.default_rng(0)
    grads = {"a": rng.standard_normal((4, 3)), "b": rng.standard_normal(5)}
    tensors = [
        torch.nn.Parameter(torch.zeros(g.shape, dtype=torch.float64)) for g in grads.values()
    ]
    for tensor, g in zip(tensors, grads.values(), strict=True):
        tensor.grad = torch.asarray(g.copy())
    torch.nn.utils.clip_grad_norm_(tensors, max_norm)
    clipped = clip_by_global_norm(grads, max_norm)
    for tensor, g in zip(tensors, clipped.values(), strict=True):
        assert numpy.allclose(g, tensor.grad.numpy(), rtol=0.0, atol=1e-14)
