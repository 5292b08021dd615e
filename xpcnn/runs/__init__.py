"""Finished and unfinished runs, read from their folders: what they were, and how they differ."""

from xpcnn.runs.comparison import Difference, RunDiff, compare_runs, differing
from xpcnn.runs.record import Record, read_run
from xpcnn.runs.search import Search, Trial, read_search

__all__ = [
    "Difference",
    "Record",
    "RunDiff",
    "Search",
    "Trial",
    "compare_runs",
    "differing",
    "read_run",
    "read_search",
]
