"""The report of runs: one page, in one file."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from xpcnn.classification import classification_report
from xpcnn.data import Dataset
from xpcnn.errors import counted, figure_name
from xpcnn.figures import svg, training_curve
from xpcnn.figures.curves import curves_of
from xpcnn.inputs import as_input
from xpcnn.report.comparison import compared, unlike_data
from xpcnn.report.feature_maps import chosen_rows, filters, samples
from xpcnn.report.predictions import evaluation_tables, is_images
from xpcnn.report.reported_run import Run, number
from xpcnn.report.target_samples import CHOICE, samples_of_targets
from xpcnn.report.templates import render
from xpcnn.report.timing import BATCH, epoch_times, layer_times, run_parts, update_parts
from xpcnn.runs.comparison import flat, written
from xpcnn.targets import target_report
from xpcnn.version import VERSION


def report(
    runs: Sequence[Run],
    data: Dataset | None,
    part: str = "test",
    *,
    rows: Sequence[int] = (),
    notes: Sequence[str] = (),
    searches: Sequence[Mapping[str, Any]] = (),
) -> str:
    """Return the page about one run, or about the first of several beside the others.

    Args:
        runs: at least one.
        data: samples to evaluate the first run on; None leaves out all that needs them.
        part: part of the data set that the samples are, such as "test".
        rows: indices of samples to show in detail; by default some are chosen.
        notes: sentences for the beginning of the page.
        searches: searches to show beside the runs; see `search.search_parts`.

    Raises:
        XpcnnError: the data do not match the model.
    """
    first, *others = runs
    notes = [*notes, *([note] if (note := unlike_data(runs)) else [])]
    tests: dict[str, Any] | None = None
    targets: dict[str, Any] | None = None
    inside: dict[str, Any] | None = None
    numbers = _numbers(first)
    pictured = len(first.model.input_shape) == 3
    if pictured:
        inside = {"filters": filters(first.model), "samples": [], "chosen": ""}
    if data is not None:
        data = first.model.checked(data)
        raw = as_input(data.images, first.model.input_shape)
        scores = first.model.evaluate(data)
        what = f"{counted(len(data), 'sample')} of {data.name}, {part} part"
    if data is not None and data.task != "classification":
        targets = {"what": what, "table": target_report(first.model, data).table()}
        ordered = {"accuracy": scores["accuracy"]} if "accuracy" in scores else {}
        ordered |= scores
        named = [
            (f"{part} {figure_name(name)}", number(x, ".4f" if abs(x) < 1000 else ",.1f"))
            for name, x in ordered.items()
        ]
        numbers = [*named, *numbers[2:]]
        if inside is not None and is_images(data):
            inside["samples"] = samples_of_targets(first.model, data, rows)
            inside["chosen"] = "" if rows else CHOICE[data.task]
    elif data is not None:
        figures = classification_report(first.model, data)
        p = first.model.predict_proba(raw)
        tests = evaluation_tables(figures, data, p, what)
        numbers = [
            (f"{part} accuracy", number(scores["accuracy"])),
            (f"{part} loss", number(scores["loss"])),
            ("calibration error", number(figures.calibration_error)),
            *numbers[2:],
        ]
        if inside is not None and is_images(data):
            inside["samples"] = samples(first.model, data, rows or chosen_rows(figures, data))
    shape = " x ".join(map(str, first.model.input_shape))
    lead = f"A network for samples of {shape}, trained on {first.data}."
    if others:
        lead += f" The figures here, and all below the table of runs, are those of {first.name}."
    return render(
        "page.html",
        title=_title([run.name for run in runs]),
        first=first.name,
        lead=lead,
        notes=notes,
        numbers=numbers,
        curves=curves(runs),
        searches=searches,
        comparison=compared(runs) if others else None,
        tests=tests,
        targets=targets,
        inside=inside,
        time={
            "what": f"Time of a batch of {BATCH} samples in training, forward (blue) and backward "
            f"(orange), measured for this report on {first.model.backend.name}; each layer by "
            "itself, without the fusions of training.",
            "layers": layer_times(first.model),
            "epochs": epoch_times(first),
            "run": run_parts(first),
            "step": update_parts(first),
            "library": first.model.backend.name,
        },
        command=first.command,
        configuration=[(name, written(value)) for name, value in flat(first.record.config)],
        environment=[(name, str(value)) for name, value in flat(first.record.environment) if value],
        version=VERSION,
    )


def _title(names: Sequence[str]) -> str:
    """Return the names of the runs, or of many the first."""
    if len(names) <= 3:
        return ", ".join(names)
    return f"{names[0]} and {len(names) - 1} other runs"


def curves(runs: Sequence[Run]) -> list[Markup]:
    """Return the curves of the runs as SVG; none where no epoch ended."""
    named = {run.name: run for run in runs if len(run)}
    return [
        Markup(svg(training_curve(named, name), f"{name} over epochs: {_ends(runs, keys[-1])}"))
        for name, keys in curves_of(named).items()
        if named
    ]


def _ends(runs: Sequence[Run], figure: str) -> str:
    """Return the last figure of each run, for those who do not see its curve."""
    return ", ".join(
        f"{run.name} ends at {number(run[figure][-1], '.4g')}" for run in runs if len(run)
    )


def _numbers(run: Run) -> list[tuple[str, str]]:
    """Return the figures at the top of the page, those of the test at the end of the run first."""
    return [
        ("test accuracy", number(run.test.get("accuracy"))),
        ("test loss", number(run.test.get("loss"))),
        ("parameters", f"{run.model.summary().parameters:,}"),
        ("epochs", str(len(run))),
        ("training", run.duration),
    ]
