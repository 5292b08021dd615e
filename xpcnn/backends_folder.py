"""The folder `backends`, as the package `xpcnn.backends`: no other file knows that it exists.

In a wheel it is a folder of the package; in a checkout it lies beside the package.
"""

import importlib
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

_PACKAGE = f"{__package__}.backends"
_HERE = Path(__file__).parent

if not (_HERE / "backends").is_dir():  # a source checkout: the folder stands beside the package
    _folder = _HERE.parent / "backends"
    _spec = spec_from_file_location(
        _PACKAGE, _folder / "__init__.py", submodule_search_locations=[str(_folder)]
    )
    assert _spec is not None
    sys.modules[_PACKAGE] = module_from_spec(_spec)  # its file is empty: nothing to execute


def backend_module(name: str) -> Any:
    """Import the file `backends/<name>.py`, which names no part of this package."""
    return importlib.import_module(f"{_PACKAGE}.{name}")
