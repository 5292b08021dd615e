"""Kernel or reference: a public op checks its arguments, then runs a kernel, or the reference.

What runs for `ops.conv2d(x, w)`:

    backend.load("numpy")            registers the kernels for NumPy arrays; before, there are none
    backend.kernel_for(x, "conv2d")  looks up the kernel for the type of x
    x of NumPy, float32              numpy_kernels/compiled/conv.py, which calls conv.c
    x of NumPy, other cases          numpy_kernels/conv.py, in NumPy calls
    x of CuPy                        cupy_kernels/conv.py, with XPCNN_CUDA_KERNELS=1
    all other cases                  ops/reference/conv.py, in calls of the library of x

A kernel that does not serve a case returns NotImplemented; then the next one runs. The kernels are
in `backends/`; examples/guides/where-computed.md lists those of every op. The update of an
optimizer, which is not an op, gets its kernel here too.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

from xpcnn.backend import kernel_for
from xpcnn.types import Array

F = TypeVar("F", bound=Callable[..., Any])
P = ParamSpec("P")
R = TypeVar("R")


def op(reference: Callable[P, R], check: Callable[P, None]) -> Callable[P, R]:
    """Return the public op of a reference, with the docstring and signature of the reference.

    A kernel has the same signature and replaces forward and backward as one unit; it returns
    NotImplemented for a case that it does not serve.

    Args:
        reference: the function in `ops/reference`; kernels have its name.
        check: takes the same arguments and raises an error if they are not valid.
    """
    name = reference.__name__

    @wraps(reference)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        check(*args, **kwargs)
        kernel = kernel_for(args[0] if args else next(iter(kwargs.values())), name)
        if kernel is not None:
            result: R = kernel(*args, **kwargs)
            if result is not NotImplemented:
                return result
        return reference(*args, **kwargs)

    return run


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
