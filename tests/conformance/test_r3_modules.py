"""R3: PyTorch's own module cases against layers and losses, in training and in evaluation.

A case takes three steps in training, the inputs after the first drawn at random, and one more in
evaluation with the running statistics that came of them; then three steps in a module that only
evaluates. Compared at every step: the output, the gradients of the input and of every parameter by
a random dy, and the buffers; in float64 to 1e-10, and in float32 as nearly as the roundings
on the way allow (tests/rounding). PyTorch computes in float64 then too.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy
import pytest

pytest.importorskip("torch", reason="torch is not installed: R3 is left out")
pytest.importorskip("expecttest", reason="expecttest is not installed: R3 is left out")

import torch
from torch.testing._internal.common_modules import module_db

from tests.conformance.case_results import (
    CaseResult,
    counts,
    failures,
    numpy_kernels,
    run_case,
    same,
    table,
    unsupported,
    within,
)
from tests.conformance.counterpart import Counterpart
from tests.conformance.figures import report
from tests.conformance.module_adapter import COUNTERPARTS, counterpart_of
from tests.rounding import exact
from xpcnn.initializers import Draw
from xpcnn.layers import Context
from xpcnn.types import Array, Params, Shape

SEED = 0
STEPS = 3
DTYPES = (torch.float64, torch.float32)


@dataclass(frozen=True)
class Case:
    """One way to build and to call a module of PyTorch."""

    name: str
    number: int
    info: Any

    def build(self, dtype: torch.dtype, training: bool) -> tuple[Any, list[torch.Tensor]]:
        """Return the module and the arguments of its first call."""
        given = inputs_of(self.info, dtype, training)[self.number]
        made, called = given.constructor_input, given.forward_input
        module = self.info.module_cls(*made.args, **made.kwargs).to(dtype).train(training)
        if not self.name.endswith("Loss"):  # the state of a loss is its class weights
            for tensor in module.state_dict().values():
                if tensor.is_floating_point():  # scales of 1, shifts of 0 would hide errors
                    tensor.uniform_(0.5, 1.5)
        return module, [*called.args, *called.kwargs.values()]


@cache  # the cross-entropy has over a hundred, made all at once
def inputs_of(info: Any, dtype: torch.dtype, training: bool) -> list[Any]:
    with torch.random.fork_rng():
        torch.manual_seed(SEED)
        return list(
            info.module_inputs_func(
                info, device="cpu", dtype=dtype, requires_grad=True, training=training
            )
        )


def steps(case: Case, dtype: torch.dtype, training: bool, distortion: float) -> None:
    """Let module and counterpart take their steps side by side; `distortion` plants an error."""
    module, (x, *labels) = case.build(dtype, training)
    kinds: list[Callable[..., Array]] = [numpy.asarray]
    kinds += [exact] if dtype == torch.float32 else []
    sides = [Side.of(module, x, labels, place) for place in kinds]
    module.double()
    wide = [label.double() if label.is_floating_point() else label for label in labels]
    ours = sides[0].counterpart
    for step in range(STEPS + training):
        if step == STEPS:
            module.eval()
        if step:
            x = torch.randn_like(x)
        given = x.detach().double().requires_grad_()
        y = module(given, *wide)
        dy = torch.randn_like(y).to(dtype)
        expected = torch.autograd.grad(y, [given, *module.parameters()], dy.double())
        named = zip((name for name, _ in module.named_parameters()), expected[1:], strict=True)
        wanted = {"y": y.detach().numpy(), "dx": expected[0].numpy()}
        wanted |= {f"d{name}": gradient for name, gradient in ours.in_our_names(named).items()}
        wanted |= ours.in_our_names(module.named_buffers())

        got, *bounds = [side.step(module.training, x, dy) for side in sides]
        got["dx"] = distortion * got["dx"]
        for name, value in wanted.items():
            if bounds:
                within(f"step {step}: {name}", got[name], value, bounds[0][name])
            else:
                same(f"step {step}: {name}", got[name], value, 1e-10, 1e-10)


@dataclass
class Side:
    """A counterpart with its state, on arrays that `place` makes of NumPy's."""

    counterpart: Counterpart
    place: Callable[[numpy.ndarray], Array]
    params: Params
    buffers: Params
    out: Shape

    @classmethod
    def of(
        cls, module: Any, x: torch.Tensor, labels: list[torch.Tensor], place: Callable[..., Array]
    ) -> "Side":
        ours = counterpart_of(
            module, x.detach().numpy(), *(place(a.detach().numpy()) for a in labels)
        )
        params, buffers, out = start(ours, module, x)
        placed = [{n: place(a) for n, a in kept.items()} for kept in (params, buffers)]
        return cls(ours, place, placed[0], placed[1], out)

    def step(self, training: bool, x: torch.Tensor, dy: torch.Tensor) -> dict[str, Array]:
        """Return the output, dx, the gradients and the new buffers by name."""
        ctx = Context(training=training or self.counterpart.batch_statistics, grad=True)
        images = self.place(x.detach().numpy())
        y, self.buffers, pullback = self.counterpart.layer.forward(
            self.params, self.buffers, images, ctx
        )
        dx, gradients = pullback(self.place(dy.numpy()))
        assert dx is not None
        assert self.out == y.shape[1:], f"init: {self.out}, forward: {y.shape[1:]}"
        return {"y": y, "dx": dx} | {f"d{n}": g for n, g in gradients.items()} | self.buffers


