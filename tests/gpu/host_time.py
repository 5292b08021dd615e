"""The host's time of a training step, without a GPU: `python -m tests.gpu.host_time tiny resnet20`.

On the stand-in for CuPy, whose kernels do not run and whose memory is plain: what is left is our
Python around the launches. CuPy's own calls cost other times than NumPy's here. Says how two
versions of ours compare, and nothing of a GPU. `--profile` prints the functions that take most.
"""

import argparse
import cProfile
import pstats
import time
from statistics import median
from typing import Any
from unittest.mock import patch

import numpy

from tests.cuda_on_host import arrays
from tests.fake_cupy import RawKernel, cupy_on_host
from tests.gpu.networks import model_of
from tests.gpu.sides import Ours, batches_of
from xpcnn import backend
from xpcnn.models import names, preset

STEPS, DROPPED = 100, 5


def plain(shape: Any, dtype: Any) -> Any:
    """Return a new array without guards."""
    return numpy.empty(shape, dtype).view(arrays.ndarray)


def main() -> None:
    """Print the median of each preset's steps in microseconds, kernels on."""
    parser = argparse.ArgumentParser(prog="tests.gpu.host_time", description=__doc__)
    parser.add_argument("presets", nargs="+", choices=names())
    parser.add_argument("--profile", action="store_true")
    given = parser.parse_args()
    for name in given.presets:
        found = preset(name)
        with patch("tests.cuda_on_host.arrays.empty", plain):
            library = cupy_on_host()
            kernels: Any = backend._kernels[library.array_type]
            kernels["dense"].args[0].has_own_products = True  # NumPy's products are no host time
        side = Ours(model_of(found, library), batches_of(found, 2, 1))
        with patch.object(RawKernel, "__call__", lambda *_: None):
            for _ in range(DROPPED):
                side.step()
            seconds = [timed(side) for _ in range(STEPS)]
            print(f"{name:12} {1e6 * median(seconds):8.0f} us a step", flush=True)
            if given.profile:
                with cProfile.Profile() as profile:
                    for _ in range(STEPS):
                        side.step()
                pstats.Stats(profile).sort_stats("tottime").print_stats(25)


def timed(side: Ours) -> float:
    start = time.perf_counter()
    side.step()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
