"""Every public class and function has a docstring that names each of its parameters."""

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import is_dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import xpcnn
from xpcnn import layers

FURTHER = ("xpcnn.data.augment", "xpcnn.ops.reference", "xpcnn.random", "xpcnn.types")
"""Public modules beside those of `xpcnn.__all__`."""

CONSTRUCTED = ("layers", "losses", "optimizers", "schedules", "initializers", "data.augment")
"""Modules whose classes users construct: a line `argument: text` for each argument."""


def modules() -> list[str]:
    """Return the names of the modules from which users import."""
    names = [
        thing.__name__ for thing in map(xpcnn.__getattr__, xpcnn.__all__) if inspect.ismodule(thing)
    ]
    return ["xpcnn", *names, *FURTHER]


def public(module: ModuleType) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield the classes and functions of `__all__` or, without one, those defined in the module."""
    names = getattr(module, "__all__", None)
    for name in names or [*vars(module)]:
        thing = getattr(module, name)
        if not (inspect.isclass(thing) or inspect.isfunction(thing)):
            continue
        if names or (not name.startswith("_") and thing.__module__ == module.__name__):
            yield name, thing


def docstring(thing: Callable[..., Any]) -> str:
    """Return the docstring that is written in the source; "" for none, or one that Python makes."""
    text = vars(thing).get("__doc__") or "" if inspect.isclass(thing) else thing.__doc__ or ""
    made = text.startswith(f"{thing.__name__}(")  # by dataclass and NamedTuple
    return "" if made else text


def parameters(thing: Callable[..., Any]) -> list[str]:
    if inspect.isclass(thing) and issubclass(thing, BaseException):
        return []
    given = inspect.signature(thing).parameters.values()
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [p.name for p in given if p.kind not in kinds and not p.name.startswith("_")]


def unnamed(thing: Callable[..., Any], in_a_line: bool = False) -> list[str]:
    """Return the parameters that the docstring does not name, or not at the start of a line."""
    text = docstring(thing)
    line = r"^\s*(?:\w+, )*{0}(?:, \w+)*: \S"
    pattern = line if in_a_line else r"\b{0}\b"
    return [
        name
        for name in parameters(thing)
        if not re.search(pattern.format(name), text, re.MULTILINE)
    ]


@pytest.mark.parametrize("module", modules())
def test_every_docstring_names_each_parameter(module: str) -> None:
    found = {}
    for name, thing in public(import_module(module)):
        if not docstring(thing):
            found[name] = ["no docstring"]
        elif missing := unnamed(thing, module.removeprefix("xpcnn.") in CONSTRUCTED):
            found[name] = missing
    assert found == {}


def test_help_of_a_layer_documents_its_methods() -> None:
    names = [name for name in layers.__all__ if is_dataclass(getattr(layers, name))]
    methods = [getattr(getattr(layers, n), method) for n in names for method in ("init", "forward")]
    assert len(names) > 30
    assert [method.__qualname__ for method in methods if not method.__doc__] == []


def test_what_is_missing_is_seen() -> None:
    def bare(x: int) -> None: ...

    def half(x: int, size: int, *rest: int) -> None:
        """Do something to x.

        x: any number.
        """

    class Own:
        """Hold a size."""

        def __init__(self, size: int) -> None: ...

    assert docstring(bare) == ""
    assert unnamed(half) == ["size"]
    assert unnamed(half, in_a_line=True) == ["size"]
    assert unnamed(Own) == []
    assert unnamed(Own, in_a_line=True) == ["size"]


ROOT = Path(__file__).parents[1]
FOLDERS = ("xpcnn", "backends", "tests", "examples")


def unknown_files(text: str, names: set[str]) -> list[str]:
    """Return the files of code that a text names and that do not exist; `names`: ends of paths."""
    found = re.findall(
        r"(?<![\w<>*.{}/-])((?:\w+/)*[a-z_]\w*\.(?:py|c|h|cu|cuh))\b(?![\w(*])", text
    )
    return [name for name in found if name not in names]


def test_the_files_that_modules_name_exist() -> None:
    """A module's first lines often say where to read on; a file that was renamed is named anew."""
    inside = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*.*"))
    files = [*ROOT.glob("*.py"), *inside]
    parts = [path.relative_to(ROOT).parts for path in files]
    names = {"/".join(part[i:]) for part in parts for i in range(len(part))}
    assert unknown_files("`conv.py`, `ops/conv.py`, `ops/convolution.py`", names) == [
        "ops/convolution.py"
    ]
    for path in files:
        if path.suffix == ".py":
            head = re.match(r'"""(.*?)"""', path.read_text(encoding="utf-8"), re.DOTALL)
            assert unknown_files(head[1] if head else "", names) == [], path
