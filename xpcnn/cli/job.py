"""One training run, from flags to the figures: prepared in full before its folder is made."""

import os
import shlex
import time
import warnings
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy

from xpcnn import backend, data
from xpcnn.backend import Backend
from xpcnn.cli.opening import model_path, open_model
from xpcnn.cli.options import device_name, image_size
from xpcnn.cli.output import finite, say
from xpcnn.cli.request import Request
from xpcnn.cli.run_folder import CHECKPOINTS, Journal, Rewritten, describe, new_run
from xpcnn.cli.settings import Settings, resolve
from xpcnn.data import Dataset
from xpcnn.data.preflight_checks import off_scale
from xpcnn.data.reading import Pictures, observed
from xpcnn.errors import DataWarning, XpcnnError
from xpcnn.io import toml
from xpcnn.io.registry import to_config
from xpcnn.io.weights import LoadedWeights, take_weights
from xpcnn.model import Model
from xpcnn.models import preset
from xpcnn.models.saved import preset_of
from xpcnn.provenance import origin
from xpcnn.runs.record import MODEL
from xpcnn.signals import shielded
from xpcnn.training import Callback, Checkpoints, Validation
from xpcnn.training.last_batch import check_last_batch
from xpcnn.training.options import check_validation
from xpcnn.training.recipe import recipe_for

_FIGURES = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy")
"""What equal runs have equal, so that their model files are equal."""

VALIDATION = 0.1
"""The fraction of the training images that is validated on where nothing else is said."""

_REPORTED = (*_FIGURES, "seconds", "images_per_second")


