"""`xpcnn train`: data, network, training, test, and a run folder that keeps all of it."""

import re
import shlex
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from xpcnn.cli.grouped_help import Grouped
from xpcnn.cli.run_flags import RUN
from xpcnn.cli.training_flags import TRAINING

_FLAGS = {"Data": RUN["Data"], **TRAINING, **RUN}

GROUPS = {title: [flag.key for flag in flags] for title, flags in _FLAGS.items()}
"""How the help shows the flags."""


@click.command(
    "train",
    cls=Grouped,
    groups=GROUPS,
    params=[flag for flags in _FLAGS.values() for flag in flags],
    context_settings={"allow_extra_args": True},  # rejected here, with advice
)
@click.pass_context
def command(context: click.Context, /, **_: Any) -> None:
    """Train a network and test it.

    Without flags: the preset `digits` on the embedded digits, on NumPy. A flag overrides the file
    of --config, and the file overrides the preset. The run folder keeps the model, its
    configuration and the figures of each epoch. Likely mistakes in the data are reported as
    warnings before the first step.
    """
    from xpcnn.cli.error_text import flags_in_errors
    from xpcnn.cli.folds import cross_validate, is_cross_validation
    from xpcnn.cli.job import train
    from xpcnn.cli.output import answer, to_json
    from xpcnn.cli.request import Request
    from xpcnn.engines import opened_group

    if context.args:
        context.fail(_unexpected(context.args, context.params.get("dataset")))
    request = Request(context)
    diagnostics = request.flags.diagnostics()
    if len(diagnostics) > 1:
        raise click.UsageError("--dry-run, --find-lr and --overfit-one-batch exclude each other")
    if request.flags.report:
        import_module("xpcnn.report")  # raises now what would be missing at the end
    if request.flags.processes is not None:
        from xpcnn.cli.processes import launch

        launch(request.flags.processes, request.flags.engine)
    text = ""
    with flags_in_errors(context, request.wheres):
        if diagnostics:
            from xpcnn.cli.diagnostics import diagnose

            text, table = diagnose(request, diagnostics[0])
        elif is_cross_validation(request.flags):
            table = cross_validate(request)
        else:
            table = train(request)
    if request.flags.report and not diagnostics and opened_group().rank == 0:
        from xpcnn.cli.output import say
        from xpcnn.cli.reporting import write_report

        runs = [fold["run_dir"] for fold in table.get("folds", [table])]
        page = write_report(runs, str(Path(table["run_dir"]) / "report.html"))["report"]
        say(f"report: {page}", request.flags.quiet)
    if request.flags.as_json:
        answer(to_json(table))
    elif diagnostics:
        answer(text)


def _unexpected(arguments: list[str], dataset: str | None) -> str:
    """Return the error for arguments without a flag, with the flag that the first may stand for.

    dataset: that of the flag, which may be the beginning of a path with spaces.
    """
    from xpcnn.data.loading import is_path
    from xpcnn.data.named_sets import known

    plural = "s" if len(arguments) > 1 else ""
    error = f"Got unexpected extra argument{plural} ({' '.join(arguments)})"
    first = arguments[0]
    if dataset is not None and Path(whole := " ".join([dataset, *arguments])).exists():
        return f"{error}. Try: --dataset {shlex.quote(whole)}"
    if written := re.fullmatch(r"([\u2010-\u2015-]*)(\w[\w-]*)(?:=(.*))?", first, re.DOTALL):
        dashes, name, value = written.groups()
        flag = f"--{name.replace('_', '-').lower()}"
        is_flag = any(flag in param.opts for param in command.params)
        if is_flag and dashes:  # typographic ones, as of a text that was copied
            return f"{error}. Try: {flag}, with two hyphens"
        if is_flag and value is not None:
            return f"{error}. Try: {flag} {shlex.quote(value)}"
    if not known(first) and not is_path(first):
        return error
    flag = "--config" if first.endswith(".toml") else "--dataset"
    return f"{error}. Try: {flag} {shlex.quote(first)}"
