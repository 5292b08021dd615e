"""The build of a wheel: with the kernels in C, where the machine has a C compiler.

Such a wheel is for one system. XPCNN_COMPILER or CC names the compiler. Without a compiler, or with
XPCNN_COMPILER=none, the wheel is pure Python, and kernels are compiled on first use. All else about
the package is in pyproject.toml.
"""

import os
import shutil
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

COMPILERS = ("cc", "gcc", "clang")
COMPILED = ("backends", "numpy_kernels", "compiled")
"""The folder of what calls the kernels, in the checkout and in the package."""


def compiler() -> str | None:
    """Return the command of a C compiler, such as its path, or None.

    Raises:
        SystemExit: a variable names a program that does not exist.
    """
    if os.environ.get("XPCNN_COMPILER") == "none" or os.name != "posix":
        return None
    command_of = module_of("build").command_of
    for variable in ("XPCNN_COMPILER", "CC"):
        if named := os.environ.get(variable):
            if found := command_of(named):
                return str(found)
            raise SystemExit(
                f"error: {variable} is {named!r}, and there is no such program\n"
                "Try: XPCNN_COMPILER=gcc, or XPCNN_COMPILER=none for a wheel without kernels"
            )
    return next(filter(None, map(command_of, COMPILERS)), None)


def module_of(name: str) -> Any:
    """Return a module of that folder, which imports nothing but the standard library."""
    path = Path(__file__).parent.joinpath(*COMPILED, f"{name}.py")
    spec = spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module  # NamedTuple looks it up
    spec.loader.exec_module(module)
    return module


class BuildWithKernels(build_py):
    """Compiles the kernels into what becomes the wheel; not for an editable install."""

    def run(self) -> None:
        if self.editable_mode:
            super().run()
            return
        shutil.rmtree(Path(self.build_lib, "xpcnn"), ignore_errors=True)  # of an earlier build
        super().run()
        found = compiler()
        if found is None:
            return
        folder = Path(self.build_lib, "xpcnn", *COMPILED, "prebuilt")
        folder.mkdir(parents=True, exist_ok=True)
        build = module_of("build")
        for march in build.levels():
            library = build.compiled(build.Recipe(found, march))
            (folder / build.library_name(march)).write_bytes(library)


class WheelOfOneSystem(bdist_wheel):
    """Names the system in a wheel with kernels; any version of Python can load them."""

    def finalize_options(self) -> None:
        super().finalize_options()
        self.root_is_pure = compiler() is None

    def get_tag(self) -> tuple[str, str, str]:
        python, abi, system = super().get_tag()
        return (python, abi, system) if self.root_is_pure else ("py3", "none", system)


setup(cmdclass={"build_py": BuildWithKernels, "bdist_wheel": WheelOfOneSystem})
