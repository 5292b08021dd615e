"""What `import xpcnn` finds, from a checkout and installed, and what it costs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def python(code: str, folder: Path, place: Path) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter in `folder`, with `place` first on the module path."""
    environment = os.environ | {"PYTHONPATH": str(place), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment)


LOAD = (
    "import xpcnn.backend as b; n = b.load('numpy');"
    "print(n, b.__file__, __import__('sys').modules['xpcnn.backends.numpy_backend'].__file__)"
)


def copy_of_the_package(place: Path, backends: Path) -> None:
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "xpcnn", place / "xpcnn", ignore=ignore)
    shutil.copytree(ROOT / "backends", backends, ignore=ignore)


def test_source_checkout_works_from_any_folder(tmp_path: Path) -> None:
    for folder in (ROOT, ROOT / "tests", tmp_path):
        ran = python(LOAD, folder, ROOT)
        assert ran.returncode == 0, ran.stderr
        files = (ROOT / "xpcnn" / "backend.py", ROOT / "backends" / "numpy_backend.py")
        assert ran.stdout.split(") ")[1].split() == [str(f) for f in files]


def test_a_checkout_adds_the_backends_alone_to_the_package(tmp_path: Path) -> None:
    """Nothing else of the repository, such as its tests, can be imported from the package."""
    code = (
        "import xpcnn.backend, xpcnn.backends.numpy_backend as n, importlib.util as u;"
        "print(n.__name__, *(u.find_spec(f'xpcnn.{x}') for x in ('tests', 'examples', 'xpcnn')))"
    )
    ran = python(code, tmp_path, ROOT)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split() == ["xpcnn.backends.numpy_backend", "None", "None", "None"]


def test_installed_layout_ignores_a_folder_called_backends(tmp_path: Path) -> None:
    site = tmp_path / "site"
    copy_of_the_package(site, site / "xpcnn" / "backends")
    for place in (site, tmp_path):  # a stranger's folder, beside the package and in the way
        (place / "backends").mkdir()
        (place / "backends" / "numpy_backend.py").write_text("raise SystemExit('wrong file')")
    ran = python(LOAD, tmp_path, site)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split()[-1] == str(site / "xpcnn" / "backends" / "numpy_backend.py")


def test_a_missing_dependency_inside_a_backend_is_not_hidden(tmp_path: Path) -> None:
    copy_of_the_package(tmp_path, tmp_path / "backends")
    file = tmp_path / "backends" / "numpy_backend.py"
    file.write_text(file.read_text().replace("import numpy\n", "import no_such_dependency\n", 1))
    ran = python(LOAD, tmp_path, tmp_path)
    assert ran.returncode == 1
    last = ran.stderr.splitlines()[-1]
    assert last == "ModuleNotFoundError: No module named 'no_such_dependency'"


HEAVY = (
    "array_api_compat.numpy",
    "array_api_compat.torch",
    "array_api_strict",
    "click",
    "cupy",
    "pooch",
    "pydantic",
    "safetensors",
    "torch",
    "tqdm",
)


@pytest.mark.parametrize(
    "code",
    [
        "import xpcnn",
        "from xpcnn import backend; b = backend.load(); b.to_host(b.uniform(1, 1, (3,)))",
    ],
    ids=["import xpcnn", "numpy"],
)
def test_import_brings_nothing_heavy_and_starts_no_thread(tmp_path: Path, code: str) -> None:
    watch = (
        "import sys, threading, os, numpy\n"
        "def tasks():\n"
        "    there = os.path.isdir('/proc/self/task')\n"
        "    return len(os.listdir('/proc/self/task')) if there else 0\n"
        "before = tasks()\n"  # with those of NumPy's BLAS
        f"{code}\n"
        "assert threading.active_count() == 1, threading.enumerate()\n"
        "assert tasks() == before, (tasks(), before)\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    ran = python(watch, tmp_path, ROOT)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == "[]"


def test_cupy_backend_imports_without_cupy(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['cupy'] = None\n"
        "import xpcnn.backend, xpcnn.backends.cupy_backend as c; print(c.problem(None)[0])"
    )
    ran = python(code, tmp_path, ROOT)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("not installed")
