"""What a file imports, read from its syntax tree, and circles of files that import each other."""

import ast
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import PurePosixPath


@cache
def parsed(source: str) -> ast.Module:
    """Return the syntax tree of a text, which is not to be changed."""
    return ast.parse(source)


@cache
def imports(path: str, source: str) -> list[tuple[int, str]]:
    """Return (line, dotted name) of everything imported, wherever in the file, and by name too."""
    package, found = PurePosixPath(path).parent.parts, []
    for node in ast.walk(parsed(source)):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*above, *([node.module] if node.module else [])))
            found += [(node.lineno, f"{module}.{alias.name}") for alias in node.names]
        elif isinstance(node, ast.Call) and called(node) in ("import_module", "__import__"):
            name = leading_text(node.args[0])
            if name.partition(".")[0] not in ("", "{}"):
                found.append((node.lineno, name))
    return found


def leading_text(argument: ast.expr) -> str:
    """Return the text of a string, or that of an f-string before its first value, and {}."""
    if isinstance(argument, ast.JoinedStr):
        return f"{leading_text(argument.values[0])}{{}}"
    return str(argument.value) if isinstance(argument, ast.Constant) else ""


def called(node: ast.Call) -> str:
    """Return the last name of what is called."""
    function = node.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def module_of(path: str) -> str:
    """Return the dotted name of a file."""
    return ".".join(PurePosixPath(path).with_suffix("").parts).removesuffix(".__init__")


def is_within(name: str, *prefixes: str) -> bool:
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)


def circles(sources: Mapping[str, str]) -> list[list[str]]:
    """Return the circles of files that import each other, late and for types alone included.

    sources: the text of every file by path. Each circle is as large as it can be, and sorted.
    """
    files = {module_of(path): path for path in sources}
    leads = {path: leads_to(path, source, files) for path, source in sources.items()}
    reach = {path: reachable(path, leads) for path in leads}
    found = {
        tuple(sorted(other for other in reach[path] if path in reach[other]))
        for path in leads
        if path in reach[path]
    }
    return sorted(map(list, found))


def leads_to(path: str, source: str, files: Mapping[str, str]) -> set[str]:
    """Return the other files that a file imports; not those that it imports by a computed name."""
    names = (name for _, name in imports(path, source) if not name.endswith("{}"))
    return {nearest_file(name, files) for name in names} - {path, ""}


def nearest_file(name: str, files: Mapping[str, str]) -> str:
    """Return the file of the module that a dotted name is or is in; "" of another package."""
    while name and name not in files:
        name = name.rpartition(".")[0]
    return files.get(name, "")


def reachable(start: str, leads: Mapping[str, set[str]]) -> set[str]:
    """Return the files that imports lead to from one, in one step or more."""
    found: set[str] = set()
    coming = [*leads[start]]
    while coming:
        path = coming.pop()
        if path not in found:
            found.add(path)
            coming += leads.get(path, ())
    return found


def named_like_its_module(path: str, source: str, modules: Iterable[str]) -> list[str]:
    """Return the names that mean both a module and something in it or in its package.

    `from xpcnn.ops import softmax` would give the one or the other, by what was imported before.

    modules: those beside an `__init__.py`, by name; of other files they play no part.
    """
    stem = PurePosixPath(path).stem
    if stem != "__init__":
        return [
            node.name
            for node in parsed(source).body
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == stem
        ]
    package = module_of(path)
    return [
        name.rpartition(".")[2]
        for _, name in imports(path, source)
        if name.rpartition(".")[2] in modules and name.rpartition(".")[0] != package
    ]
