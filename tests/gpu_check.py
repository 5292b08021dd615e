"""Check and time a GPU in one command: `python tests/gpu_check.py --out results.json`.

Needs cupy, numpy, array-api-compat and pytest; PyTorch, safetensors, threadpoolctl where there.
`--help` says what else it can do; the sections are the modules of `tests/gpu`.
"""

import runpy
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # not tests/, whose names are common
    runpy.run_module("tests.gpu", run_name="__main__")
