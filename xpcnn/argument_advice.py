"""Errors about arguments and attributes that do not exist, with advice on the right ones.

`advised` gives them to a class or a method, `check_arguments` to any call, `no_attribute` to the
attributes of an object, and `advice_on` gives advice for any list of valid names. Names from other
libraries are looked up in `foreign_names`.
"""

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import Any, TypeVar

from xpcnn.errors import ArgumentError, AttributeMissingError, hint, nearest
from xpcnn.foreign_names import ATTRIBUTES, BY_PLACE, INSTEAD, MISSING, SAME

C = TypeVar("C", bound=Callable[..., Any])


def advice_on(name: str, valid: Iterable[str]) -> str:
    """Return advice for an unknown `name`: its equivalent in xpcnn, or the closest valid name."""
    names = sorted(valid)
    ours = _ours(name, names)
    if ours is not None:
        return f"{ours!r} (valid: {', '.join(names)})"
    called, *rest = re.split(r"[(=:]", name, maxsplit=1)
    if rest and (same := [known for known in names if known.lower() == called.strip().lower()]):
        options = rest[0].rstrip(") ") if "=" in rest[0] else "its options"
        in_python = f"; in Python {name} without quotes" if "(" in name else ""
        return f"{same[0]!r}, with {options} in a file, or by --set{in_python}"
    return INSTEAD.get(name.lower()) or nearest(name, names)


def advice_on_argument(
    call: str, name: str, value: Any, valid: Iterable[str], more: Iterable[str] = ()
) -> str:
    """Return advice for an unknown argument of a call such as "Dense(...)", with its value.

    more: further arguments that a foreign name may stand for.
    """
    names = list(valid)
    ours = _ours(name, [*names, *more])
    if ours is not None:
        plain = isinstance(value, bool | int | float | str) and ours != "progress"
        return call.replace("...", f"{ours}={repr(value) if plain else '...'}")
    if not names:
        return INSTEAD.get(name, f"{call.replace('...', '')}, without arguments")
    return advice_on(name, names)


def _ours(name: str, valid: Iterable[str]) -> str | None:
    """Return the valid name that means the same as a foreign one."""
    plain = name.lower().replace("-", "_")
    return next((ours for ours in SAME.get(plain, ()) if ours in valid), None)


def no_attribute(owner: str, name: str, names: Iterable[str]) -> AttributeMissingError:
    """Return the error for an attribute that an object does not have; `names`: those it has."""
    advice = ATTRIBUTES.get(owner, {}).get(name)
    if advice is None:
        advice = nearest(name, [known for known in names if not known.startswith("_")])
    return AttributeMissingError(hint(f"a {owner} has no {name!r}", advice))


def advised(call: C) -> C:
    """Let a class or a method suggest the right arguments in errors about wrong ones.

    A class is returned with another `__init__`, a method wrapped. Their calls raise an
    ArgumentError, which is a TypeError too, for an unknown, missing or surplus argument.
    """
    if isinstance(call, type):
        init = call.__init__  # type: ignore[misc]
        call.__init__ = _advised(call.__name__, init)  # type: ignore[misc]
        return call
    return _advised(call.__name__, call)  # type: ignore[return-value]


def _advised(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return method(self, *args, **kwargs)
        except TypeError:
            check_arguments(name, method, (self, *args), kwargs, bound=1)
            raise  # of another call, further inside

    return call


def check_arguments(
    owner: str,
    call: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    *,
    bound: int = 0,
) -> None:
    """Require that a function can be called with these arguments.

    Args:
        owner: what the user calls, for errors.
        call: the function whose signature counts.
        args, kwargs: the arguments.
        bound: how many at the start of `args` the user does not give, such as `self`.

    Raises:
        ArgumentError: one is unknown, missing or surplus; the message names it.
    """
    signature = inspect.signature(call)
    try:
        signature.bind(*args, **kwargs)
    except TypeError:
        pass
    else:
        return
    args = args[bound:]
    named = list(signature.parameters.values())[bound:]
    parameters = [p for p in named if p.kind is not p.VAR_KEYWORD]
    by_place = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    by_name = [p.name for p in parameters]
    for name, value in kwargs.items():
        if name not in by_name:
            advice = advice_on_argument(f"{owner}(...)", name, value, by_name)
            raise ArgumentError(hint(f"{owner} has no argument {name!r}", advice))
    if len(args) > len(by_place):
        most = f"at most {len(by_place)}" if by_place else "none"
        many = "1 argument" if len(args) == 1 else f"{len(args)} arguments"
        message = f"{owner}: {many} without a name, expected {most}"
        raise ArgumentError(hint(message, _call(owner, args, by_place, by_name)))
    twice = [name for name in by_place[: len(args)] if name in kwargs]
    if twice:
        raise ArgumentError(hint(f"{owner}: {twice[0]} is given twice", f"{twice[0]}=... once"))
    missing = [p.name for p in parameters if p.default is p.empty and p.name not in kwargs]
    missing = [name for name in missing if name not in by_place[: len(args)]]
    listed = ", ".join(f"{name}=..." for name in missing)
    message = f"{owner}: {' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing"
    advice = MISSING.get(owner, {}).get(missing[0]) or f"{owner}({listed})"
    raise ArgumentError(hint(message, advice))


def _call(owner: str, args: tuple[Any, ...], by_place: list[str], by_name: list[str]) -> str:
    """Return the call that was probably meant by too many positional arguments."""
    meant = BY_PLACE.get(owner, {}).get(len(args))
    plain = all(isinstance(arg, int | float | tuple) for arg in args)
    if meant is not None and (plain or "{" not in meant):
        return meant.format(*args)
    if owner in ("Sequential", "Concat"):
        return f"{owner}([...]), one list of layers"
    rest = [name for name in by_name if name not in by_place]
    if not rest:
        return f"{owner}({', '.join(by_place)})"
    return f"the others by name: {', '.join(f'{name}=...' for name in rest)}"
