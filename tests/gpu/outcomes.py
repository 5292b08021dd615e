"""A plugin for pytest: `-p tests.gpu.outcomes --outcomes FILE` writes one JSON line per test.

Line by line as the tests end, so that a run that is stopped has told what it did. The first line
has the number of tests that were selected. Names say `*` for the array library.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest

ADDRESS = re.compile(r" at 0x[0-9a-f]+")  # in the ids of functions


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--outcomes", type=Path, required=True, help="file to write outcomes to")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Writer(config.getoption("--outcomes"), config.getoption("--lib")))


class Writer:
    """Keeps the worst of setup, call and teardown of the present test."""

    def __init__(self, path: Path, lib: str) -> None:
        self.path = path
        self.lib = re.compile(rf"(?<=[\[-]){re.escape(lib)}(?=[\]-])")
        self.outcome, self.text = "passed", ""

    def name(self, nodeid: str) -> str:
        """Return a test's name without what differs between libraries and processes."""
        return ADDRESS.sub("", self.lib.sub("*", nodeid, count=1))

    def write(self, **line: Any) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.write(selected=len(session.items))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.write(test=report.nodeid, outcome="failed", text=_text(report))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.outcome != "passed" and self.outcome != "failed":
            self.outcome, self.text = report.outcome, _text(report)
        if report.when == "teardown":
            self.write(test=self.name(report.nodeid), outcome=self.outcome, text=self.text)
            self.outcome, self.text = "passed", ""


def _text(report: pytest.CollectReport | pytest.TestReport) -> str:
    """Return why a test was skipped, or the end of its failure."""
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2])
    return report.longreprtext[-1500:]
