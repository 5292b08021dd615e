"""Cross-validation: a run for every fold, each in a subfolder, and the mean of their figures.

The folder holds config.toml and model.toml like that of a run, fold-1/, fold-2/, ..., each an
ordinary run folder, and, in the end, folds.json. `xpcnn resume` with the folder trains the
folds that are not finished.
"""

import copy
import math
import shlex
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from xpcnn.cli.flag_values import Flags
from xpcnn.cli.job import train
from xpcnn.cli.output import say, to_json
from xpcnn.cli.request import Request
from xpcnn.cli.run_folder import locked_run, new_run
from xpcnn.cli.run_plan import prepare
from xpcnn.cli.run_record import describe, outcome
from xpcnn.engines import group as group_of
from xpcnn.errors import ConfigError, hint
from xpcnn.io.atomic import write_bytes
from xpcnn.runs import read_run
from xpcnn.runs.record import CONFIG

FOLDS = "folds.json"

FIGURES = ("val_loss", "val_accuracy", "test_loss", "test_accuracy")


def is_cross_validation(flags: Flags) -> bool:
    """Whether all folds are requested, not one of them."""
    return flags.folds is not None and flags.fold is None


def cross_validate(request: Request, resumed: Path | None = None) -> dict[str, Any]:
    """Train with every fold; return the figures of each, their mean and deviation.

    resumed: the folder of all folds to resume, in place of a new one; the caller holds its
    lock. Interrupts and errors as in `job.train`.
    """
    start = time.perf_counter()
    flags = request.flags
    if group_of(flags.engine).size > 1:
        message = "the folds of a cross-validation are trained by one process each"
        raise ConfigError(hint(message, "--folds with --fold 1, 2, ... for several processes"))
    count, quiet = flags.folds or 0, flags.quiet
    plan = prepare(
        request, resumed is not None
    )  # rejects what no fold could do, before anything is written
    with ExitStack() as stack:
        folder = resumed
        if folder is None:
            name = f"{plan.settings.preset.name}-{count}-folds"
            folder = stack.enter_context(new_run(flags.out, name, plan.train.name))
            describe(folder, plan, processes=1)
        found = []
        try:
            for number in range(1, count + 1):
                fold = folder / f"fold-{number}"
                if not _train(of_fold(request, number, fold)):
                    say(f"fold {number} of {count} is finished", quiet)
                found.append(_figures(fold, number))
        except KeyboardInterrupt:
            say(f"to resume all folds: {shlex.join(['xpcnn', 'resume', str(folder)])}")
            raise
        result = {"run_dir": str(folder), "folds": found, **summary_of(found)}
        write_bytes(folder / FOLDS, f"{to_json(result, indent=2)}\n".encode())
    say(_closing(result, flags.report), quiet)
    return {**result, "seconds": time.perf_counter() - start}


def of_fold(request: Request, number: int, folder: Path) -> Request:
    """Return the request for one fold; only the first fold warns of mistakes in the data."""
    other = copy.copy(request)
    seen = request.flags.no_preflight or number > 1
    other.flags = replace(request.flags, fold=number, out=str(folder), no_preflight=seen)
    return other


def summary_of(found: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Return mean and standard deviation over the folds, for the figures that all folds have.

    The deviation has K - 1 in the denominator.
    """
    mean, std = {}, {}
    for name in FIGURES:
        values = [fold[name] for fold in found if fold[name] is not None]
        if len(values) < len(found):
            continue
        mean[name] = math.fsum(values) / len(values)
        squares = math.fsum((value - mean[name]) ** 2 for value in values)
        std[name] = math.sqrt(squares / (len(values) - 1))
    return {"mean": mean, "std": std}


def _train(request: Request) -> bool:
    """Train with one fold, or the rest of it; return False if it was finished before."""
    folder = Path(str(request.flags.out))
    if not (folder / CONFIG).is_file():
        train(request, brief=True)
    elif outcome(folder) is None:
        with locked_run(folder):
            train(request, resumed=folder, brief=True)
    else:
        return False
    return True


def _figures(folder: Path, number: int) -> dict[str, Any]:
    """Return the figures of a finished fold, those of the weights in its model file."""
    metrics = read_run(folder).provenance["metrics"]
    last, kept, test = (metrics.get(name) or {} for name in ("last_epoch", "kept", "test"))
    return {
        "fold": number,
        "run_dir": str(folder),
        "val_loss": kept.get("loss", last.get("val_loss")),
        "val_accuracy": kept.get("accuracy", last.get("val_accuracy")),
        "test_loss": test.get("loss"),
        "test_accuracy": test.get("accuracy"),
    }


def in_words(folder: Path) -> str | None:
    """Return mean and deviation of a finished cross-validation in words; None for other folders."""
    if not (folder / FOLDS).is_file():
        return None
    count = read_run(folder / "fold-1").config["folds"]
    return _in_words([_figures(folder / f"fold-{n}", n) for n in range(1, count + 1)])


def _in_words(found: Sequence[Mapping[str, Any]]) -> str:
    mean, std = summary_of(found).values()
    lines = [
        f"{name.replace('_', ' ').replace('val', 'validation')} {mean[name]:.4f} +- {std[name]:.4f}"
        for name in FIGURES
        if name in mean
    ]
    return f"{len(found)} folds, mean +- deviation: {', '.join(lines)}"


def _closing(result: Mapping[str, Any], has_report: bool) -> str:
    folder = result["run_dir"]
    report = [] if has_report else [f"report: {shlex.join(['xpcnn', 'report', folder])}"]
    where = f"folder: {folder}, with a run in fold-1, fold-2, ..."
    return "\n".join([_in_words(result["folds"]), where, *report])
