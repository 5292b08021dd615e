"""Which part of the package may import what, read from syntax trees.

Text in, offences out; nothing is imported. The rules are those of the table in CONTRIBUTING.md.
"""

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import PurePosixPath

LIBRARIES = ("numpy", "cupy", "torch", "array_api_strict", "mpi")
COMPANIONS = {
    "numpy": ("threadpoolctl",),
    "cupy": ("cupyx", "cuda.pathfinder"),
    "torch": ("cupy",),  # whose arrays it sums, as MPI does
    "mpi": ("mpi4py", "cupy"),
}
HOST = ("numpy",)
OPTIONS = ("xpcnn.errors", "xpcnn.argument_advice", "xpcnn.options", "xpcnn.types")
PURE = ("math", "typing", "collections", "dataclasses", "functools")
ABOVE_THE_EDGE = (*OPTIONS, "xpcnn.random", "xpcnn.text_table", "xpcnn.backend", *HOST)
RULES = ("xpcnn.ops", *OPTIONS)

# rooms, the narrowest first: path, what it may import beside itself and the standard library
ROOMS: list[tuple[str, tuple[str, ...]]] = [
    (
        "xpcnn/ops/reference/",
        ("xpcnn.types", "array_api_compat.array_namespace", "array_api_compat.device"),
    ),
    ("xpcnn/ops/", ("xpcnn.backend", *OPTIONS)),
    ("xpcnn/layers/", ("xpcnn.initializers", "xpcnn.batch_rows", *RULES)),
    ("xpcnn/optimizers/", RULES),
    ("xpcnn/losses/", RULES),
    ("xpcnn/metrics.py", RULES),
    ("xpcnn/target_metrics.py", RULES),
    ("xpcnn/tasks/", ("xpcnn.losses", "xpcnn.target_metrics", *RULES, *HOST)),
    ("xpcnn/schedules/", RULES),
    ("xpcnn/types.py", ("array_api_compat.array_namespace",)),
    ("xpcnn/errors.py", ()),
    ("xpcnn/foreign_names.py", ()),
    ("xpcnn/argument_advice.py", ("xpcnn.errors", "xpcnn.foreign_names")),
    ("xpcnn/options.py", ("xpcnn.errors", "xpcnn.argument_advice")),
    ("xpcnn/process_group.py", ("xpcnn.types",)),
    ("xpcnn/batch_rows.py", ("xpcnn.process_group",)),
    ("xpcnn/random.py", ("xpcnn.errors", "xpcnn.types", *HOST)),
    ("xpcnn/initializers.py", (*OPTIONS, "xpcnn.random", *HOST)),
    ("xpcnn/backends_folder.py", ()),
    ("xpcnn/engines.py", ("xpcnn.backends_folder", "xpcnn.process_group", *OPTIONS)),
    ("xpcnn/backend.py", ("xpcnn", *HOST)),
    ("xpcnn/data/augment/", (*ABOVE_THE_EDGE, "xpcnn.batch_rows", "xpcnn.ops")),
    ("xpcnn/data/", (*ABOVE_THE_EDGE, "xpcnn.memory_limits", "pooch", "PIL", "pyarrow")),
    ("xpcnn/figures/", ("xpcnn.errors", "matplotlib", *HOST)),
    ("xpcnn/benchmark/pytorch/", ("xpcnn", "torch", *HOST)),  # the other side of a comparison
    ("xpcnn/sklearn/", ("xpcnn", "sklearn", *HOST)),
    ("xpcnn/demo/", ("xpcnn", "starlette", "uvicorn", "PIL", *HOST)),
    ("xpcnn/report/", ("xpcnn", "jinja2", "markupsafe", *HOST)),
    ("xpcnn/cli/tuning.py", ("xpcnn", "optuna", *HOST)),
    ("xpcnn/cli/", ("xpcnn", "click", "tqdm", *HOST)),
    ("xpcnn/__main__.py", ("xpcnn",)),
    ("xpcnn/training/progress_bar.py", ("xpcnn", "tqdm")),
    ("xpcnn/training/tensorboard.py", ("xpcnn", "tensorboardX")),
    ("xpcnn/io/onnx/", ("xpcnn", "onnx", "google.protobuf", *HOST)),
    ("xpcnn/", ("xpcnn", "safetensors", "tomli_w", "array_api_compat", *HOST)),
    ("examples/", ("xpcnn", "figure", "matplotlib", *HOST)),
]

