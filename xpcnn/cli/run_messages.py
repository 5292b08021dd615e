"""Messages of a run: what it prints before it starts and after it has ended."""

import shlex
from pathlib import Path

from xpcnn import data
from xpcnn.backend import dtypes
from xpcnn.cli.output import say
from xpcnn.cli.run_plan import Plan
from xpcnn.errors import counted, figure_name


def say_notes(plan: Plan) -> None:
    """Print the choices about data and network that no flag made."""
    for note in (*plan.train.notes, *plan.settings.notes):
        say(f"note: {note}", plan.flags.quiet)


def warn(plan: Plan) -> None:
    """Print likely mistakes in the data, a line each."""
    model = plan.model  # with --init, it may normalise by the mean and std of the file
    findings = data.preflight(
        plan.train,
        plan.validation,
        test=plan.test,
        outputs=model.output_shape[0],
        mean=model.mean,
        std=model.std,
    )
    for finding in findings:
        say(f"warning: {finding}")


def opening(plan: Plan) -> str:
    """Return the first line of a run: network, data, backend."""
    aside = "none" if plan.validation is None else f"{len(plan.validation):,}"
    asked = plan.config.get("validation")
    whose = {str: f", all of {asked}", type(None): ", its own part"}.get(type(asked), "")
    if plan.flags.folds is not None:
        whose = f", fold {plan.flags.fold or 1} of {plan.flags.folds}"
    library = plan.model.backend
    taken = plan.test.name != plan.train.name  # out of the training images
    return (
        f"{plan.settings.preset.name} ({counted(plan.model.summary().parameters, 'parameter')}) on "
        f"{plan.train.name} ({counted(len(plan.train), 'image')}, {aside} for validation{whose}), "
        f"{library.name} on {library.device}"
        + (f"\ntest part: {counted(len(plan.test), 'image')} of {plan.test.name}" if taken else "")
    )


def closing(folder: Path, scores: dict[str, float], plan: Plan, seconds: float) -> list[str]:
    """Return lines: the figures of the test, then commands that show the run and use the model."""
    flags = plan.flags
    command = ["xpcnn", "predict", str(folder), "--rows", "0:10"]
    if data.is_path(flags.dataset):
        command += ["--dataset", flags.dataset]
    elif flags.data_dir is not None:
        command += ["--data-dir", flags.data_dir]
    network = plan.model.network
    on = []
    if network.compute_dtype not in dtypes("numpy"):  # the default of the commands
        on = ["--backend", network.backend.name]
    named = {"accuracy": scores["accuracy"], **scores} if "accuracy" in scores else scores
    figures = ", ".join(f"{figure_name(name)} {value:.4f}" for name, value in named.items())
    lines = [
        f"test {figures} ({counted(len(plan.test), 'image')}; {seconds:.1f} s in all)",
        f"run folder: {folder}",
    ]
    if flags.tensorboard:
        lines.append(f"curves: {shlex.join(['tensorboard', '--logdir', str(folder)])}")
    if not flags.report:  # which names its page when it is written
        lines.append(f"report: {shlex.join(['xpcnn', 'report', str(folder), *on])}")
    return [*lines, f"next: {shlex.join([*command, *on])}"]
