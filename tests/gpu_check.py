r"""Check and time a GPU in one command: `python tests/gpu_check.py --out results.json`.

Needs cupy, numpy, array-api-compat and pytest; PyTorch, safetensors, threadpoolctl where there.
(PYTHONPATH may name a folder with what is not installed.) `--help` says what else it can do; the
sections are the modules of `tests/gpu`. Where a call may take ten minutes at most, in three calls,
the third of two commands; DATA has the folders mnist and cifar10:

    --seconds 560 --only bits files memory training suite --kernels 0 1 graph cudnn-graph \
        --out right.json
    --seconds 560 --only timing convolutions --kernels cudnn-graph graph --out timing.json
    --seconds 390 --only half accuracy airbench peak --kernels cudnn-graph --data DATA \
        --out rest.json
    --seconds 170 --only sanitizers --kernels graph --out sanitizers.json

`python -m tests.gpu.targets right.json timing.json ...` prints what was to be reached beside it.

Without a GPU, every section but `memory` can be rehearsed; see `tests/gpu/stand_in`.
"""

import runpy
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # not tests/, whose names are common
    runpy.run_module("tests.gpu", run_name="__main__")
