"""R2: PyTorch's own operator samples, forward and every gradient for a random dy.

A sample counts as passed when it matches in float64 to 1e-10, and in float32 as nearly as the
roundings on the way allow (tests/rounding): PyTorch answers in float64 then too. PyTorch keeps
the samples in a private module, so its version is pinned where R2 must run.
"""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy
import pytest

pytest.importorskip("torch", reason="torch is not installed: R2 is left out")
pytest.importorskip("expecttest", reason="expecttest is not installed: R2 is left out")

import torch
from torch.testing._internal.common_methods_invocations import op_db

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
from tests.conformance.figures import report
from tests.conformance.torch_adapter import ADAPTERS, bind
from tests.rounding import exact

SEED = 0
DTYPES = (torch.float64, torch.float32)
SINGLE_IN_PYTORCH = {"nn.functional.hardsigmoid": 1e-7}  # its 1/6 is one of float32
PLAIN_RANKS = {
    "conv2d": (4,),
    "conv_transpose2d": (4,),
    "interpolate nearest": (4,),
    "interpolate bilinear": (4,),
    "max_pool2d": (4,),
    "avg_pool2d": (4,),
    "adaptive_avg_pool2d": (4,),
    "adaptive_max_pool2d": (4,),
    "batch_norm": (2, 4),
    "linear": (2,),
    "softmax": (2,),
    "log_softmax": (2,),
    "cross_entropy": (2,),
    "binary_cross_entropy_with_logits": (2,),
    "mse_loss": (2,),
    "l1_loss": (2,),
    "huber_loss": (2,),
    "prelu": (2, 3, 4),
}


@dataclass(frozen=True)
class Sample:
    """One call of an operator, in both dtypes: what PyTorch was given and what it answered."""

    operator: str
    number: int
    plain: bool
    calls: list["Call"]


@dataclass(frozen=True)
class Call:
    """Arguments by name, tensors as arrays; PyTorch's "y" and gradients by argument's name, in
    float64."""

    arguments: dict[str, Any]
    dy: numpy.ndarray
    expected: dict[str, numpy.ndarray]


