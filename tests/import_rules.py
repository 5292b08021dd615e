"""Which part of the package may import what: the rules of the table in CONTRIBUTING.md.

The text of a file in, offences out; nothing is imported.
"""

import sys

from tests.array_writes import writes
from tests.module_imports import imports, is_within, module_of, parsed

LIBRARIES = ("numpy", "cupy", "torch", "array_api_strict", "mpi")
COMPANIONS = {
    "numpy": ("threadpoolctl",),
    "cupy": ("cupyx", "cuda.pathfinder"),
    "torch": ("cupy",),  # whose arrays it sums, as MPI does
    "mpi": ("mpi4py", "cupy"),
}
HOST = ("numpy",)
OPTIONS = (
    *("xpcnn.errors", "xpcnn.argument_advice", "xpcnn.imported_names"),
    *("xpcnn.options", "xpcnn.types"),
)
PURE = ("math", "typing", "collections", "dataclasses", "functools")
ABOVE_THE_EDGE = (*OPTIONS, "xpcnn.random", "xpcnn.text_table", "xpcnn.backend", *HOST)
RULES = ("xpcnn.ops", *OPTIONS)

# parts, the narrowest first: path, what it may import beside itself and the standard library
PARTS: list[tuple[str, tuple[str, ...]]] = [
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
    ("xpcnn/imported_names.py", ("xpcnn.errors",)),
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
    (
        "xpcnn/data/",
        (
            *(*ABOVE_THE_EDGE, "xpcnn.memory_limits", "xpcnn.figures"),
            *("pooch", "PIL", "pillow_heif", "pyarrow"),
        ),
    ),
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

# the order of the parts, from the ground: a file imports from its own part and those below
ORDER: list[tuple[str, ...]] = [
    ("types", "errors", "version", "startup_signals", "text_table", "foreign_names"),
    ("argument_advice", "imported_names", "signals", "figures", "markup", "memory_limits"),
    ("options",),
    ("random", "process_group", "backends_folder"),
    ("batch_rows", "engines"),
    ("backend",),
    ("ops", "initializers"),
    ("layers", "losses", "optimizers", "schedules", "metrics", "target_metrics"),
    ("sizes", "data", "validation_metrics", "tasks"),
    ("summary", "samples", "model_arguments", "weights", "sample_weights"),
    ("network",),
    ("config",),
    ("io", "inputs"),
    ("training",),
    ("provenance", "model_state"),
    ("prediction",),
    ("model",),
    ("model_loading", "pullback_check"),
    ("diagnostics", "models", "model_facts", "classification", "targets", "testing", "environment"),
    ("runs", "exchange"),
    ("",),  # what users import: `xpcnn` itself
    ("benchmark", "sklearn", "demo", "report"),
    ("cli",),
    ("__main__",),
]
LEVELS = {part: level for level, parts in enumerate(ORDER) for part in parts}


def offences(path: str, source: str) -> list[str]:
    """Return what a file may not do, each as "path:line: what"."""
    found = [
        f"{path}:{line}: imports {name}"
        for line, name in imports(path, source)
        if bad(path, name) or climbs(path, name)
    ]
    if path.startswith("xpcnn/ops/reference/"):
        found += [f"{path}:{line}: {what}" for line, what in writes(parsed(source))]
    return found


def bad(path: str, name: str) -> bool:
    """Whether the file at `path` may not import the module or object `name`."""
    if path.startswith("backends/"):
        return bad_for_a_backend(path, name)
    part, allowed = next((part, allowed) for part, allowed in PARTS if path.startswith(part))
    itself = part.removesuffix(".py").strip("/").replace("/", ".")
    if is_within(name, "xpcnn.backends", "backends"):
        return True  # backends_folder.py imports them by name
    if name.partition(".")[0] in sys.stdlib_module_names:
        return part == "xpcnn/ops/reference/" and not is_within(name, *PURE)
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
    """Whether an import within the package leads upwards, or into another part of its level."""
    if not path.startswith("xpcnn/") or not is_within(name, "xpcnn"):
        return False
    here, there = part_of(module_of(path)), part_of(name)
    if missing := {here, there} - {*LEVELS}:
        raise ValueError(f"{path}: ORDER has no place for {missing}, here or imported")
    return here != there and LEVELS[there] >= LEVELS[here]


def part_of(module: str) -> str:
    """Return the part of a module of the package; "" is `xpcnn` itself and what it exports."""
    name = module.removeprefix("xpcnn").removeprefix(".").partition(".")[0]
    return "" if name[:1].isupper() or name == "{}" else name
