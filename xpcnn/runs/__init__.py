"""Finished and unfinished runs, read from their folders: what they were, and how they differ."""

from xpcnn.runs.comparison import Difference, RunDiff, compare_runs, differing
from xpcnn.runs.record import Record, read_run

__all__ = ["Difference", "Record", "RunDiff", "compare_runs", "differing", "read_run"]