class Plan(NamedTuple):
    """What a run works with."""

    model: Model
    settings: Settings
    train: Dataset
    validation: Dataset | None
    test: Dataset
    checkpoints: Checkpoints
    init: Path | None
    loaded: LoadedWeights | None


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
    resumed: the folder of the run to resume, in place of a new one; the caller holds its lock.

    Ctrl-C, SIGTERM and SIGHUP (KeyboardInterrupt) pass through, once the model of the last step is
    saved.

    Raises:
        XpcnnError: the request, the data or the folder are refused, or training diverged.
    """
    start = time.perf_counter()
    plan = prepare(request)
    model, settings = plan.model, plan.settings
    for line in model.backend.warm_up():
        say(line, quiet)
    with ExitStack() as stack:
        folder = resumed
        if folder is None:
            made = new_run(out, settings.preset.name, plan.train.name)
            folder = stack.enter_context(made)
            describe(folder, model.backend, settings, plan.init)
        journal = Journal(folder)
        checkpoints = replace(plan.checkpoints, folder=folder / CHECKPOINTS)
        say_notes(plan, quiet)
        say(_opening(plan), quiet)
        if plan.loaded is not None and resumed is None:
            say(str(plan.loaded), quiet)
        if preflight and not quiet and resumed is None:
            _warn(plan)
        scores = _train(plan, folder, journal, checkpoints, resumed is not None, health, quiet)
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
        "notes": journal.history.notes,
        "test": scores,
        "seconds": seconds,
        "peak_memory_mb": _peak_memory(model.backend),
    }


def _train(
    plan: Plan,
    folder: Path,
    journal: Journal,
    checkpoints: Checkpoints,
    resume: bool,
    health: bool,
    quiet: bool,
) -> dict[str, float]:
    """Train, test and save; return the figures of the test."""
    training = plan.settings.training
    callbacks: list[Callback] = [journal]
    if resume:
        callbacks.append(Rewritten(folder, plan.settings))
    try:
        with ExitStack() as stack:
            stack.enter_context(numpy.errstate(all="ignore"))  # fit tells where training diverges
            stack.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore", DataWarning)  # `_warn` has said it
            if not quiet:
                from xpcnn.cli.progress import Progress

                callbacks.append(stack.enter_context(Progress(training.epochs)))
            plan.model.fit(
                plan.train,
                training,
                validation=plan.validation,
                callbacks=callbacks,
                checkpoints=checkpoints,
                resume=resume,
                progress=False,  # `Progress` shows it
                health=health,
            )
        if (best := _kept(plan, journal)) is not None:
            say(f"kept the weights after {best}", quiet)
        scores = plan.model.evaluate(plan.test)
        with shielded():
            _save(folder, plan, journal, scores)
    except KeyboardInterrupt:
        if journal.begun:
            with shielded():
                _save_interrupted(folder, plan, journal)
        raise
    return scores


def prepare(request: Request) -> Plan:
    """Open the backend, read the data, build the model; writes nothing."""
    flags = request.flags
    flags["dataset"] = flags["dataset"] or "digits"
    library = backend.load(flags["backend"], device_name(flags["device"]))
    source = None if flags["init"] is None else open_model(flags["init"])
    given, size = None, image_size(flags["image_size"])
    if flags["model"] is not None:
        given = preset(flags["model"])
    elif source is not None:
        given = preset_of(source, "init")
        if size is None and data.is_path(flags["dataset"]) and len(source.input_shape) == 3:
            size = source.input_shape[1], source.input_shape[2]
    names = flags["classes"]
    classes = None if names is None else [name.strip() for name in names.split(",")]
    whole, validation, test = _read(flags, classes, size)
    own_pictures = data.is_path(flags["dataset"]) and isinstance(whole.reading, Pictures)
    if flags["image_size"] is None and own_pictures:  # the run's file says what was chosen
        flags["image_size"] = ",".join(map(str, whole.shape[1:]))
    train = whole
    if validation is None:
        train, validation = data.split(whole, flags["validation"], flags["seed"])
    settings = resolve(request, given, whole)
    _keep_place(settings.config)
    toml.write(settings.config)  # refuses now what the run folder could not hold
    model = Model(
        settings.preset.layers,
        input_shape=train.shape,
        backend=library,
        seed=flags["seed"],
        loss=settings.preset.loss,
        classes=train.classes,
        dtype=flags["dtype"],
    )
    loaded = None
    if source is not None:
        loaded = take_weights(
            model.network, source.network, flags["init"], model.classes, source.classes
        )
    to_config(model.layers)  # refuses now what could not be saved in the end
    model.reading = whole.reading or observed(whole.images)
    recipe_for(model.network, settings.training, model.seed)  # refuses patterns that fit nothing
    check_validation(settings.training, validation is not None)
    check_last_batch(model.network, len(train), settings.training)
    checkpoints = Checkpoints(
        CHECKPOINTS,
        every_steps=flags["checkpoint_steps"],
        every_seconds=flags["checkpoint_seconds"],
    )
    init = None if source is None else model_path(flags["init"])
    return Plan(model, settings, train, validation, test, checkpoints, init, loaded)


def say_notes(plan: Plan, quiet: bool) -> None:
    """Say what was decided about the data and the network where nobody asked for anything."""
    for note in (*plan.train.notes, *plan.settings.notes):
        say(f"note: {note}", quiet)


def _read(
    flags: dict[str, Any], classes: list[str] | None, size: tuple[int, int] | None
) -> data.Parts:
    """Return the parts of the data; without a validation part, `flags` says how much becomes one.

    A fraction that is given overrides the validation part of the data set.
    """
    asked = flags["validation"]
    parts = data.load_parts(
        flags["dataset"],
        flags["data_dir"],
        validation=asked if isinstance(asked, str) else None,
        classes=classes,
        limit=flags["limit"],
        limit_per_class=flags["limit_per_class"],
        image_size=size,
        image_fit=flags["image_fit"],
        label_column=flags["label_column"],
        skip_damaged=bool(flags["skip_damaged"]),
    )
    if parts.validation is not None and isinstance(asked, float):
        note = f"the validation part of {parts.train.name} is not used: --validation is {asked:g}"
        train = replace(parts.train, notes=(*parts.train.notes, note))
        return parts._replace(train=train, validation=None)
    if parts.validation is None and asked is None:
        flags["validation"] = VALIDATION
    return parts


def _keep_place(config: dict[str, Any]) -> None:
    """Make paths of data absolute: a run goes on from any folder."""
    for name in ("dataset", "data-dir", "validation"):
        path = config.get(name)
        if isinstance(path, str) and (name != "dataset" or data.is_path(path)):
            config[name] = str(Path(os.path.expanduser(path)).absolute())


def _save(folder: Path, plan: Plan, journal: Journal, test: dict[str, float] | None) -> None:
    """Save the model with what it comes from: `test` and the last epoch, so far as they ended."""
    last = journal.epochs[-1] if journal.epochs else None
    figures = None if last is None else {name: getattr(last, name) for name in _FIGURES}
    best = _kept(plan, journal)
    plan.model.provenance = {
        **origin(plan.model.backend, plan.train),
        "config": plan.settings.config,
        "metrics": finite(
            {
                "last_epoch": figures,
                "kept": None if best is None else vars(best),
                "stopped": _stopped(journal),
                "test": test,
            }
        ),
    }
    plan.model.save(folder / MODEL)


def _kept(plan: Plan, journal: Journal) -> Validation | None:
    """Return the validation whose weights the model has; None where it has the last."""
    training, history = plan.settings.training, journal.history
    best = history.best(training.monitor)
    return history.validations[best] if training.best_kept and best is not None else None


def _stopped(journal: Journal) -> str | None:
    """Return the note that says why training stopped early; None where it did not."""
    notes = [note for note in journal.history.notes if note.startswith("stopped after ")]
    return notes[-1] if notes else None


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
    if plan.loaded is not None and plan.loaded.normalised and plan.train.images.ndim == 4:
        assert plan.model.mean is not None
        assert plan.model.std is not None
        images = plan.train.images
        for finding in off_scale("training", images, plan.model.mean, plan.model.std):
            say(f"warning: {finding}")


def _opening(plan: Plan) -> str:
    aside = "none" if plan.validation is None else f"{len(plan.validation):,}"
    asked = plan.settings.config.get("validation")
    whose = {str: f", all of {asked}", type(None): ", its own part"}.get(type(asked), "")
    library = plan.model.backend
    taken = plan.test.name != plan.train.name  # out of the training images
    return (
        f"{plan.settings.preset.name} ({plan.model.summary().parameters:,} parameters) on "
        f"{plan.train.name} ({len(plan.train):,} images, {aside} for validation{whose}), "
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
