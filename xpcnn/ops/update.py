"""Updates of parameters. The meaning is in `reference/update.py`.

Nothing is checked: an optimizer passes arrays that it made, or that the layers did.
"""

from xpcnn.ops import reference
from xpcnn.ops.dispatch import op
from xpcnn.types import Array


def _check_nothing(
    p: Array, g: Array, v: Array, lr: Array, *, momentum: float, nesterov: bool
) -> None:
    pass


momentum_update = op(reference.momentum_update, _check_nothing)
