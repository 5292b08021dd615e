"""Python imports this first if its folder is on the path: `import cupy` then gives the stand-in.

    PYTHONPATH=tests/gpu/stand_in:. python tests/gpu_check.py --backend cupy --quick

So every section can be rehearsed as it will run on a GPU. All is computed on the CPU: CUDA kernels
slowly, in a simulation. `memory` fails, as nothing limits the memory here.
"""

import sys

from tests.cuda_on_host import arrays
from tests.fake_cupy import fake_cupy

sys.modules["cupy"] = fake_cupy()
sys.modules["array_api_compat.cupy"] = arrays.namespace
