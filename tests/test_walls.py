"""Imports keep to the rules, and a planted break of each rule is seen."""

from pathlib import Path

import pytest

from tests.import_rules import offences
from tests.module_imports import circles, named_like_its_module

ROOT = Path(__file__).parents[1]
FILES = [
    str(file.relative_to(ROOT).as_posix())
    for folder in ("xpcnn", "backends", "examples")
    for file in sorted((ROOT / folder).rglob("*.py"))
]
LONG = 300


def test_files_import_what_their_part_may() -> None:
    found = [o for path in FILES for o in offences(path, (ROOT / path).read_text(encoding="utf-8"))]
    assert found == []


def test_no_files_import_each_other() -> None:
    """In a circle, none can be understood, tested or imported without all of the others."""
    assert circles({path: (ROOT / path).read_text(encoding="utf-8") for path in FILES}) == []


def test_no_module_is_called_like_a_function_in_it() -> None:
    for path in FILES:
        folder = (ROOT / path).parent
        modules = {file.stem for file in folder.iterdir() if not file.name.startswith("_")}
        source = (ROOT / path).read_text(encoding="utf-8")
        assert named_like_its_module(path, source, modules) == [], path


def test_a_planted_name_of_a_module_is_seen() -> None:
    modules = {"softmax", "loss"}
    exported = "from xpcnn.ops.softmax import softmax, log_softmax\nfrom xpcnn.ops import loss"
    assert named_like_its_module("xpcnn/ops/__init__.py", exported, modules) == ["softmax"]
    function = "def softmax(x): ...\n\nclass Softmax: ..."
    assert named_like_its_module("xpcnn/ops/softmax.py", function, ()) == ["softmax"]
    assert named_like_its_module("xpcnn/ops/probability.py", function, ()) == []


FOR_TYPES = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    "


@pytest.mark.parametrize(
    "back", ["", "def f():\n    ", FOR_TYPES], ids=["at the top", "late", "for types"]
)
def test_a_planted_circle_is_seen(back: str) -> None:
    sources = {
        "xpcnn/network.py": "from xpcnn.layers import Dense",
        "xpcnn/layers/__init__.py": "from xpcnn.layers.dense import Dense",
        "xpcnn/layers/dense.py": f"{back}from xpcnn import network",
        "xpcnn/model.py": "from xpcnn.network import Network\nimport numpy",
    }
    circle = ["xpcnn/layers/__init__.py", "xpcnn/layers/dense.py", "xpcnn/network.py"]
    assert circles(sources) == [circle]
    assert circles(sources | {"xpcnn/layers/dense.py": "from xpcnn import ops"}) == []


def test_sizes_of_files() -> None:
    """A file of more than 300 lines usually hides two ideas; this tells, and never fails."""
    files = [*FILES, *(f.relative_to(ROOT).as_posix() for f in (ROOT / "tests").rglob("*.py"))]
    for path in files:
        lines = len((ROOT / path).read_text(encoding="utf-8").splitlines())
        if lines > LONG:
            print(f"long: {path} has {lines} lines")
    assert len(files) > 100


