"""The updates that a backend has a kernel for, against the same rule on NumPy."""

from typing import Any

import numpy
import pytest

from tests import fake_cupy
from tests.compare import assert_rounded
from tests.compiled.support import require_compiler
from tests.cuda_on_host import arrays
from tests.lib import Host, Lib
from tests.ops.exact import launches_are_seen
from tests.rounding import exact
from xpcnn import backend
from xpcnn.optimizers import SGD, Adam, AdamW

SHAPES = ((1,), (257,), (3, 5), (2, 3, 3, 5), ())
COUNT, STEPS = 67, 3
RULES = [
    SGD(),
    SGD(weight_decay=0.1),
    SGD(momentum=0.9, weight_decay=0.1, decay_all=False),
    SGD(momentum=0.9, nesterov=True, weight_decay=0.1, decoupled=True),
    SGD(momentum=0.9, dampening=0.5),
    Adam(weight_decay=0.1),
    Adam(beta1=0.0, eps=1e-3),
    AdamW(decay_all=False),
]
LIBRARIES = ["numpy", "cupy", "cupy-on-host"]
with_kernels = pytest.mark.parametrize("lib", LIBRARIES, indirect=True)


def some(seed: int) -> dict[str, Host]:
    """Return more arrays than a launch takes."""
    rng = numpy.random.default_rng(seed)
    shapes = [SHAPES[i % len(SHAPES)] for i in range(COUNT)]
    return {f"p{i}": numpy.asarray(rng.normal(size=s), "float32") for i, s in enumerate(shapes)}


def moved(place: Any, given: dict[str, Host]) -> dict[str, Any]:
    return {path: place(x) for path, x in given.items()}


def after(place: Any, rule: Any) -> dict[str, Any]:
    """Return the parameters and the state after some steps, by path."""
    params = moved(place, some(0))
    state = rule.init(params)
    for t in range(1, STEPS + 1):
        grads = moved(place, some(t))
        time = [place(numpy.asarray(value, "float32")) for value in (0.1, t)]
        params, state = rule.update(params, grads, state, *time)
    return params | {f"{name}.{p}": x for name, held in state.items() for p, x in held.items()}


def require_kernels(lib: Lib) -> None:
    if not backend._kernels.get(lib.backend.array_type):
        pytest.skip("runs without kernels")
    if lib.name == "numpy":
        require_compiler()


@with_kernels
@pytest.mark.parametrize("rule", RULES, ids=str)
def test_the_numbers_of_the_rule(lib: Lib, rule: Any) -> None:
    require_kernels(lib)
    expected = after(exact, rule)
    fake_cupy.launches.clear()
    got = after(lib.asarray, rule)
    assert list(got) == list(expected)
    for path, x in expected.items():
        assert_rounded(got[path], x, lib, path)
    if launches_are_seen(lib):
        assert len(fake_cupy.launches) == 2 * STEPS
        assert all(map(arrays.guards_hold, got.values()))


@pytest.mark.parametrize("lib", ["cupy-on-host"], indirect=True)
def test_nothing_given_is_written_into_and_nothing_waits(lib: Lib) -> None:
    rule = SGD(momentum=0.9)
    params, grads = moved(lib.asarray, some(0)), moved(lib.asarray, some(1))
    state = rule.init(params)
    arrays.waits.clear()
    rule.update(params, grads, state, *(lib.asarray(value, "float32") for value in (0.1, 1)))
    assert arrays.waits == []
    assert all(lib.to_host(params[path]).tobytes() == x.tobytes() for path, x in some(0).items())
    assert all(lib.to_host(grads[path]).tobytes() == x.tobytes() for path, x in some(1).items())
    assert not any(lib.to_host(v).any() for v in state["velocity"].values())


@pytest.mark.parametrize("lib", ["cupy-on-host"], indirect=True)
@pytest.mark.parametrize(("rule", "dtype"), [(Adam(amsgrad=True), "float32"), (SGD(), "float64")])
def test_what_is_left_to_the_rule(lib: Lib, rule: Any, dtype: str) -> None:
    fake_cupy.launches.clear()
    params = {"p": lib.asarray([1.0, 2.0], dtype)}
    time = [lib.asarray(value, dtype) for value in (0.5, 1)]
    new, _ = rule.update(params, params, rule.init(params), *time)
    assert lib.to_host(new["p"]).tolist() == pytest.approx([0.5, 1.5 if "Adam" in str(rule) else 1])
    assert fake_cupy.launches == []


@pytest.mark.parametrize("lib", ["numpy"], indirect=True)
@pytest.mark.parametrize("other", [numpy.ones(2), numpy.ones(1, "float32")], ids=["dtype", "shape"])
def test_gradients_of_another_kind_are_left_to_the_rule(lib: Lib, other: Host) -> None:
    """The kernels in C read memory: they take what they were made for, and nothing else."""
    require_kernels(lib)
    p, rule = numpy.zeros(2, "float32"), SGD(momentum=0.5)
    time = [numpy.asarray(value, "float32") for value in (0.5, 1)]
    kernel = backend._kernels[numpy.ndarray]["sgd"]
    for g, v in ((other, p), (p, other)):
        assert kernel(rule, {"p": p}, {"p": g}, {"velocity": {"p": v}}, *time) is NotImplemented
    new, _ = rule.update({"p": p}, {"p": other}, rule.init({"p": p}), *time)
    assert new["p"].tolist() == [-0.5, -0.5]
