"""One training run, from a request to the figures and the model file."""

import shlex
import time
import warnings
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy

from xpcnn.backend import Backend
from xpcnn.cli.output import finite, say
from xpcnn.cli.request import Request
from xpcnn.cli.run_folder import CHECKPOINTS, new_run
from xpcnn.cli.run_messages import closing, opening, say_notes, warn
from xpcnn.cli.run_plan import Plan, prepare
from xpcnn.cli.run_record import ConvMethods, Journal, Rewritten, describe
from xpcnn.data.streams.stream import damage_notes
from xpcnn.engines import group as group_of
from xpcnn.errors import DataWarning, XpcnnError
from xpcnn.process_group import Group, by_all, by_first
from xpcnn.provenance import origin
from xpcnn.runs.record import MODEL
from xpcnn.signals import shielded
from xpcnn.targets import target_report
from xpcnn.training import Callback, Epoch, TensorBoard, Validation
from xpcnn.training.tensorboard import require_tensorboard

_FIGURES = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy")
"""Figures that are equal in equal runs; a model file records no others, so that equal runs write
equal files."""

_REPORTED = (*_FIGURES, "seconds", "images_per_second")


def train(request: Request, resumed: Path | None = None, *, brief: bool = False) -> dict[str, Any]:
    """Train, test and save; return what `train --json` prints.

    resumed: the folder of the run to resume, in place of a new one; the caller holds its lock.
    brief: whether to print at the end the figures of the test alone, without the next commands.

    Ctrl-C, SIGTERM and SIGHUP (KeyboardInterrupt) pass through, once the model of the last step is
    saved.

    Raises:
        XpcnnError: the request, the data or the folder are rejected, or training diverged.
    """
    start = time.perf_counter()
    group = group_of(request.flags.engine)
    plan = by_all(group, lambda: prepare(request, resumed is not None))
    if plan.flags.tensorboard:
        require_tensorboard()
    model, settings, quiet = plan.model, plan.settings, plan.flags.quiet
    for line in model.backend.warm_up():
        say(line, quiet)
    with ExitStack() as stack:
        folder = resumed or by_first(group, lambda: _new_folder(plan, stack, group))
        journal = Journal(folder)
        say_notes(plan)
        say(opening(plan), quiet)
        if plan.loaded is not None and resumed is None:
            say(str(plan.loaded), quiet)
        if not plan.flags.no_preflight and not quiet and resumed is None:
            warn(plan)
        if group.size > 1:
            say(f"{group.size} processes share each batch", quiet)
        scores = _train(plan, folder, journal, resumed is not None, group)
    if group.rank > 0:
        return {}
    seconds = time.perf_counter() - start
    for note in (damage := damage_notes(part.images for part in plan.data)):
        say(f"note: {note}", quiet)
    words = closing(folder, scores, plan, seconds)
    say(words[0] if brief else "\n".join(words), quiet)
    return {
        "run_dir": str(folder),
        "backend": model.backend.name,
        "device": str(model.backend.device),
        "dtype": model.compute_dtype,
        "dataset": plan.train.name,
        "model": settings.preset.name,
        "parameters": model.summary().parameters,
        "epochs": [_reported(e) for e in journal.epochs],
        "notes": [*journal.history.notes, *damage],
        "test": scores,
        "seconds": seconds,
        "peak_memory_mb": _peak_memory(model.backend),
    }


def _new_folder(plan: Plan, stack: ExitStack, group: Group) -> Path:
    """Make the folder of a run, locked until the stack closes, and describe the run in it."""
    made = new_run(plan.flags.out, plan.settings.preset.name, plan.train.name)
    folder = stack.enter_context(made)
    describe(folder, plan, group.size)
    return folder