BREAKS = [
    # a file, a break in it, what is said of it
    ("xpcnn/ops/reference/conv.py", "import numpy", "imports numpy"),
    ("xpcnn/ops/reference/conv.py", "import numpy.linalg as la", "imports numpy.linalg"),
    ("xpcnn/ops/reference/conv.py", "import os", "imports os"),
    ("xpcnn/ops/reference/conv.py", "from xpcnn.errors import hint", "imports xpcnn.errors.hint"),
    ("xpcnn/ops/reference/conv.py", "from xpcnn import backend", "imports xpcnn.backend"),
    ("xpcnn/ops/reference/conv.py", "from ..conv import conv2d", "imports xpcnn.ops.conv.conv2d"),
    ("xpcnn/ops/reference/conv.py", "from array_api_compat import numpy", "array_api_compat.numpy"),
    ("xpcnn/ops/conv.py", "import numpy as np", "imports numpy"),
    ("xpcnn/ops/conv.py", "from xpcnn.layers import Conv2D", "imports xpcnn.layers.Conv2D"),
    ("xpcnn/ops/conv.py", "def f():\n    import cupy", ":2: imports cupy"),
    ("xpcnn/layers/conv.py", "import numpy", "imports numpy"),
    (
        "xpcnn/layers/conv.py",
        "from xpcnn.backend import kernel_for",
        "imports xpcnn.backend.kernel_for",
    ),
    ("xpcnn/layers/conv.py", "from xpcnn import optimizers", "imports xpcnn.optimizers"),
    ("xpcnn/layers/conv.py", "import xpcnn", "imports xpcnn"),
    ("xpcnn/optimizers/sgd.py", "from xpcnn.layers import Dense", "imports xpcnn.layers.Dense"),
    ("xpcnn/optimizers/sgd.py", "import numpy", "imports numpy"),
    ("xpcnn/losses/base.py", "from xpcnn import layers", "imports xpcnn.layers"),
    ("xpcnn/metrics.py", "from xpcnn.model import Model", "imports xpcnn.model.Model"),
    ("xpcnn/schedules/base.py", "import torch", "imports torch"),
    ("xpcnn/types.py", "from xpcnn import errors", "imports xpcnn.errors"),
    ("xpcnn/errors.py", "from xpcnn.types import Array", "imports xpcnn.types.Array"),
    ("xpcnn/initializers.py", "from xpcnn import layers", "imports xpcnn.layers"),
    ("xpcnn/backend.py", "import cupy", "imports cupy"),
    ("xpcnn/data/digits.py", "from xpcnn.model import Model", "imports xpcnn.model.Model"),
    ("xpcnn/data/digits.py", "import torchvision", "imports torchvision"),
    ("xpcnn/model.py", "import torch", "imports torch"),
    ("xpcnn/model.py", "from xpcnn.cli import main", "imports xpcnn.cli.main"),
    ("xpcnn/model.py", "from .cli import main", "imports xpcnn.cli.main"),
    ("xpcnn/training/step.py", "import cupy", "imports cupy"),
    ("xpcnn/cli/commands/train.py", "from cupy import ndarray", "imports cupy.ndarray"),
    ("xpcnn/benchmark/timing.py", "import torch", "imports torch"),
    ("xpcnn/benchmark/pytorch/steps.py", "import cupy", "imports cupy"),
    # the order of the upper rooms
    ("xpcnn/samples.py", "from xpcnn.network import Network", "imports xpcnn.network.Network"),
    ("xpcnn/network.py", "from xpcnn.io import network_file", "imports xpcnn.io.network_file"),
    ("xpcnn/config/registry.py", "from xpcnn.io import lock", "imports xpcnn.io.lock"),
    ("xpcnn/io/network_file.py", "from xpcnn.training import fit", "imports xpcnn.training.fit"),
    ("xpcnn/io/network_file.py", "from xpcnn.model import Model", "imports xpcnn.model.Model"),
    ("xpcnn/training/run.py", "from xpcnn.model import Model", "imports xpcnn.model.Model"),
    (
        "xpcnn/benchmark/timing.py",
        "import xpcnn.cli.commands.bench",
        "imports xpcnn.cli.commands.bench",
    ),
    ("xpcnn/training/run.py", "from xpcnn import Model", "imports xpcnn.Model"),
    ("xpcnn/training/run.py", "from xpcnn import diagnostics", "imports xpcnn.diagnostics"),
    ("xpcnn/model.py", "from xpcnn.models import preset", "imports xpcnn.models.preset"),
    (
        "xpcnn/model.py",
        "def f():\n    from xpcnn.diagnostics import find_lr",
        ":2: imports xpcnn.diagnostics",
    ),
    (
        "xpcnn/models/tables.py",
        "from xpcnn.diagnostics import find_lr",
        "imports xpcnn.diagnostics.find_lr",
    ),
    ("xpcnn/diagnostics/prepare.py", "import xpcnn.benchmark", "imports xpcnn.benchmark"),
    ("xpcnn/training/step.py", f"{FOR_TYPES}from xpcnn.model import Model", ":3: imports xpcnn.mo"),
    # backends_folder.py
    ("xpcnn/model.py", "from xpcnn.backends import numpy_backend", "imports xpcnn.backends."),
    ("xpcnn/ops/conv.py", "import xpcnn.backends.numpy_backend", "imports xpcnn.backends."),
    ("xpcnn/backend.py", "from xpcnn.backends import numpy_backend", "imports xpcnn.backends."),
    ("xpcnn/engines.py", "from xpcnn.backends import mpi_engine", "imports xpcnn.backends."),
    ("xpcnn/engines.py", "from xpcnn.backend import load", "imports xpcnn.backend.load"),
    ("xpcnn/backends_folder.py", "from xpcnn import errors", "imports xpcnn.errors"),
    (
        "xpcnn/model.py",
        "import importlib\nimportlib.import_module('xpcnn.backends.cupy_backend')",
        ":2: imports xpcnn.backends.cupy_backend",
    ),
    (
        "xpcnn/model.py",
        "from importlib import import_module\nimport_module(f'xpcnn.backends.{name}_backend')",
        ":2: imports xpcnn.backends",
    ),
    ("examples/own_layer.py", "import backends.numpy_backend", "imports backends."),
    ("examples/own_layer.py", "import torch", "imports torch"),
    ("examples/own_layer.py", "import cupy", "imports cupy"),
    # backends
    ("backends/numpy_backend.py", "import xpcnn", "imports xpcnn"),
    ("backends/numpy_backend.py", "from xpcnn.types import Array", "imports xpcnn.types.Array"),
    ("backends/numpy_backend.py", "from .cupy_problem import problem", "imports backends.cupy_"),
    ("backends/numpy_backend.py", "import cupy", "imports cupy"),
    ("backends/numpy_kernels/conv.py", "from ..torch_backend import x", "imports backends.torch_"),
    ("backends/cupy_backend.py", "import array_api_compat.torch", "imports array_api_compat.torch"),
    ("backends/geometry.py", "from .numpy_kernels.layout import Array", "imports backends.numpy_"),
    ("backends/geometry.py", "import cupy", "imports cupy"),
    ("backends/optimizer_arrays.py", "from .numpy_kernels import x", "imports backends.numpy_"),
    ("backends/__init__.py", "from . import numpy_backend", "imports backends.numpy_backend"),
    # references write into no array
    ("xpcnn/ops/reference/pool.py", "def f(a):\n    a[0] = 1", ":2: assigns to an element"),
    ("xpcnn/ops/reference/pool.py", "def f(a):\n    a[0] += 1", "assigns to an element"),
    ("xpcnn/ops/reference/pool.py", "def f(a):\n    del a[0]", "assigns to an element"),
    ("xpcnn/ops/reference/pool.py", "def f(a):\n    for a[0] in b: pass", "assigns to an element"),
    ("xpcnn/ops/reference/pool.py", "def f(a):\n    a += 1", "updates a in place"),
    ("xpcnn/ops/reference/pool.py", "def f(a):\n    m = a * 2\n    m *= 2", "updates m in place"),
    (
        "xpcnn/ops/reference/pool.py",
        "def f(a):\n    m = 1\n    def g():\n        m = a\n        m *= 2",
        ":5: updates m in place",
    ),
    ("xpcnn/ops/reference/pool.py", "def f(a):\n    xp.add(a, a, out=a)", "gives out="),
    ("xpcnn/ops/reference/pool.py", "def f(a):\n    a.fill(0)", "calls fill"),
]


