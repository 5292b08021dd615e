"""What a layer returns, checked where it is called: a layer may be the user's own."""

import inspect
from typing import Any

from xpcnn.errors import ConfigError, DTypeError, ShapeError, hint
from xpcnn.ops.checks import dtype_name
from xpcnn.options import shown
from xpcnn.types import Array, LayerPullback, Params, Shape


def as_initial(found: Any) -> tuple[Params, Params, Shape]:
    """Return what `Layer.init` returned.

    Raises:
        ConfigError: it is anything else than (params, buffers, out_shape).
    """
    is_triple = isinstance(found, tuple) and len(found) == 3
    if not is_triple or not isinstance(found[2], tuple | list):
        message = f"init returned {shown(found)}, expected (params, buffers, out_shape)"
        raise ConfigError(hint(message, "return {}, {}, shape, of a layer without parameters"))
    params, buffers, shape = found
    return params, buffers, shape


def as_result(found: Any) -> tuple[Array, Params, LayerPullback]:
    """Return what `Layer.forward` returned.

    Raises:
        ConfigError: it is anything else than (y, buffers, pullback).
    """
    if not isinstance(found, tuple) or len(found) != 3:
        message = f"forward returned {shown(found)}, expected (y, buffers, pullback)"
        raise ConfigError(hint(message, "return y, {}, pullback, of a layer without buffers"))
    if not callable(found[2]):
        message = f"forward returned {shown(found[2])} for its pullback, expected a function"
        raise ConfigError(hint(message, "def pullback(dy, want_dx=True): return dx, {}"))
    return found


def check_buffers(new: Any, buffers: Params) -> None:
    """Require new buffers of the names, shapes and dtypes of those before, as `init` made them.

    A file of a model with others could not be read again.

    Raises:
        ConfigError: there are others.
    """
    if not isinstance(new, dict) or new.keys() != buffers.keys():
        names = [list(each) if isinstance(each, dict) else shown(each) for each in (new, buffers)]
        message = f"forward returned the buffers {names[0]}, and init {names[1]}"
        raise ConfigError(hint(message, "the same names, of all buffers, in training"))
    for name, old in buffers.items():
        if not isinstance(old, dict):
            found = new[name]
            if getattr(found, "shape", None) != old.shape or found.dtype != old.dtype:
                form = (
                    f"{tuple(found.shape)} {dtype_name(found)}"
                    if hasattr(found, "shape")
                    else shown(found)
                )
                message = f"forward returned the buffer {name!r} as {form}, expected "
                advice = "Python numbers as constants, not NumPy's float64"
                raise ConfigError(hint(f"{message}{tuple(old.shape)} {dtype_name(old)}", advice))


def check_methods(layer: Any) -> None:
    """Require a layer whose `init` and `forward` take the arguments of `Layer`'s.

    Raises:
        ConfigError: one of the two takes others.
    """
    for method, arguments in (("init", "shape, draw"), ("forward", "params, buffers, x, ctx")):
        try:
            signature = inspect.signature(getattr(layer, method))
            signature.bind(*arguments.split(", "))
        except ValueError:  # of a function in C
            continue
        except TypeError:
            message = f"{type(layer).__name__}.{method} takes {signature}, expected ({arguments})"
            raise ConfigError(hint(message, f"def {method}(self, {arguments})")) from None


def check_takes_want_dx(pullback: LayerPullback, where: str) -> None:
    """Require a pullback that can be called with dy and want_dx.

    Raises:
        ConfigError: it takes other arguments. where: the layer.
    """
    try:
        signature = inspect.signature(pullback)
        signature.bind(None, True)
    except ValueError:  # of a function in C
        return
    except TypeError:
        message = f"{where}: the pullback takes {signature}, expected (dy, want_dx=True)"
        advice = "def pullback(dy, want_dx=True): return dx, {}"
        raise ConfigError(hint(message, advice)) from None


def checked_pullback(
    pullback: LayerPullback, params: Params, x: Array, where: str
) -> LayerPullback:
    """Return a pullback that requires gradients of the shapes and dtypes of their arrays.

    params: of the layer; those in further dictionaries are its children's, which check them.
    x: the layer's input. where: the layer, for errors.

    Raises:
        ConfigError: the pullback does not take (dy, want_dx), or does not return (dx, gradients by
            parameter name).
        ShapeError: a gradient is missing, is no array, or has another shape.
        DTypeError: a gradient has another dtype.
    """
    like_x = x.shape, x.dtype  # not x, which the pullback would keep in memory

    def checked(dy: Array, want_dx: bool = True) -> tuple[Array | None, Params]:
        try:
            found: Any = pullback(dy, want_dx)
        except Exception as error:
            check_takes_want_dx(pullback, where)
            error.add_note(f"in the pullback of {where}")
            raise
        if not isinstance(found, tuple) or len(found) != 2 or not isinstance(found[1], dict):
            message = f"{where}: the pullback returned {shown(found)}, expected (dx, gradients)"
            raise ConfigError(hint(message, "return dx, {'weight': dweight}, or dx, {}"))
        dx, grads = found
        if want_dx:
            _require("dx", dx, *like_x, where)
        for name, p in params.items():
            if not isinstance(p, dict):
                _require(f"the gradient of {name!r}", grads.get(name), p.shape, p.dtype, where)
        return found

    return checked


def _require(what: str, gradient: Any, shape: Shape, dtype: Any, where: str) -> None:
    given = getattr(gradient, "shape", None)
    if given != shape:
        gave = shown(gradient) if given is None else f"the shape {tuple(given)}"
        message = f"{where}: the pullback returned {gave} for {what}, expected {tuple(shape)}"
        raise ShapeError(hint(message, "a gradient in the shape of its array"))
    if gradient.dtype != dtype:
        wanted = str(dtype).rpartition(".")[2]
        message = f"{where}: the pullback returned {dtype_name(gradient)} for {what}, "
        message += f"expected {wanted}"
        raise DTypeError(hint(message, "Python numbers as constants, not NumPy's float64"))
