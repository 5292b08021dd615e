"""How a public op is made: a check, a fast kernel where there is one, else the reference.

The update of an optimizer, which is no op, gets its kernel here too.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

from xpcnn.backend import fast
from xpcnn.types import Array

F = TypeVar("F", bound=Callable[..., Any])
P = ParamSpec("P")
R = TypeVar("R")


def op(reference: Callable[P, R], check: Callable[P, None]) -> Callable[P, R]:
    """Return the public op of a reference: documentation and signature are the reference's.

    A kernel has the same signature and replaces forward and backward as one unit; it returns
    NotImplemented for a case that it does not serve.
    """
    name = reference.__name__

    @wraps(reference)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        check(*args, **kwargs)
        kernel = fast(args[0] if args else next(iter(kwargs.values())), name)
        if kernel is not None:
            result: R = kernel(*args, **kwargs)
            if result is not NotImplemented:
                return result
        return reference(*args, **kwargs)

    return run


def with_kernel(name: str) -> Callable[[F], F]:
    """Decorate the `update` of an optimizer: the kernel of that name goes before it, as for an op.

    The kernel gets the same arguments, the optimizer first.
    """

    def decorate(update: F) -> F:
        @wraps(update)
        def run(self: Any, params: Any, grads: Any, state: Any, lr: Array, step: Array) -> Any:
            kernel = fast(lr, name)
            if kernel is not None:
                result = kernel(self, params, grads, state, lr, step)
                if result is not NotImplemented:
                    return result
            return update(self, params, grads, state, lr, step)

        return cast(F, run)

    return decorate
