"""Benchmarks: what a step costs beside PyTorch, what a start costs, how costs grow."""

from xpcnn.benchmark.process import Runner, serve
from xpcnn.benchmark.pytorch import pytorch_peer
from xpcnn.benchmark.sides import LR, MODES, MOMENTUM, Case, Peer, Side, gradients, opened, ours
from xpcnn.benchmark.start import start_times
from xpcnn.benchmark.timing import FULL, LARGE, QUICK, Bench

__all__ = [
    "FULL",
    "LARGE",
    "LR",
    "MODES",
    "MOMENTUM",
    "QUICK",
    "Bench",
    "Case",
    "Peer",
    "Runner",
    "Side",
    "gradients",
    "opened",
    "ours",
    "pytorch_peer",
    "serve",
    "start_times",
]
