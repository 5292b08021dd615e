"""The arrays of one optimizer step, packed for kernels that take all parameters in one call.

A kernel reads a table with a row for each parameter: the addresses of p, its gradient g and the
arrays m and v of the optimizer's state, and of what they become, new_p, new_m and new_v.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from .types import Arrays, State

INPUTS = ("p", "g", "m", "v")
OUTPUTS = ("new_p", "new_m", "new_v")
POINTERS = (*INPUTS, *OUTPUTS)
"""The fields of a row that hold addresses, in the order of the kernels' structs."""


class Packed(NamedTuple):
    """The arrays of an optimizer's step, each by the path of its parameter.

    inputs: the parameters, the gradients, and the arrays of the optimizer's state.
    outputs: new arrays for the parameters, and for the state.
    """

    inputs: Sequence[Arrays]
    outputs: Sequence[Arrays]

    def write_addresses(
        self, rows: Any, paths: Sequence[str], address: Callable[[Any], int]
    ) -> None:
        """Write the addresses of the arrays of some parameters into the rows of a table."""
        for names, kinds in ((INPUTS, self.inputs), (OUTPUTS, self.outputs)):
            for name, arrays in zip(names, kinds, strict=False):
                rows[name] = [address(arrays[path]) for path in paths]

    def result(self, state: State) -> tuple[Arrays, State]:
        """Return the new parameters and the new state, once the kernel has written them."""
        new, *after = self.outputs
        return new, dict(zip(state, after, strict=True))


def pack(
    params: Arrays,
    grads: Arrays,
    state: Mapping[str, Arrays],
    ordered: Callable[[Any], Any],
    empty: Callable[[Any], Any],
) -> Packed:
    """Return the arrays of a step; the order of the state is that of the kernel's m and v.

    ordered: returns an array as the kernel reads it; empty: returns a new array of the same shape.
    """
    inputs = [
        {path: ordered(arrays[path]) for path in params}
        for arrays in (params, grads, *state.values())
    ]
    outputs = [{path: empty(p) for path, p in inputs[0].items()} for _ in inputs[1:]]
    return Packed(inputs, outputs)


def decays(rule: Any, rank: int) -> bool:
    """Whether weight decay changes a parameter: if not all, those of more than one dimension."""
    return bool(rule.weight_decay > 0.0 and (rule.decay_all or rank > 1))
