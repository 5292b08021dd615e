"""Which process of its machine this one is, as its launcher says."""

import os

_PLACES = ("MPI_LOCALRANKID", "OMPI_COMM_WORLD_LOCAL_RANK", "LOCAL_RANK", "SLURM_LOCALID")
"""Variables of MPICH, Open MPI, torchrun and srun."""


def next_device(count: int) -> int:
    """Return the number of this process's device: each of a machine takes the next of `count`.

    0 if no launcher has started it, or there is no device.
    """
    place = next((os.environ[name] for name in _PLACES if name in os.environ), "0")
    return int(place) % max(1, count) if place.isdecimal() else 0
