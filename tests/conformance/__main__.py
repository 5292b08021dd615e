"""Run R1 to R9 of the README's table and print their figures: `python -m tests.conformance`.

--json FILE writes the figures as JSON; --complete makes it a failure if one was skipped, or has
other figures than the README's table.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

import pytest

from tests.conformance.figures import FILE

HERE = Path(__file__).parent
README = HERE.parent.parent / "README.md"
ROWS = ("R1", "R2", "R3", "R4", "R5", "R6", "R7", "R8", "R9")


class Skips:
    """Counts what pytest skipped, by reason."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped and isinstance(report.longrepr, tuple):
            self.reasons.append(f"{report.nodeid}: {report.longrepr[2]}")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.skipped and isinstance(report.longrepr, tuple):
            self.reasons.append(f"{report.nodeid}: {report.longrepr[2]}")


def main() -> int:
    """Run R1 to R9; return 0 if all passed and, with --complete, none was missing."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--complete", action="store_true")
    arguments = parser.parse_args()
    if arguments.json is not None and not arguments.json.absolute().parent.is_dir():
        parser.error(f"--json: there is no folder {arguments.json.parent}")

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "figures.jsonl"
        path.touch()
        os.environ[FILE] = str(path)
        skips = Skips()
        tests = [str(HERE), *(str(HERE.parent / name) for name in ("ops", "layers"))]
        status = int(pytest.main(["-q", "--no-header", "-n", "auto", *tests], plugins=[skips]))
        figures = [json.loads(line) for line in path.read_text().splitlines()]

    figures.sort(key=lambda figure: figure["name"])
    width = max((len(figure["name"]) for figure in figures), default=0)
    print("\nConformance: passed / applicable, and groups of cases outside of what xpcnn offers")
    for figure in figures:
        fraction = f"{figure['passed']}/{figure['applicable']}"
        outside = len(figure["unsupported"])
        print(f"{figure['name']:{width}}  {fraction:>11}  {outside:3}  {figure['note']}")
    missing = [row for row in ROWS if not any(f["name"].startswith(row) for f in figures)]
    if missing:
        print(f"no figure from {', '.join(missing)}")
    absent = [reason for reason in skips.reasons if "cupy" not in reason]
    for reason in absent:
        print(f"skipped: {reason}")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    told = README.read_text(encoding="utf-8")
    untold = [f["name"] for f in figures if f"{f['passed']}/{f['applicable']}" not in told]
    # how bad arguments are refused is not in the table
    untold = sorted({name for name in untold if "bad arguments" not in name})
    if untold:
        print(f"the README has other figures for {', '.join(untold)}")
    if arguments.complete and (missing or absent or untold):
        print("incomplete: see above")
        return status or 1
    return status


if __name__ == "__main__":
    sys.exit(main())