def samples_of(operator: str) -> list[Sample]:
    """Return PyTorch's samples of one operator, "name" or "name variant", with its results."""
    name, _, variant = operator.partition(" ")
    info: Any = next(op for op in op_db if (op.name, op.variant_test_name) == (name, variant))
    by_dtype = []
    for dtype in DTYPES:
        with torch.random.fork_rng(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Using padding='same'")  # a remark on PyTorch's speed
            torch.manual_seed(SEED)
            inputs = list(info.sample_inputs("cpu", dtype, requires_grad=True))
            by_dtype.append([answered(operator, info, sample, dtype) for sample in inputs])
    return [
        Sample(operator, number, is_plain(operator, calls[0].arguments), list(calls))
        for number, calls in enumerate(zip(*by_dtype, strict=True))
    ]


def is_plain(operator: str, arguments: dict[str, Any]) -> bool:
    """Whether a sample is one of those that must match.

    4-D input for what works on images (2-D too for batch norm), 2-D for dense, softmaxes and
    losses, 2-D or more for PReLU, any rank for the other activations; mean reduction; no empty
    array; two factors of one shape. Left out, because xpcnn has no such thing: max pooling with
    indices, another library's random numbers. Max pooling with dilation or ceil mode must match
    too, but is not plain.
    """
    name = operator.rpartition(".")[2]
    input = arguments["input"]
    arrays = [a for a in arguments.values() if isinstance(a, numpy.ndarray)]
    ranks = PLAIN_RANKS.get(name, (input.ndim,))
    if input.ndim not in ranks or any(array.size == 0 for array in arrays):
        return False
    if arguments.get("return_indices"):
        return False
    if name == "max_pool2d":
        return not arguments["ceil_mode"] and bool(arguments["dilation"] == 1)
    if name.startswith("interpolate"):
        return arguments.get("size") is not None and not arguments.get("align_corners")
    if name.endswith("_norm") and name != "batch_norm":
        whole = name == "layer_norm" and len(arguments["normalized_shape"]) == input.ndim
        return (
            not whole and arguments.get("eps", 1.0) > 0 and arguments.get("use_input_stats", True)
        )
    if name == "mul":
        return bool(arguments["other"].shape == input.shape)
    if name == "dropout":
        rate, training = arguments.get("p", 0.5), arguments.get("training", True)
        return bool(rate == 0 or (rate < 1 and not training))
    if name == "flatten":
        return bool(arguments.get("start_dim") == 1)
    return bool(arguments.get("reduction", "mean") == "mean")


def answered(operator: str, info: Any, sample: Any, dtype: torch.dtype) -> Call:
    """Let PyTorch compute one sample: the output and every gradient it can give."""
    given = bind(operator, sample.input, *sample.args, **sample.kwargs)
    arguments = {
        name: value.detach().numpy().copy() if isinstance(value, torch.Tensor) else value
        for name, value in given.items()
    }
    wide = sample.transform(in_float64)
    tensors = bind(operator, wide.input, *wide.args, **wide.kwargs)
    y = info.op(wide.input, *wide.args, **wide.kwargs)
    y = y[0] if isinstance(y, tuple) else y  # without the indices of max pooling
    dy = torch.randn_like(y).to(dtype)
    leaves = {n: t for n, t in tensors.items() if isinstance(t, torch.Tensor) and t.requires_grad}
    gradients = torch.autograd.grad(y, list(leaves.values()), dy.double())
    expected = {name: g.numpy() for name, g in zip(leaves, gradients, strict=True)}
    expected["y"] = y.detach().numpy()
    return Call(arguments, dy.numpy(), expected)


def in_float64(value: Any) -> Any:
    if not (isinstance(value, torch.Tensor) and value.is_floating_point()):
        return value
    return value.detach().double().requires_grad_(value.requires_grad)


def computed(operator: str, call: Call, place: Callable[[Any], Any]) -> dict[str, Any]:
    """Return "y" and gradients by name, of arrays that `place` makes."""
    arguments = {
        name: place(value) if isinstance(value, numpy.ndarray) else value
        for name, value in call.arguments.items()
    }
    y, gradients = ADAPTERS[operator](**arguments)
    return gradients(place(call.dy)) | {"y": y}


def result_of(sample: Sample, planted: str = "", part: float = 0.0) -> CaseResult:
    """Compare outputs and gradients of both dtypes; to the float32 of the one that `planted` names,
    a part of its magnitude is added before."""

    def check() -> None:
        for call in sample.calls:
            got = computed(sample.operator, call, numpy.asarray)
            if call.dy.dtype == "float64":
                tolerance = SINGLE_IN_PYTORCH.get(sample.operator, 1e-10)
                for name, expected in call.expected.items():
                    same(name, got[name], expected, tolerance, tolerance)
                continue
            bounds = computed(sample.operator, call, exact)
            if planted in got:
                error = part * bounds[planted].magnitude
                got[planted] = (got[planted] + error).astype("float32")
            for name, expected in call.expected.items():
                within(name, got[name], expected, bounds[name])

    return run_case(sample.operator, str(sample.number), check)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Where cores are shared, PyTorch's threads wait for each other longer than they work here."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    return [sample for operator in ADAPTERS for sample in samples_of(operator)]


@pytest.fixture(scope="module", params=["references", "kernels"])
def results(request: pytest.FixtureRequest, samples: list[Sample]) -> Iterator[list[CaseResult]]:
    with numpy_kernels(request.param == "kernels"):
        yield [result_of(sample) for sample in samples]


@pytest.mark.parametrize("operator", ADAPTERS)
def test_every_sample_of_an_operator_matches(operator: str, results: list[CaseResult]) -> None:
    mine = [v for v in results if v.group == operator]
    passed, applicable = counts(mine)
    assert passed == applicable > 0, failures(mine)


def test_figures(
    results: list[CaseResult], samples: list[Sample], request: pytest.FixtureRequest
) -> None:
    plain = [v for v, sample in zip(results, samples, strict=True) if sample.plain]
    print("plain samples", table(plain), "all samples", table(results), sep="\n")
    print(*unsupported(results), sep="\n")
    how = f"NumPy {request.node.callspec.params['results']}, seed {SEED}"
    report("R2 PyTorch plain samples", *counts(plain), unsupported(plain), note=how)
    total = f"{how}, {len(results)} samples in all"
    report("R2 PyTorch all samples", *counts(results), unsupported(results), note=total)
    assert not unsupported(plain)
    assert counts(plain)[1] >= 320


@pytest.mark.parametrize("name", ["y", "input", "weight", "bias", "target"])
def test_a_planted_error_is_seen(name: str, samples: list[Sample]) -> None:
    """A hundred thousandth of its magnitude too much fails, in every output and gradient that is
    not 0."""
    big = [
        sample
        for sample in samples
        if sample.plain and name in sample.calls[1].expected
        if abs(sample.calls[1].expected[name]).max() > 1e-3
    ]
    missed = [s for s in big if result_of(s, name, 1e-5).state != "failed"]
    assert big
    assert not missed
