"""One training run, from flags to the figures: prepared in full before its folder is made."""

import shlex
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import numpy

import xpcnn
from xpcnn import backend, data
from xpcnn.backend import Backend
from xpcnn.cli.options import device_name, image_size
from xpcnn.cli.output import finite, say
from xpcnn.cli.request import Request
from xpcnn.cli.runs import CHECKPOINTS, MODEL, Journal, describe, new_run
from xpcnn.cli.settings import Settings, resolve
from xpcnn.cli.signals import shielded
from xpcnn.data import Dataset
from xpcnn.data.pictures import ImageRule
from xpcnn.errors import XpcnnError
from xpcnn.io.registry import to_config
from xpcnn.model import Model
from xpcnn.models import preset
from xpcnn.training import Callback, Checkpoints

_FIGURES = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy")
"""What equal runs have equal, so that their model files are equal."""

_REPORTED = (*_FIGURES, "seconds", "images_per_second")


class Plan(NamedTuple):
    """What a run works with."""

    model: Model
    settings: Settings
    train: Dataset
    validation: Dataset | None
    test: Dataset


def train(
    request: Request,
    out: str | None,
    quiet: bool,
    preflight: bool = True,
    health: bool = True,
    resumed: Path | None = None,
) -> dict[str, Any]:
    """Train, test and save as asked; return what `train --json` prints.

    preflight: warn of what is likely wrong with the data; health: with the network.
    resumed: the folder of the run to go on with, in place of a new one.

    Ctrl-C and SIGTERM (KeyboardInterrupt) pass through, once the model of the last step is saved.

    Raises:
        XpcnnError: the request, the data or the folder are refused, or training diverged.
    """
    start = time.perf_counter()
    plan = prepare(request)
    model, settings = plan.model, plan.settings
    folder = resumed
    if folder is None:
        folder = new_run(out, settings.preset.name, plan.train.name)
        describe(folder, model.backend, settings)
    journal = Journal(folder)
    checkpoints = Checkpoints(
        folder / CHECKPOINTS,
        every_steps=request.flags["checkpoint_steps"],
        every_seconds=request.flags["checkpoint_seconds"],
    )
    say(_opening(plan), quiet)
    if preflight and not quiet and resumed is None:
        _warn(plan)
    try:
        callbacks: list[Callback] = [journal]
        with ExitStack() as stack:
            stack.enter_context(numpy.errstate(all="ignore"))  # fit tells where training diverges
            if not quiet:
                from xpcnn.cli.progress import Progress

                callbacks.append(stack.enter_context(Progress(settings.training.epochs)))
            model.fit(
                plan.train,
                validation=plan.validation,
                callbacks=callbacks,
                checkpoints=checkpoints,
                resume=resumed is not None,
                health=health and not quiet,
                **vars(settings.training),
            )
        scores = model.evaluate(plan.test)
        with shielded():
            _save(folder, plan, journal, scores)
    except KeyboardInterrupt:
        with shielded():
            _save_interrupted(folder, plan, journal)
        raise
    seconds = time.perf_counter() - start
    say(_closing(folder, scores, plan, request.flags, seconds), quiet)
    return {
        "run_dir": str(folder),
        "backend": model.backend.name,
        "device": str(model.backend.device),
        "dtype": model.dtype,
        "dataset": plan.train.name,
        "model": settings.preset.name,
        "parameters": model.summary().parameters,
        "epochs": [{name: getattr(e, name) for name in _REPORTED} for e in journal.epochs],
        "test": scores,
        "seconds": seconds,
        "peak_memory_mb": _peak_memory(model.backend),
    }


def prepare(request: Request) -> Plan:
    """Open the backend, read the data, build the model; writes nothing."""
    flags = request.flags
    library = backend.load(flags["backend"], device_name(flags["device"]))
    given = None if flags["model"] is None else preset(flags["model"])
    names = flags["classes"]
    classes = None if names is None else [name.strip() for name in names.split(",")]
    images, test = data.load(
        flags["dataset"],
        flags["data_dir"],
        classes=classes,
        limit=flags["limit"],
        limit_per_class=flags["limit_per_class"],
        image_size=image_size(flags["image_size"]),
    )
    settings = resolve(request, given, images)
    train, validation = data.split(images, flags["validation"], flags["seed"])
    model = Model(
        settings.preset.layers,
        input_shape=train.shape,
        backend=library,
        seed=flags["seed"],
        loss=settings.preset.loss,
        classes=train.classes,
        dtype=flags["dtype"],
    )
    to_config(model.layers)  # refuses now what could not be saved in the end
    model.image_rule = ImageRule.of(images).as_table()
    return Plan(model, settings, train, validation, test)


def _save(folder: Path, plan: Plan, journal: Journal, test: dict[str, float] | None) -> None:
    """Save the model with what it comes from: `test` and the last epoch, so far as they ended."""
    last = journal.epochs[-1] if journal.epochs else None
    figures = None if last is None else {name: getattr(last, name) for name in _FIGURES}
    plan.model.provenance = {
        "xpcnn": xpcnn.__version__,
        "backend": plan.model.backend.name,
        "data": plan.train.name,
        "data_hash": plan.train.digest(),
        "config": plan.settings.config,
        "metrics": finite({"last_epoch": figures, "test": test}),
    }
    plan.model.save(folder / MODEL)


def _save_interrupted(folder: Path, plan: Plan, journal: Journal) -> None:
    """Save what there is, and say so; a failure does not hide that the run was interrupted."""
    try:
        _save(folder, plan, journal, None)
    except XpcnnError as error:
        say(f"error: {error}")
    else:
        say(f"epochs finished: {len(journal.epochs)}")
        say(f"saved the model of the last step: {folder / MODEL}")
        say(f"to go on: {shlex.join(['xpcnn', 'resume', str(folder)])}")


def _warn(plan: Plan) -> None:
    """Say what is likely wrong with the data, a line each."""
    outputs = plan.model.output_shape[0]
    for finding in data.preflight(plan.train, plan.validation, test=plan.test, outputs=outputs):
        say(f"warning: {finding}")


def _opening(plan: Plan) -> str:
    aside = "none" if plan.validation is None else f"{len(plan.validation):,}"
    library = plan.model.backend
    taken = plan.test.name != plan.train.name  # out of the training images
    return (
        f"{plan.settings.preset.name} ({plan.model.summary().parameters:,} parameters) on "
        f"{plan.train.name} ({len(plan.train):,} images, {aside} for validation), "
        f"{library.name} on {library.device}"
        + (f"\ntest part: {len(plan.test):,} images of {plan.test.name}" if taken else "")
    )


def _closing(
    folder: Path, scores: dict[str, float], plan: Plan, flags: dict[str, Any], seconds: float
) -> str:
    command = ["xpcnn", "predict", str(folder), "--rows", "0:10"]
    if data.is_path(flags["dataset"]):
        command += ["--dataset", flags["dataset"]]
    elif flags["data_dir"] is not None:
        command += ["--data-dir", flags["data_dir"]]
    return (
        f"test accuracy {scores['accuracy']:.4f}, loss {scores['loss']:.4f} "
        f"({len(plan.test):,} images; {seconds:.1f} s in all)\n"
        f"run folder: {folder}\n"
        f"next: {shlex.join(command)}"
    )


def _peak_memory(library: Backend) -> float | None:
    """Return the most memory held so far in 10^6 bytes, as far as the library tells it."""
    figures = library.memory()
    for name in ("peak", "peak_rss", "reserved"):
        if name in figures:
            return figures[name] / 1e6
    return None
