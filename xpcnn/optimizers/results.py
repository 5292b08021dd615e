"""What an optimizer returns, checked where it is called: an optimizer may be the user's own."""

from collections.abc import Collection
from typing import Any

from xpcnn.errors import ConfigError, DTypeError, ShapeError, hint
from xpcnn.optimizers.common import Arrays, Optimizer, State
from xpcnn.options import shown
from xpcnn.types import Array

_STATE = '{"momentum": {path: array, ...}}, by quantity and parameter; the step is an argument'


def is_of_xpcnn(optimizer: Optimizer) -> bool:
    """Whether an optimizer is none of a user's own."""
    return type(optimizer).__module__.startswith("xpcnn.optimizers.")


def read_only(arrays: Arrays) -> Arrays:
    """Return the arrays, those of NumPy as views that cannot be written into.

    For an optimizer of a user's own: the model keeps its arrays of before until the run has ended
    well, and a run that diverges goes back to earlier ones.
    """
    return {path: _read_only(x) for path, x in arrays.items()}


def _read_only(x: Array) -> Array:
    if not hasattr(x, "setflags"):
        return x
    view = x[...]
    view.setflags(write=False)
    return view


def check_state(optimizer: Optimizer, found: Any, method: str, paths: Collection[str]) -> State:
    """Return the state that an optimizer's `method` returned for the parameters at `paths`.

    Raises:
        ConfigError: it is anything else than arrays by quantity, then parameter path.
    """
    owner = f"the optimizer {type(optimizer).__name__}: {method} returned"
    if not isinstance(found, dict):
        raise ConfigError(hint(f"{owner} {shown(found)} for the state, expected a dict", _STATE))
    for quantity, arrays in found.items():
        if not isinstance(arrays, dict):
            message = f"{owner} {shown(arrays)} for {quantity!r}, expected arrays by parameter path"
            raise ConfigError(hint(message, _STATE))
        for path in arrays:
            if path not in paths:
                message = f"{owner} {quantity!r} with {path!r} in it, which is no parameter it got"
                raise ConfigError(hint(message, _STATE))
    return found


def as_update(optimizer: Optimizer, found: Any, params: Arrays, state: State) -> Any:
    """Return what `Optimizer.update` returned: (params, state).

    params, state: what it was given.

    Raises:
        ConfigError: it is anything else, or a parameter or quantity of the state is missing.
        ShapeError, DTypeError: a parameter has another shape or dtype than before.
    """
    owner = f"the optimizer {type(optimizer).__name__}: update returned"
    if not isinstance(found, tuple) or len(found) != 2 or not isinstance(found[0], dict):
        message = f"{owner} {shown(found)}, expected (params, state)"
        raise ConfigError(hint(message, "return {path: array, ...}, state"))
    new, after = found
    if new.keys() != params.keys():
        path = next(iter(new.keys() ^ params.keys()))
        what = "no" if path in params else "an unknown"
        message = f"{owner} {what} parameter {path!r}"
        raise ConfigError(hint(message, "every parameter that it got, and no other"))
    for path, p in params.items():
        given = new[path]
        if getattr(given, "shape", None) != p.shape:
            shape = getattr(given, "shape", None)
            gave = shown(given) if shape is None else f"the shape {tuple(shape)}"
            message = f"{owner} {gave} for {path!r}, expected {tuple(p.shape)}"
            raise ShapeError(hint(message, "p - lr * g, of the parameter p and its gradient g"))
        if given.dtype != p.dtype:
            message = f"{owner} {given.dtype} for {path!r}, expected {p.dtype}"
            raise DTypeError(hint(message, "Python numbers as constants, not NumPy's float64"))
    check_state(optimizer, after, "update", params.keys())
    if after.keys() != state.keys():
        message = f"{owner} the state {list(after)}, and init {list(state)}"
        raise ConfigError(hint(message, "all quantities of the state from the beginning on"))
    return found
