"""Writing the report of runs, for `xpcnn report` and `xpcnn train --report`."""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from xpcnn.backend import Backend
from xpcnn.cli.data_parts import DataFlags, Part, open_part
from xpcnn.cli.folds import in_words
from xpcnn.cli.model_opening import open_model
from xpcnn.cli.output import say
from xpcnn.cli.predictions import numbers_of_rows
from xpcnn.errors import ConfigError, XpcnnError, hint
from xpcnn.io.atomic import write_bytes
from xpcnn.report.figure_files import write_figures
from xpcnn.report.report_page import report
from xpcnn.report.reported_run import Run
from xpcnn.report.search import search_page, search_parts
from xpcnn.runs import read_run, read_search
from xpcnn.runs.search import is_search

FILE = "report.html"


class Figures(NamedTuple):
    """Where to write the figures of a report as files, and in which format."""

    folder: Path
    form: Literal["svg", "png", "pdf"]


def write_report(
    folders: Sequence[str],
    out: str | None = None,
    choice: DataFlags | None = None,
    rows: str | None = None,
    backend: str | Backend = "numpy",
    figures: Figures | None = None,
) -> dict[str, Any]:
    """Write the page and return what `xpcnn report --json` prints.

    folders: of the runs; the first is shown in detail. A folder of folds stands for its folds and
    their mean, that of a search for the table of its trials. Test data that were not asked for and
    cannot be read are left out, with a note. rows: of the samples that are looked at, such as 3,17
    or 0:10; None for the choice of the report. figures: where to write figures as files too; None
    for nowhere.

    Raises:
        XpcnnError: a folder holds no run with a model, the data that were asked for cannot be read
            or do not fit, a row is not among them, or the file cannot be written.
    """
    searches = [(Path(folder), read_search(folder)) for folder in folders if is_search(folder)]
    runs = opened(with_folds(folders), backend)
    default = Path(folders[0]) / FILE if len(folders) == 1 else Path(FILE)
    path = default if out is None else Path(out)
    if not runs:
        choice = (choice or DataFlags())._replace(data_dir=None)  # a variable may give it
        if rows or figures or choice != DataFlags() or len(searches) > 1:
            message = "a search is shown alone, without data and files of figures"
            raise ConfigError(hint(message, f"xpcnn report {folders[0]}, or a run beside it"))
        return _written(path, search_page(*searches[0]))
    images, notes = _data(runs[0], choice or DataFlags())
    notes = [*(f"{words}." for path in folders if (words := in_words(Path(path)))), *notes]
    if rows and images is None:
        message = "rows are chosen, but the test data are not at hand"
        raise ConfigError(hint(message, "--dataset or --data-dir with their place"))
    chosen = [] if rows is None or images is None else numbers_of_rows(rows, images)
    for note in notes:
        say(f"note: {note}")
    data, part = (None, "test") if images is None else images
    parts = [search_parts(*search) for search in searches]
    page = report(runs, data, part, rows=chosen, notes=notes, searches=parts)
    names, samples = [run.name for run in runs], 0 if data is None else len(data)
    files = (
        [] if figures is None else write_figures(figures.folder, runs, data, chosen, figures.form)
    )
    return _written(path, page, names, samples, notes, files)


def _written(
    path: Path,
    page: str,
    runs: Sequence[str] = (),
    samples: int = 0,
    notes: Sequence[str] = (),
    figures: Sequence[Path] = (),
) -> dict[str, Any]:
    """Write a page; return what is printed about it."""
    content = page.encode()
    write_bytes(path, content)
    return {
        "report": str(path),
        "bytes": len(content),
        "runs": list(runs),
        "samples": samples,
        "notes": list(notes),
        "figures": list(map(str, figures)),
    }


def with_folds(folders: Sequence[str]) -> list[str]:
    """Return the folders of runs: a folder of folds stands for its folds, a search for none."""
    found: list[str] = []
    for folder in folders:
        if not is_search(folder):
            folds = (Path(folder, f"fold-{number}") for number in itertools.count(1))
            found += map(str, itertools.takewhile(Path.is_dir, folds))
            found += [] if Path(folder, "fold-1").is_dir() else [folder]
    return found


def opened(folders: Sequence[str], backend: str | Backend) -> list[Run]:
    """Return the runs of folders, each with a name of its own: "a", and a second "a" as "a (2)".

    Raises:
        CheckpointError: a folder holds no run, or one without a model.
    """
    runs: list[Run] = []
    for folder in folders:
        record = read_run(folder)
        same = sum(run.record.name == record.name for run in runs)
        name = record.name if not same else f"{record.name} ({same + 1})"
        runs.append(Run(name, record, open_model(folder, backend)))
    return runs


def _data(run: Run, choice: DataFlags) -> tuple[Part | None, list[str]]:
    """Return the data of a report and their notes, or a note that there are none."""
    try:
        part = open_part(run.model, choice)
        return part, list(part.images.notes)
    except XpcnnError as error:
        if choice.dataset is not None or choice.data_dir is not None:
            raise
        reason = str(error).partition("\n")[0]
        advice = "--dataset or --data-dir with the place of the test data"
        return None, [f"Without test data: {reason}. For all that needs them: {advice}."]
