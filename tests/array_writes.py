"""What a function could write into an array with, read from its syntax tree."""

import ast
from collections.abc import Iterator

from tests.module_imports import called

MUTATORS = ("fill", "sort", "put", "itemset", "resize", "partition", "setflags", "copyto")


def writes(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield (line, what) of all that could write into an array.

    `name *= ...` is one on an array but not on a count, which is a name that starts as a whole
    number or as an entry of a shape.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
            yield node.lineno, "assigns to an element"
        elif isinstance(node, ast.Call):
            if called(node) in MUTATORS:
                yield node.lineno, f"calls {called(node)}"
            if any(keyword.arg == "out" for keyword in node.keywords):
                yield node.lineno, "gives out="
        elif isinstance(node, ast.FunctionDef | ast.Module):
            counts = {name for name in assigned(node) if name not in not_counts(node)}
            for inner in own(node):
                if isinstance(inner, ast.AugAssign) and not isinstance(inner.target, ast.Subscript):
                    target = ast.unparse(inner.target)
                    if target not in counts:
                        yield inner.lineno, f"updates {target} in place"


def own(function: ast.AST) -> Iterator[ast.AST]:
    """Walk through a function, but not into those defined in it."""
    for child in ast.iter_child_nodes(function):
        yield child
        if not isinstance(child, ast.FunctionDef):
            yield from own(child)


def assignments(function: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    for node in own(function):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    yield target.id, node.value


def assigned(function: ast.AST) -> set[str]:
    return {name for name, _ in assignments(function)}


def not_counts(function: ast.AST) -> set[str]:
    """Return the names that are assigned anything but a whole number or an entry of a shape."""
    return {
        name
        for name, value in assignments(function)
        if not (isinstance(value, ast.Constant) and isinstance(value.value, int))
        and not (isinstance(value, ast.Subscript) and ast.unparse(value.value).endswith(".shape"))
    }
