"""Kernel or reference: a public op checks its arguments, then runs a kernel, or the reference.

What runs for `Conv2D(16, 3)` in a network, from the layer to the loops:

    Conv2D.forward in layers/conv.py  calls ops.conv2d(x, w, b); a Sequential with a ReLU after
                                      it, and max pooling after that, calls ops.conv_relu_pool
                                      (layers/fuse.py)
    ops.conv2d in ops/conv.py         checks the arguments: `op` below
    backend.kernel_for(x, "conv2d")   looks up the kernel for the type of x, among those that
                                      backend.load("numpy") has registered
    x of NumPy, float32, with the     `convolved` in numpy_kernels/compiled/conv.py takes the first
    kernels in C                      of these files whose `serves` is true:
                                          depthwise.py    a filter of 3 or 5 rows for each channel,
                                                          more than 8 images; depthwise.c
                                          winograd.py     filters of 3 x 3, stride and dilation 1,
                                                          one group, at least 16 channels and 16
                                                          filters, outputs that fill half of their
                                                          tiles of 4 x 4; forward, for fewer than
                                                          8 images, see `pays`; winograd_conv.c
                                                          for y and dx, winograd_dw.c for dw;
                                                          not with XPCNN_WINOGRAD=off
                                          conv_1x1.py     filters of 1 x 1, stride 1; dense.c for
                                                          y, conv_1x1.c for dx and dw together
                                          direct.py       all others: conv.c
                                      The backward pass is `gradients` in compiled/conv.py, which
                                      chooses anew for dx and dw
    x of NumPy, others of one group   numpy_kernels/conv.py, in NumPy calls
    x of CuPy                         the reference; cupy_kernels/conv.py with XPCNN_CUDA_KERNELS=1,
                                      cudnn_conv.py with XPCNN_CUDA_KERNELS=cudnn
    all other cases                   ops/reference/conv.py, in calls of the library of x

A kernel that does not serve a case returns NotImplemented; then the reference runs. On NumPy two
kernels are tried: the one in C, then the one in NumPy calls (`first_that_serves` in
numpy_kernels/compiled). The kernels are in `backends/`; examples/guides/where-computed.md lists
those of every op. With XPCNN_KERNELS=off the references compute everything. `traced` notes what has
run. The update of an optimizer, which is not an op, gets its kernel here too.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from inspect import signature
from typing import Any, ParamSpec, TypeVar, cast

from xpcnn.argument_advice import check_arguments
from xpcnn.backend import kernel_for, without_map
from xpcnn.ops.checks import check_dy, check_unmasked, check_wants
from xpcnn.types import Array, is_half, namespace

F = TypeVar("F", bound=Callable[..., Any])
P = ParamSpec("P")
R = TypeVar("R")

_traces: list[list[tuple[str, str]]] = []  # of the blocks of `traced` that are open


@contextmanager
def traced() -> Iterator[list[tuple[str, str]]]:
    """Note every op that runs inside the block, and whether a kernel or the reference computed it.

        with traced() as ops_run:
            model.fit(data, epochs=1)
        print(set(ops_run))

    Returns:
        a list that grows by (name of the op, "kernel" or "reference") with each call of a public
        op, in their order. The list does not distinguish C from NumPy calls. `pullback.__module__`
        does, for float32 and float64: it names the file that chose or called the kernel, in
        numpy_kernels/compiled for C. Ops without a pullback are in the table of
        examples/guides/where-computed.md. Nor does the list say which algorithm in C ran
        (`serves` in the files above does), or show the kernels of optimizers. The parts of a fused
        op that its reference calls follow it. Functions of your own that are not made by `op` are
        not seen, nor is a step or a pass that is repeated from a plan
        (numpy_kernels/compiled/plan.py): of a training with plans, the list has the first step for
        each shape of a batch.
    """
    calls: list[tuple[str, str]] = []
    _traces.append(calls)
    try:
        yield calls
    finally:
        _traces[:] = [others for others in _traces if others is not calls]


def op(
    reference: Callable[P, R], check: Callable[P, None], *, half: bool = False
) -> Callable[P, R]:
    """Return the public op of a reference, with the docstring and signature of the reference.

    A kernel has the same signature and replaces forward and backward as one unit; it returns
    NotImplemented for a case that it does not serve. The pullback of both requires dy of the
    library, dtype and shape of the output: one that broadcasts to it would give a wrong gradient,
    and one of float64 would make all gradients before it float64.

    Args:
        reference: the function in `ops/reference`; kernels have its name.
        check: takes the same arguments and raises an error if they are not valid.
        half: whether an x of float16 or bfloat16 is computed in that dtype: products of matrices,
            and what picks or adds few values. All other ops compute it in float32: a kernel with
            the attribute `takes_half` by itself, others on an x that is converted before.
    """
    name = reference.__name__
    kinds = signature(reference).parameters.values()
    names = [kind.name for kind in kinds if kind.kind is kind.POSITIONAL_OR_KEYWORD]

    def computed(*args: P.args, **kwargs: P.kwargs) -> R:
        x = args[0] if args else next(iter(kwargs.values()), None)
        kernel = kernel_for(x, name)
        if kernel is None:
            check_unmasked(name, names[0] if names else "x", x)
            if without_map(x) is not x:  # a memory map has a type of its own
                named = {argument: without_map(value) for argument, value in kwargs.items()}
                return run(*map(without_map, args), **named)
        is_wide = not half and is_half(getattr(x, "dtype", None))
        if is_wide and not getattr(kernel, "takes_half", False):
            return cast(R, _in_float32(run, x, args, kwargs))
        check(*args, **kwargs)
        if kernel is not None:
            result: R = kernel(*args, **kwargs)
            if result is not NotImplemented:
                for calls in _traces:
                    calls.append((name, "kernel"))
                return cast(R, _with_checked_pullback(name, names, result))
        if is_wide:
            return cast(R, _in_float32(run, x, args, kwargs))
        for calls in _traces:
            calls.append((name, "reference"))
        return cast(R, _with_checked_pullback(name, names, reference(*args, **kwargs)))

    @wraps(reference)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return computed(*args, **kwargs)
        except TypeError:
            check_arguments(name, reference, args, kwargs)
            raise  # of another call, further inside

    return run


def _with_checked_pullback(name: str, names: Sequence[str], result: Any) -> Any:
    """Return the result of an op, (y, pullback), with a pullback that requires a dy like y, and
    `wants` for the array arguments. Those that never have a gradient, the last, may be left out.

    names: of the array arguments.
    Results of another form, of ops that are not differentiated, are returned unchanged.
    """
    if not (isinstance(result, tuple) and result and callable(result[-1])):
        return result
    outputs, pullback = result
    y = outputs[0] if isinstance(outputs, tuple) else outputs
    like = type(y), y.dtype, tuple(y.shape)  # not y, which the pullback would keep in memory
    xp = namespace(y)

    def checked(dy: Array, wants: Sequence[bool] | None = None) -> tuple[Array | None, ...]:
        if (type(dy), getattr(dy, "dtype", None), getattr(dy, "shape", None)) != like:
            check_dy(name, dy, xp, *like)
        if wants is None:
            gradients: tuple[Array | None, ...] = pullback(dy, None)
            return gradients
        if not isinstance(wants, Sequence) or not 0 < len(wants) <= len(names):
            check_wants(name, wants, names)
        try:
            gradients = pullback(dy, wants)
        except (ValueError, IndexError):
            check_wants(name, wants, names)
            raise
        return gradients

    checked.__module__, checked.__qualname__ = pullback.__module__, f"{name}.pullback"  # for errors
    return outputs, checked


def _in_float32(run: Callable[..., Any], x: Array, args: Any, kwargs: Any) -> Any:
    """Run an op in float32 for an x of half precision, and round its first result to that.

    Other arguments of half precision become float32 too; those of float32, such as scales and
    statistics, stay. Further results are float32. A gradient has the dtype of its argument.
    """
    xp, narrow = namespace(x), x.dtype

    def up(value: Any) -> Any:
        return xp.astype(value, xp.float32) if is_half(getattr(value, "dtype", None)) else value

    def down(value: Any, dtype: Any = narrow) -> Any:
        return None if value is None else xp.astype(value, dtype)

    arrays = [*args, *kwargs.values()]
    dtypes = [getattr(value, "dtype", None) for value in arrays]
    wide = {name: up(value) for name, value in kwargs.items()}
    y, back = run(*map(up, args), **wide)
    if not callable(back):  # of `fold_batch_norm`
        return down(y), down(back)

    def pullback(dy: Array, wants: Any = None) -> tuple[Array | None, ...]:
        grads = back(up(dy), wants)
        return tuple(down(g, dtype) for g, dtype in zip(grads, dtypes, strict=False))

    if isinstance(y, tuple):
        first, *others = y
        return (down(first), *others), pullback
    return down(y), pullback


def with_kernel(name: str) -> Callable[[F], F]:
    """Decorate the `update` of an optimizer so that the kernel called `name` runs in place of it.

    The kernel gets the same arguments, the optimizer first, and returns NotImplemented for a case
    that it does not serve.
    """

    def decorate(update: F) -> F:
        @wraps(update)
        def run(self: Any, params: Any, grads: Any, state: Any, lr: Array, step: Array) -> Any:
            kernel = kernel_for(lr, name)
            if kernel is not None:
                result = kernel(self, params, grads, state, lr, step)
                if result is not NotImplemented:
                    return result
            return update(self, params, grads, state, lr, step)

        return cast(F, run)

    return decorate
