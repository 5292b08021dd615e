"""PyTorch's operators on images in terms of xpcnn's: convolutions, pools, interpolation."""

from collections.abc import Callable
from typing import Any

from tests.conformance.case_results import Unsupported
from xpcnn import ops
from xpcnn.types import Array

Gradients = dict[str, Array]
Result = tuple[Array, Callable[[Array], Gradients]]


def named(result: tuple[Array, Any], *names: str) -> Result:
    """Give the entries of a pullback the names of PyTorch's arguments."""
    y, pullback = result
    return y, lambda dy: dict(zip(names, pullback(dy), strict=True))


def pair(value: Any) -> Any:
    """PyTorch lets one number in a sequence stand for both axes; words stay what they are."""
    if isinstance(value, int | str):
        return value
    return tuple(value) if len(value) == 2 else value[0]


def need_rank(input: Array, *ranks: int) -> None:
    if input.ndim not in ranks:
        raise Unsupported(f"{input.ndim}-D input")


def conv2d(
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Result:
    need_rank(input, 4)
    result = ops.conv2d(
        input,
        weight,
        bias,
        stride=pair(stride),
        padding=pair(padding),
        dilation=pair(dilation),
        groups=groups,
    )
    return named(result, "input", "weight", "bias")


def conv_transpose2d(
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Result:
    need_rank(input, 4)
    result = ops.conv_transpose2d(
        input,
        weight,
        bias,
        stride=pair(stride),
        padding=pair(padding),
        output_padding=pair(output_padding),
        dilation=pair(dilation),
        groups=groups,
    )
    return named(result, "input", "weight", "bias")


def interpolate(
    input: Array,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
) -> Result:
    need_rank(input, 4)
    if align_corners:
        raise Unsupported("aligned corners")
    if size is None:
        if not recompute_scale_factor:
            raise Unsupported("a scale that is no ratio of sizes")
        size = [int(n * scale_factor) for n in input.shape[2:]]
    return named(ops.upsample2d(input, size=pair(size), mode=mode), "input")


def max_pool2d(
    input: Array,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Result:
    need_rank(input, 4)
    if return_indices:
        raise Unsupported("indices as a second output")
    result = ops.max_pool2d(
        input,
        size=pair(kernel_size),
        stride=pair(stride) if stride else None,
        padding=pair(padding),
        dilation=pair(dilation),
        ceil_mode=ceil_mode,
    )
    return named(result, "input")


def avg_pool2d(
    input: Array,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Result:
    need_rank(input, 4)
    result = ops.avg_pool2d(
        input,
        size=pair(kernel_size),
        stride=pair(stride) if stride else None,
        padding=pair(padding),
        ceil_mode=ceil_mode,
        count_include_pad=count_include_pad,
        divisor=divisor_override,
    )
    return named(result, "input")


def adaptive(op: Callable[..., Any]) -> Callable[..., Result]:
    """Return the adapter of an adaptive pool; None stands for the size of the input."""

    def run(input: Array, output_size: Any, return_indices: bool = False) -> Result:
        need_rank(input, 4)
        if return_indices:
            raise Unsupported("indices as a second output")
        wanted = (output_size, output_size) if isinstance(output_size, int) else output_size
        size = tuple(n if k is None else k for n, k in zip(input.shape[2:], wanted, strict=True))
        return named(op(input, size=size), "input")

    return run
