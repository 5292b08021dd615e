"""Every error that xpcnn makes is of the family and says what to try: read from syntax trees.

An error has advice that is made with `hint`, or its text ends with that of an error of the family
that was caught. What has none is listed, with the reason.
"""

import ast
import builtins
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.module_imports import parsed
from xpcnn import errors

ROOT = Path(__file__).parents[1]
FAMILY = {name for name, kind in vars(errors).items() if isinstance(kind, type) and "Error" in name}

# the file and how the argument begins: the reason
EXCEPTIONS: dict[tuple[str, str], str] = {
    ("xpcnn/io/atomic.py", "errno.EISDIR"): "caught below, where the advice is",
    ("xpcnn/io/atomic.py", "errno.ENODEV"): "caught below, where the advice is",
    ("xpcnn/cli/output.py", "errno.EBADF"): "caught below, where the advice is",
    ("xpcnn/io/tensor_file.py", "f'{text} is not a finite"): "caught where JSON is read",
}


def without_advice(source: str) -> Iterator[tuple[int, str]]:
    """Yield (line, first argument) of every error made that is not of the family, or no advice."""
    tree = parsed(source)
    caught: dict[ast.AST, str] = {}  # what stands in a handler: the name of the error there
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler) and node.name and node.type:
            kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            if all(ast.unparse(kind) in FAMILY for kind in kinds):
                caught |= dict.fromkeys(ast.walk(node), node.name)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and is_error(ast.unparse(node.func)):
            name, text = ast.unparse(node.func), node.args[0]
            repeats = node in caught and ends_with(text, caught[node])
            if name not in FAMILY or not (is_hint(text) or repeats):
                yield node.lineno, ast.unparse(text)


@pytest.mark.parametrize(
    ("count", "noun", "text"),
    [(1, "number", "1 number"), (0, "class", "0 classes"), (1000, "number", "1,000 numbers")],
)
def test_numbers_with_nouns(count: int, noun: str, text: str) -> None:
    assert errors.counted(count, noun) == text


def is_error(name: str) -> bool:
    kind = getattr(builtins, name, None)
    return name in FAMILY or (isinstance(kind, type) and issubclass(kind, Exception))


def is_hint(text: ast.expr) -> bool:
    return isinstance(text, ast.Call) and ast.unparse(text.func) == "hint"


def ends_with(text: ast.expr, name: str) -> bool:
    """Whether an f-string ends with a name."""
    last = text.values[-1] if isinstance(text, ast.JoinedStr) else None
    return isinstance(last, ast.FormattedValue) and ast.unparse(last.value) == name


def test_every_error_says_what_to_try() -> None:
    files = {str(path.relative_to(ROOT)): path for path in (ROOT / "xpcnn").rglob("*.py")}
    assert len(files) > 100
    used, bad = set(), []
    for file, path in files.items():
        for line, text in without_advice(path.read_text(encoding="utf-8")):
            listed = {(there, s) for there, s in EXCEPTIONS if there == file and text.startswith(s)}
            used |= listed
            bad += [] if listed else [f"{file}:{line}: {text}"]
    assert bad == []
    assert used == set(EXCEPTIONS)  # no exception that nothing needs


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ('raise ShapeError("wrong")', [1]),
        ('raise ShapeError(hint("wrong", "right"))', []),
        ('def fault():\n    return LabelError("wrong")', [2]),
        ('raise ValueError(hint("wrong", "right"))', [1]),
        ('try:\n    f()\nexcept XpcnnError as e:\n    raise DataError(f"here: {e}")', []),
        ('try:\n    f()\nexcept (DataError, OSError) as e:\n    raise DataError(f"at {e}")', [4]),
        ('try:\n    f()\nexcept XpcnnError as e:\n    raise DataError(f"{e} is wrong")', [4]),
    ],
)
def test_the_reader_sees_what_has_no_advice(source: str, lines: list[int]) -> None:
    assert [line for line, _ in without_advice(source)] == lines


def test_the_family_is_whole() -> None:
    for path in (ROOT / "xpcnn").rglob("*.py"):
        for node in ast.walk(parsed(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                bases = {ast.unparse(base) for base in node.bases}
                assert node.name in FAMILY or not bases & FAMILY, f"{path}: {node.name}"