def start(ours: Counterpart, module: Any, x: torch.Tensor) -> tuple[Params, Params, Shape]:
    """Return what the layer's `init` makes, filled with the values of the module."""
    params, buffers, out = ours.layer.init(tuple(x.shape[1:]), Draw(SEED))
    dtype = x.detach().numpy().dtype
    theirs = ours.in_our_names(module.state_dict().items())
    for kept in (params, buffers):
        for name, value in kept.items():
            kept[name] = theirs.get(name, value.astype(dtype))
            assert kept[name].shape == value.shape, f"{name}: {value.shape} of init"
    return params, buffers, out


def result_of(case: Case, distortion: float = 1.0) -> CaseResult:
    def check() -> None:
        with torch.random.fork_rng():
            for dtype in DTYPES:
                for training in (True, False):
                    torch.manual_seed(SEED)
                    steps(case, dtype, training, distortion)

    return run_case(case.name, str(case.number), check)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Where cores are shared, PyTorch's threads wait for each other longer than they work here."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    by_name = {info.module_cls.__name__: info for info in module_db}
    return [
        Case(name, number, by_name[name])
        for name in COUNTERPARTS
        for number, _ in enumerate(inputs_of(by_name[name], torch.float64, True))
    ]


@pytest.fixture(scope="module", params=["references", "kernels"])
def results(request: pytest.FixtureRequest, cases: list[Case]) -> Iterator[list[CaseResult]]:
    with numpy_kernels(request.param == "kernels"):
        yield [result_of(case) for case in cases]


@pytest.mark.parametrize("name", COUNTERPARTS)
def test_every_case_of_a_module_matches(name: str, results: list[CaseResult]) -> None:
    problems = failures(v for v in results if v.group == name)
    assert not problems, problems


def test_figures(results: list[CaseResult], request: pytest.FixtureRequest) -> None:
    print(table(results), *unsupported(results), sep="\n")
    how = f"NumPy {request.node.callspec.params['results']}, seed {SEED}"
    note = f"{how}, train and eval each, {len(results)} cases in all"
    report("R3 PyTorch modules", *counts(results), unsupported(results), note=note)
    assert counts(results)[1] >= 130


def test_a_planted_error_is_seen(cases: list[Case]) -> None:
    """A gradient that is 0.05 % off fails, but where it is 0: in the case of ignored rows alone."""
    seen = [result_of(case, distortion=1.0005) for case in cases]
    missed = [f"{v.group} {v.case}" for v in seen if v.state == "passed"]
    assert missed == ["CrossEntropyLoss 20"]