# the order of the upper rooms, from the ground: a file imports from its own room and those below
ORDER: list[tuple[str, ...]] = [
    ("types", "errors", "version", "startup_signals", "text_table", "foreign_names"),
    ("argument_advice", "signals", "figures", "markup", "memory_limits"),
    ("options",),
    ("random", "process_group", "backends_folder"),
    ("batch_rows", "engines"),
    ("backend",),
    ("ops", "initializers"),
    ("layers", "losses", "optimizers", "schedules", "metrics", "target_metrics"),
    ("sizes", "data", "validation_metrics", "tasks"),
    ("summary", "samples", "model_arguments", "weights"),
    ("network",),
    ("config",),
    ("io", "inputs"),
    ("training",),
    ("provenance", "model_state"),
    ("prediction",),
    ("model",),
    ("model_loading",),
    ("diagnostics", "models", "model_facts", "classification", "targets", "testing", "environment"),
    ("runs", "exchange"),
    ("",),  # what users import: `xpcnn` itself
    ("benchmark", "sklearn", "demo", "report"),
    ("cli",),
    ("__main__",),
]
LEVELS = {room: level for level, rooms in enumerate(ORDER) for room in rooms}


def offences(path: str, source: str) -> list[str]:
    """Return what a file may not do, each as "path:line: what"."""
    found = [
        f"{path}:{line}: imports {name}"
        for line, name in imports(path, source)
        if bad(path, name) or climbs(path, name)
    ]
    if path.startswith("xpcnn/ops/reference/"):
        found += [f"{path}:{line}: {what}" for line, what in writes(ast.parse(source))]
    return found


def bad(path: str, name: str) -> bool:
    """Whether the file at `path` may not import the module or object `name`."""
    if path.startswith("backends/"):
        return bad_for_a_backend(path, name)
    room, allowed = next((room, allowed) for room, allowed in ROOMS if path.startswith(room))
    itself = room.removesuffix(".py").strip("/").replace("/", ".")
    if is_within(name, "xpcnn.backends", "backends"):
        return True  # backends_folder.py imports them by name
    if name.partition(".")[0] in sys.stdlib_module_names:
        return room == "xpcnn/ops/reference/" and not is_within(name, *PURE)
    return not is_within(name, *allowed, *([] if itself == "xpcnn" else [itself]))


SHARED_BY_BACKENDS = (
    "backends.geometry",
    "backends.engine_memory",
    "backends.engine_overlap",
    "backends.engine_place",
    "backends.engine_timeout",
    "backends.engine_watcher",
    "backends.optimizer_arrays",
    "backends.peak_memory",
    "backends.tensor_cores",
    "backends.types",
)


def bad_for_a_backend(path: str, name: str) -> bool:
    """A backend's files import their own library, NumPy, each other, and what all share."""
    file = path.removeprefix("backends/")
    library = next((lib for lib in LIBRARIES if file.startswith(lib)), "no library")
    if is_within(name, "backends"):
        return not (name.startswith(f"backends.{library}") or is_within(name, *SHARED_BY_BACKENDS))
    own = (library, f"array_api_compat.{library}", *COMPANIONS.get(library, ()), *HOST)
    return name.partition(".")[0] not in sys.stdlib_module_names and not is_within(name, *own)


def climbs(path: str, name: str) -> bool:
    """Whether an import within the package leads upwards, or into another room of its level."""
    if not path.startswith("xpcnn/") or not is_within(name, "xpcnn"):
        return False
    here, there = room_of(module_of(path)), room_of(name)
    if missing := {here, there} - {*LEVELS}:
        raise ValueError(f"{path}: ORDER has no room for {missing}, here or imported")
    return here != there and LEVELS[there] >= LEVELS[here]


def room_of(module: str) -> str:
    """Return the room of a module of the package; "" is `xpcnn` itself and what it exports."""
    name = module.removeprefix("xpcnn").removeprefix(".").partition(".")[0]
    return "" if name[:1].isupper() or name == "{}" else name


def module_of(path: str) -> str:
    """Return the dotted name of a file."""
    return ".".join(PurePosixPath(path).with_suffix("").parts).removesuffix(".__init__")


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


def named_like_its_module(path: str, source: str, modules: Iterable[str]) -> list[str]:
    """Return the names that mean both a module and something in it or in its package.

    `from xpcnn.ops import softmax` would give the one or the other, by what was imported before.

    modules: those beside an `__init__.py`, by name; of other files they play no part.
    """
    stem = PurePosixPath(path).stem
    if stem != "__init__":
        return [
            node.name
            for node in ast.parse(source).body
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == stem
        ]
    package = module_of(path)
    return [
        name.rpartition(".")[2]
        for _, name in imports(path, source)
        if name.rpartition(".")[2] in modules and name.rpartition(".")[0] != package
    ]


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


def is_within(name: str, *prefixes: str) -> bool:
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)


@cache
def imports(path: str, source: str) -> list[tuple[int, str]]:
    """Return (line, dotted name) of everything imported, wherever in the file, and by name too."""
    package, found = PurePosixPath(path).parent.parts, []
    for node in ast.walk(ast.parse(source)):
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
