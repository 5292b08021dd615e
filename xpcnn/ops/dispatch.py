"""How a public op is made: a check, a fast kernel where there is one, else the reference."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from xpcnn.backend import fast

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
