"""`xpcnn report`: what there is to see of a run, or of several, as one page."""

from typing import Literal

import click

from xpcnn.cli.options import (
    data_options,
    json_option,
    library_options,
    option,
    reject_given,
)


@click.command("report")
@click.argument("runs", metavar="RUN|SEARCH...", nargs=-1, required=True)
@option(
    "--out",
    metavar="FILE.html",
    text="File to write; an existing one is replaced. By default report.html in the folder of the "
    "run, or for several runs in the current folder.",
)
@option(
    "--rows",
    metavar="LIST",
    text="Rows of the samples whose saliency and feature maps are shown: 3,17, or 0:10. By default "
    "one of each of the first classes, and the samples of the highest loss.",
)
@option(
    "--figures",
    metavar="FOLDER",
    text="Also write the figures of runs as files: overview (curves and predictions), curves, "
    "confusion, calibration, worst. The overview shows the samples of --rows, or by default the "
    "first of each class and the first that is predicted wrongly. Where the targets are not "
    "classes: curves, and an overview without samples.",
)
@option(
    "--figure-format",
    type=click.Choice(["svg", "png", "pdf"]),
    default="svg",
    show_default=True,
    text="Format of these files: SVG for pages and PDF for papers, on a transparent ground; PNG on "
    "a white one.",
)
@data_options
@library_options
@json_option
def command(
    runs: tuple[str, ...],
    out: str | None,
    rows: str | None,
    figures: str | None,
    figure_format: Literal["svg", "png", "pdf"],
    dataset: str | None,
    data_dir: str | None,
    part: str | None,
    backend: str,
    device: str | None,
    tf32: bool | None,
    as_json: bool,
) -> None:
    """Write a report of runs: one HTML file without scripts.

    RUN is a run folder. The report shows curves, the confusion matrix, classes, calibration, the
    worst samples, filters, feature maps, Grad-CAM and saliency, the time of each layer, the
    environment, and the command that repeats the run. For several runs, it shows their curves in
    one figure and what differs in their configurations; everything else is about the first run. The
    folder of `train --folds` stands for its folds and their mean. The folder of `xpcnn tune`, alone
    or beside runs, adds figures and a table of its trials.

    If the test data cannot be read, the report says so, and shows all that does not need them.
    Needs pip install 'xpcnn[report]'.
    """
    if figures is None:
        reject_given("figure_format", why="needs --figures, the folder to write them to.")
    from pathlib import Path

    from xpcnn.cli.data_parts import DataFlags
    from xpcnn.cli.model_opening import open_backend
    from xpcnn.cli.output import answer, to_json
    from xpcnn.cli.reporting import Figures, write_report

    choice = DataFlags(dataset, data_dir, part)
    asked = None if figures is None else Figures(Path(figures), figure_format)
    library = open_backend(backend, device, tf32)
    written = write_report(runs, out, choice, rows, library, asked)
    lines = [f"report: {written['report']}", *(f"figure: {path}" for path in written["figures"])]
    answer(to_json(written) if as_json else "\n".join(lines))
