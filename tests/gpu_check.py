"""Check and time a GPU in one command: `python tests/gpu_check.py --out results.json`.

Needs cupy, numpy, array-api-compat and pytest; PyTorch, safetensors, threadpoolctl where there.
`--help` says what else it can do; the sections are the modules of `tests/gpu`. Where a call may
take ten minutes at most, in three calls:

    --seconds 560 --only bits files memory training suite --out right.json
    --seconds 560 --only timing --kernels 1 graph --out timing.json
    --seconds 560 --only sanitizers accuracy half peak --kernels graph --data DATA --out rest.json
"""

import runpy
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # not tests/, whose names are common
    runpy.run_module("tests.gpu", run_name="__main__")
