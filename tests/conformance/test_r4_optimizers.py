"""R4: PyTorch's own optimizer configurations, 20 steps in float64, equal to 1e-10.

PyTorch's Muon rounds to bfloat16 within a step; the conversion is left out here, to compare the
rest. It takes matrices only: filters as (out, in·kh·kw).

The gradients depend on the parameters, so that an error in one step shows in all later ones.
`maximize` is left to the caller in xpcnn: the gradients are negated here, as PyTorch does first.
"""

from collections.abc import Callable
from functools import partial
from typing import Any
from unittest.mock import patch

import numpy
import pytest

pytest.importorskip("torch", reason="torch is not installed: R4 is left out")
pytest.importorskip("expecttest", reason="expecttest is not installed: R4 is left out")

import torch
from torch.testing._internal.common_optimizers import (
    OptimizerErrorEnum,
    OptimizerInfo,
    OptimizerInput,
    optim_db,
)

from tests.conformance.case_results import Unsupported, counts, failures, run_case, unsupported
from tests.conformance.figures import report
from xpcnn.errors import ConfigError
from xpcnn.optimizers import SGD, Adagrad, Adam, AdamW, Muon, NAdam, Optimizer, RAdam, RMSprop

KINDS: dict[str, Callable[..., Optimizer]] = {
    "SGD": SGD,
    "Adam": Adam,
    "AdamW": AdamW,
    "RMSprop": RMSprop,
    "Adagrad": Adagrad,
    "NAdam": NAdam,
    "RAdam": RAdam,
    "Muon": partial(Muon, adjust="original"),
}
CASES = {
    "SGD": 9,
    "Adam": 5,
    "AdamW": 5,
    "RMSprop": 8,
    "Adagrad": 7,
    "NAdam": 7,
    "RAdam": 6,
    "Muon": 7,
}
STEPS = 20
TOLERANCE = 1e-10
SHAPES = {"conv.weight": (4, 3, 2, 2), "dense.weight": (3, 5), "dense.bias": (5,), "slope": (1,)}
FILTERS = {"wide": (4, 3, 2, 2), "high": (6, 2, 1, 2), "square": (4, 1, 2, 2)}
NAMES = {"decoupled_weight_decay": "decoupled", "adjust_lr_fn": "adjust"}

Arrays = dict[str, numpy.ndarray]


def info(name: str) -> OptimizerInfo:
    return next(entry for entry in optim_db if entry.name == name)


def translate(name: str, kwargs: dict[str, Any]) -> Optimizer:
    """Return the optimizer of xpcnn for PyTorch's arguments."""
    options: dict[str, Any] = {}
    for key, value in kwargs.items():
        if key == "betas":
            options["beta1"], options["beta2"] = value
        elif key in ("foreach", "fused", "capturable", "differentiable"):
            raise Unsupported(key)
        elif key != "maximize":
            scalar = isinstance(value, torch.Tensor) and value.ndim == 0
            options[NAMES.get(key, key)] = float(value) if scalar else value
    return KINDS[name](**options)


def start(name: str) -> Arrays:
    rng = numpy.random.default_rng(4)
    shapes = FILTERS if name == "Muon" else SHAPES
    return {path: rng.standard_normal(shape) for path, shape in shapes.items()}


def gradients(params: Arrays, step: int) -> Arrays:
    rng = numpy.random.default_rng([4, step])
    return {path: rng.standard_normal(p.shape) + 0.5 * p for path, p in params.items()}


def of_pytorch(name: str, kwargs: dict[str, Any]) -> Arrays:
    now = start(name)
    form: Any = {path: (len(p), -1) if name == "Muon" else p.shape for path, p in now.items()}
    params = {
        path: torch.nn.Parameter(torch.asarray(p).reshape(form[path])) for path, p in now.items()
    }
    kind: Any = info(name).optim_cls  # annotated as an instance there
    kwargs = {  # in float32, 1 - lr·λ would be rounded
        key: value.double() if isinstance(value, torch.Tensor) else value
        for key, value in kwargs.items()
    }
    optimizer = kind(list(params.values()), **kwargs)
    for step in range(1, STEPS + 1):
        for path, g in gradients(now, step).items():
            params[path].grad = torch.asarray(g).reshape(form[path])
        with patch.object(torch.Tensor, "bfloat16", torch.Tensor.clone):
            optimizer.step()
        now = {path: p.detach().numpy().reshape(now[path].shape) for path, p in params.items()}
    return now


def of_xpcnn(params: Arrays, optimizer: Optimizer, maximize: bool, scale: float) -> Arrays:
    state = optimizer.init(params)
    lr = numpy.asarray(optimizer.lr * scale)
    for step in range(1, STEPS + 1):
        grads = gradients(params, step)
        if maximize:
            grads = {path: -g for path, g in grads.items()}
        params, state = optimizer.update(params, grads, state, lr, numpy.asarray(float(step)))
    return params


def distance(name: str, kwargs: dict[str, Any], scale: float = 1.0) -> float:
    """Return the largest difference between PyTorch's parameters and ours after all steps."""
    maximize = kwargs.get("maximize", False)
    ours = of_xpcnn(start(name), translate(name, kwargs), maximize, scale)
    theirs = of_pytorch(name, kwargs)
    return max(float(numpy.max(numpy.abs(ours[path] - theirs[path]))) for path in ours)


def configurations(name: str) -> list[OptimizerInput]:
    inputs: list[OptimizerInput] = info(name).optim_inputs_func(device="cpu")
    return inputs


def check_equal(name: str, kwargs: dict[str, Any]) -> None:
    largest = distance(name, kwargs)
    assert largest <= TOLERANCE, f"{kwargs}: {largest:.1e} apart"


def check_refused(name: str, case: OptimizerInput) -> None:
    if case.params is not None:
        raise Unsupported("lists and groups of parameters: xpcnn takes a dictionary")
    with pytest.raises(ConfigError, match=r"\nTry: "):
        translate(name, case.kwargs)


@pytest.mark.parametrize("name", CASES)
def test_twenty_steps(name: str) -> None:
    results = [
        run_case(name, case.desc, partial(check_equal, name, case.kwargs))
        for case in configurations(name)
    ]
    passed, applicable = counts(results)
    report(f"R4 {name}", passed, applicable, unsupported(results), "20 steps, float64, 1e-10")
    assert passed == applicable, failures(results)
    assert applicable == CASES[name]


@pytest.mark.parametrize("name", CASES)
def test_a_planted_error_is_seen(name: str) -> None:
    for case in configurations(name):
        assert distance(name, case.kwargs, scale=1.0005) > TOLERANCE, case.desc


@pytest.mark.parametrize("name", CASES)
def test_bad_arguments_raise(name: str) -> None:
    errors = info(name).optim_error_inputs_func(device="cpu", dtype=torch.float64)
    at_construction = OptimizerErrorEnum.CONSTRUCTION_ERROR  # otherwise of complex parameters
    assert all(error.error_on is at_construction or name == "Muon" for error in errors)
    cases = [error.optimizer_error_input for error in errors]
    results = [run_case(name, case.desc, partial(check_refused, name, case)) for case in cases]
    passed, applicable = counts(results)
    report(f"R4 {name} bad arguments", passed, applicable, unsupported(results))
    assert passed == applicable > 0, failures(results)