def _train(
    plan: Plan, folder: Path, journal: Journal, resume: bool, group: Group
) -> dict[str, float]:
    """Train, test and save; return the figures of the test.

    Of a group of processes only the first writes and tests; the others return nothing.
    """
    training, is_first = plan.settings.training, group.rank == 0
    quiet = plan.flags.quiet or not is_first
    methods = ConvMethods(folder, plan.model.network, group.size)
    callbacks: list[Callback] = [journal, methods] if is_first else []
    if resume and is_first:
        callbacks.append(Rewritten(folder, plan))
    if plan.flags.tensorboard and is_first:
        callbacks.append(TensorBoard(folder / "tensorboard"))
    try:
        with ExitStack() as stack:
            stack.enter_context(numpy.errstate(all="ignore"))  # fit reports where training diverges
            stack.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore", DataWarning)  # `warn` has said it
            if not quiet:
                from xpcnn.cli.progress import Progress

                callbacks.append(stack.enter_context(Progress(training.epochs)))
            plan.model.fit(
                plan.train,
                training,
                validation=plan.validation,
                callbacks=callbacks,
                checkpoints=replace(plan.checkpoints, folder=folder / CHECKPOINTS),
                resume=resume,
                progress=False,  # `Progress` shows it
                health=not plan.flags.no_health,
                group=group,
            )
        if not is_first:
            return {}
        if (best := _kept(plan, journal)) is not None:
            say(f"kept the weights after {best}", quiet)
        if plan.flags.thresholds == "best":
            _take_best_thresholds(plan, quiet)
        scores = plan.model.evaluate(plan.test, metrics=training.metrics)
        with shielded():
            _save(folder, plan, journal, scores)
    except KeyboardInterrupt:
        if journal.begun:
            with shielded():
                _save_interrupted(folder, plan, journal)
        raise
    return scores


def _take_best_thresholds(plan: Plan, quiet: bool) -> None:
    """Give the model the thresholds of the highest F1 on the validation part, and say them.

    A label that no sample there has keeps 0.5.
    """
    assert plan.validation is not None
    found = target_report(plan.model, plan.validation).per_column
    best = {name: own["best_threshold"] for name, own in found.items()}
    # a threshold is below 1, which a probability may reach by rounding
    chosen = {name: 0.5 if x is None else min(x, 1.0 - 2.0**-24) for name, x in best.items()}
    plan.model.set_thresholds(tuple(chosen.values()))
    listing = ", ".join(f"{name} {x:.4f}" for name, x in chosen.items())
    say(f"thresholds of the highest F1 on the validation part: {listing}", quiet)


def _save(folder: Path, plan: Plan, journal: Journal, test: dict[str, float] | None) -> None:
    """Save the model with its provenance: figures of the last epoch and the test, if they ended."""
    last = journal.epochs[-1] if journal.epochs else None
    figures = None if last is None else _reported(last, _FIGURES)
    best = _kept(plan, journal)
    plan.model.provenance = {
        **origin(plan.model.backend, plan.train),
        "test_hash": plan.test.digest(),
        "config": plan.config,
        "metrics": finite(
            {
                "last_epoch": figures,
                "kept": None if best is None else best.as_dict(),
                "stopped": _stopped(journal),
                "test": test,
            }
        ),
    }
    plan.model.save(folder / MODEL)


def _reported(epoch: Epoch, names: Sequence[str] = _REPORTED) -> dict[str, Any]:
    """Return the figures of an epoch by name, its metrics last."""
    table = epoch.as_dict()
    return {name: table[name] for name in [*names, *(f"val_{name}" for name in epoch.metrics)]}


def _kept(plan: Plan, journal: Journal) -> Validation | None:
    """Return the validation whose weights the model has; None if it has the last weights."""
    training, history = plan.settings.training, journal.history
    best = history.best(training.monitor)
    return history.validations[best] if training.best_kept and best is not None else None


def _stopped(journal: Journal) -> str | None:
    """Return the note that says why training stopped early; None where it did not."""
    notes = [note for note in journal.history.notes if note.startswith("stopped after ")]
    return notes[-1] if notes else None


def _save_interrupted(folder: Path, plan: Plan, journal: Journal) -> None:
    """Save the model so far, and say so; if that fails, the interruption is still reported."""
    try:
        _save(folder, plan, journal, None)
        journal.rewrite()
    except XpcnnError as error:
        say(f"error: {error}")
    else:
        say(f"epochs finished: {len(journal.epochs)}")
        say(f"saved the model of the last step: {folder / MODEL}")
        say(f"to resume: {shlex.join(['xpcnn', 'resume', str(folder)])}")


def _peak_memory(library: Backend) -> float | None:
    """Return the most memory held so far in 10^6 bytes, as far as the library reports it."""
    figures = library.memory()
    for name in ("peak", "peak_rss", "reserved"):
        if name in figures:
            return figures[name] / 1e6
    return None
