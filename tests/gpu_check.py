r"""Check and time a GPU in one command: `python tests/gpu_check.py --out results.json`.

Needs cupy, numpy, array-api-compat and pytest; PyTorch, safetensors, threadpoolctl where there.
(PYTHONPATH may name a folder with what is not installed.) `--help` says what else it can do; the
sections are the modules of `tests/gpu`. Where a call may take ten minutes at most, in three calls;
DATA has the folders mnist and cifar10:

    --seconds 560 --only bits files memory training suite --out right.json
    --seconds 560 --only timing --kernels 1 graph --out timing.json
    --seconds 560 --only sanitizers half peak accuracy airbench --kernels graph --data DATA \
        --out rest.json

Without a GPU, every section but `memory` can be rehearsed; see `tests/gpu/stand_in`.
"""

import runpy
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # not tests/, whose names are common
    runpy.run_module("tests.gpu", run_name="__main__")
