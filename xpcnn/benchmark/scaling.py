"""What more processes save: a model of the time in which they sum their gradients.

`python -m xpcnn.benchmark.scaling --model large --step-ms 95` prints the model's table.
`mpiexec -n 4 xpcnn bench --communication --engine mpi` measures latency and bandwidth for it.

A message of S bytes between two processes takes alpha + S / B seconds, with latency alpha and
bandwidth B. Of P processes, the sum of an array takes

    ring    2 (P - 1) alpha + 2 (P - 1)/P S/B       every process passes on parts, twice around
    tree    2 log2(P) alpha + 2 S/B                 halves and doubles the processes that hold a sum

and MPI and NCCL take the faster. Without overlap, a step of T seconds then has the efficiency
T / (T + sum). Source: Thakur, Rabenseifner and Gropp 2005, "Optimization of collective
communication operations in MPICH".
"""

import argparse
import math
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy

from xpcnn.model import Model
from xpcnn.models import preset
from xpcnn.process_group import Group
from xpcnn.text_table import Table

PROCESSES = (2, 8, 64, 256, 1024)


class Link(NamedTuple):
    """A connection: latency in seconds, bandwidth in bytes a second."""

    latency: float
    bandwidth: float


LINKS = {
    "NVLink": Link(5e-6, 370e9),
    "InfiniBand NDR": Link(4e-6, 45e9),
    "100 Gb Ethernet": Link(15e-6, 10e9),
    "10 Gb Ethernet": Link(30e-6, 1.1e9),
    "1 Gb Ethernet": Link(50e-6, 0.115e9),
}
"""Assumed from line rates; measure your own."""


def sum_seconds(link: Link, processes: int, size: float) -> float:
    """Return the seconds in which `processes` sum an array of `size` bytes."""
    if processes == 1:
        return 0.0
    part = size / link.bandwidth
    ring = 2 * (processes - 1) * (link.latency + part / processes)
    tree = 2 * math.log2(processes) * link.latency + 2 * part
    return min(ring, tree)


def efficiency(seconds: float, link: Link, processes: int, size: float) -> float:
    """Return the part of the time that is not spent in the sum: 1 is perfect.

    seconds: of a step of one process, on its rows.
    size: bytes of the gradients.
    """
    return seconds / (seconds + sum_seconds(link, processes, size))


def gradient_bytes(name: str) -> int:
    """Return the bytes of the gradients of a preset, in float32."""
    chosen = preset(name)
    return 4 * Model(chosen.layers, input_shape=chosen.input_shape).summary().parameters


def measured(group: Group, sizes: Sequence[int] = (8, 2**16, 2**20, 2**24)) -> dict[str, Any]:
    """Return how long a group takes to sum arrays of these bytes, and the link that fits.

    Of each size the least of 20 sums counts. latency is that of the ring at the smallest size,
    bandwidth that at the largest.
    """
    seconds = {}
    for size in sizes:
        x = numpy.ones(size // 4, numpy.float32)
        lent = group.lend(len(x), x)  # as the gradients of an update
        if lent is not None:
            lent[...], x = x, lent
        least = math.inf
        for _ in range(20):
            group.agree([0])  # begin together
            start = time.perf_counter()
            group.sum(x)
            least = min(least, time.perf_counter() - start)
        seconds[size] = max(group.gather(least))
    rounds = 2 * (group.size - 1)
    latency = seconds[sizes[0]] / rounds
    part = sizes[-1] / group.size
    bandwidth = part / max(seconds[sizes[-1]] / rounds - latency, 1e-12)
    return {
        "processes": group.size,
        "sum_seconds": {str(size): value for size, value in seconds.items()},
        "latency": latency,
        "bandwidth": bandwidth,
    }


def page(size: int, step_seconds: float, links: dict[str, Link]) -> str:
    """Return the table of the model: milliseconds of a sum, and the efficiency of a step."""

    def cell(link: Link, processes: int) -> str:
        summing = 1000 * sum_seconds(link, processes, size)
        return f"{summing:.2f} ms, {efficiency(step_seconds, link, processes, size):.2f}"

    rows = [[name, *(cell(link, p) for p in PROCESSES)] for name, link in links.items()]
    header = ["link", *(f"{p:,} processes" for p in PROCESSES)]
    return str(Table("", header, rows, "<" + ">" * len(PROCESSES)))


def main() -> None:
    """Print the table for a preset."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="large", help="a preset")
    parser.add_argument(
        "--step-ms", type=float, required=True, help="time of a step of one process on its rows"
    )
    parser.add_argument("--latency-us", type=float, help="of a link of your own")
    parser.add_argument("--bandwidth-gb", type=float, help="of a link of your own, in 1e9 bytes/s")
    given = parser.parse_args()
    links = LINKS
    if given.latency_us is not None and given.bandwidth_gb is not None:
        links = {"yours": Link(given.latency_us * 1e-6, given.bandwidth_gb * 1e9)}
    size = gradient_bytes(given.model)
    print(f"{given.model}: {size / 1e6:.2f} MB of gradients, a step of {given.step_ms:g} ms")
    print(page(size, given.step_ms / 1000, links))


if __name__ == "__main__":
    main()
