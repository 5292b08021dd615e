"""Whole training steps by plans; see `Backend.compile_step` and plan.py."""

from collections.abc import Callable
from typing import Any

from .plan import Replay


class Steps:
    """steps(run, key, state, *given) returns run(state, *given).

    A step that cannot be recorded as a whole, such as one with an optimizer of NumPy calls, is left
    to run, in which the pass over the batch may still be repeated by a plan.
    """

    def __init__(self, may_record: Callable[[Any], bool]) -> None:
        self.may_record = may_record
        self.key: Any = None
        self.replay: Replay | None = None

    def __call__(self, run: Callable[..., Any], key: Any, state: Any, *given: Any) -> Any:
        """Return run(state, *given), by a plan for this key if there is one."""
        if key is not self.key:
            self.key = key
            self.replay = Replay(lambda *others: True) if self.may_record(key) else None
        if self.replay is None:
            return run(state, *given)
        return self.replay(lambda *x: run(x[-1], *x[:-1]), None, *given, state)