@pytest.mark.parametrize(("path", "source", "text"), BREAKS)
def test_a_planted_break_is_seen(path: str, source: str, text: str) -> None:
    (found,) = offences(path, source)
    assert text in found


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("xpcnn/ops/reference/norm.py", "def f(x):\n    m = x.shape[0]\n    m *= 2\n    m = 1"),
        ("xpcnn/ops/reference/pool.py", "from xpcnn.ops.reference.windows import Windows"),
        ("xpcnn/ops/reference/pool.py", "from array_api_compat import array_namespace"),
        (
            "xpcnn/ops/conv.py",
            "from xpcnn.ops import reference\nfrom xpcnn.backend import kernel_for",
        ),
        ("xpcnn/layers/conv.py", "from xpcnn import ops\nfrom xpcnn.layers.base import Layer"),
        ("xpcnn/model.py", "import numpy\nfrom xpcnn import layers, backend"),
        ("xpcnn/__main__.py", "from xpcnn.cli import main"),
        ("xpcnn/benchmark/pytorch/steps.py", "import torch"),
        ("backends/cupy_backend.py", "import cupy, cupyx, numpy, array_api_compat.cupy"),
        ("backends/cupy_backend.py", "from .cupy_problem import problem"),
        ("backends/numpy_kernels/conv.py", "from ..geometry import pair\nimport math"),
        ("examples/own_layer.py", "import xpcnn, numpy, dataclasses"),
    ],
)
def test_what_is_allowed_passes(path: str, source: str) -> None:
    assert offences(path, source) == []
