"""Updates of parameters. The meaning is in `reference/update.py`.

Nothing is checked: an optimizer passes arrays that it made, or that the layers did.
"""

from typing import Any

from xpcnn.ops import reference
from xpcnn.ops.dispatch import op


def _check_nothing(*arrays: Any, **hyperparameters: Any) -> None:
    pass


adam_update = op(reference.adam_update, _check_nothing)
momentum_update = op(reference.momentum_update, _check_nothing)
