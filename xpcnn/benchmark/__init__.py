"""Benchmarks: what a step costs, what a start costs, how costs grow.

Names no library to compare with: who has one gives it as a `Peer` (`tests/bench` has PyTorch).
"""

from xpcnn.benchmark.process import NotBuilt, Runner, block, serve
from xpcnn.benchmark.sides import LR, MODES, MOMENTUM, Case, Peer, Side, gradients, opened, ours
from xpcnn.benchmark.start import start_times
from xpcnn.benchmark.timing import FULL, QUICK, Bench

__all__ = [
    "FULL",
    "LR",
    "MODES",
    "MOMENTUM",
    "QUICK",
    "Bench",
    "Case",
    "NotBuilt",
    "Peer",
    "Runner",
    "Side",
    "block",
    "gradients",
    "opened",
    "ours",
    "serve",
    "start_times",
]
