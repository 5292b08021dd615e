"""A search for hyperparameters, by optuna: trials in a database, pruned by successive halving.

The folder of a search holds tune.toml (what is searched), base.toml (the run that the ranges
change), trials.sqlite3 (the trials; the search is resumed from them), trials.json (the same, for
people and reports), and best.toml with best-model.toml: the best trial, as `xpcnn train --config`
takes it.
"""

import json
import math
import os
import shlex
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy

from xpcnn import data
from xpcnn.cli.output import say, to_json
from xpcnn.cli.ranges import Range, Tune, read_tune
from xpcnn.cli.request import Request
from xpcnn.cli.run_folder import INIT, locked_run, new_run
from xpcnn.cli.run_plan import Plan, prepare
from xpcnn.config import toml
from xpcnn.config.training_options import LOWER, TrainingOptions
from xpcnn.errors import ConfigError, XpcnnError, counted, hint, missing, prefix_errors
from xpcnn.io.atomic import write_bytes
from xpcnn.runs import Search, Trial
from xpcnn.runs.search import TRIALS
from xpcnn.training import Callback, History, StopTraining, Validation
from xpcnn.training.option_checks import check_figure

try:
    import optuna
except ImportError as error:
    raise missing("xpcnn tune", "optuna", "tune") from error

TUNE, BASE, DATABASE = "tune.toml", "base.toml", "trials.sqlite3"
BEST, BEST_MODEL = "best.toml", "best-model.toml"

REDUCTION = 3
"""Of this many trials that reach 1, 3, 9, ... epochs, the best goes on."""

Requests = Callable[[Path, Mapping[str, Any]], Request]
"""(base.toml, values by key) -> the request of a trial."""


def tune(file: Path, out: str | None, quiet: bool, request_of: Requests) -> tuple[Path, Search]:
    """Search, or resume a search; return its folder and its record.

    file: the TOML file, or the folder of a search to resume; out: the folder of a new search.

    Raises:
        XpcnnError: the file or the folder are rejected, or no trial finished.
    """
    resumed = _resumed(file, out)
    source = file if resumed is None or file != resumed else resumed / TUNE
    text = toml.read(source)
    with prefix_errors(str(source)):
        table = _with_absolute_paths(toml.parse(text), source.parent)
        asked = read_tune(table.get("tune"))
    base = {key: value for key, value in table.items() if key != "tune"}
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with ExitStack() as stack:
        if resumed is None:
            folder = stack.enter_context(new_run(out, "tune", source.stem))
            write_bytes(folder / BASE, toml.write(base).encode())
            _check(folder / BASE, asked, request_of)
            write_bytes(folder / TUNE, toml.write(table).encode())
        else:
            folder = resumed
            stack.enter_context(locked_run(folder))
            _check_same(folder, table)
        study = _study(folder, asked)
        try:
            _search(study, asked, folder, quiet, request_of)
        except KeyboardInterrupt:
            say(f"to resume: {shlex.join(['xpcnn', 'tune', str(folder)])}")
            raise
        finally:
            found = _record(study, asked)
            write_bytes(folder / TRIALS, f"{to_json(found.as_dict(), indent=2)}\n".encode())
        if found.best is None:
            message = f"{folder}: no trial finished"
            raise XpcnnError(hint(message, "wider ranges, or a smaller learning rate"))
        _write_best(folder, prepare(request_of(folder / BASE, found.best.values)))
    return folder, found


def as_dict(folder: Path, found: Search) -> dict[str, Any]:
    """Return what `xpcnn tune --json` prints."""
    best = None if found.best is None else asdict(found.best)
    return {"out": str(folder), "config": str(folder / BEST), "best": best, **found.as_dict()}


def as_words(folder: Path, found: Search) -> str:
    """Return the trials in words, the best first, and commands that go on from them."""
    from xpcnn.runs.comparison import shown, table

    keys = list(found.ranges)
    rows = [("trial", "state", found.metric, "epochs", *keys)]
    for trial in found.ranked:
        value = "-" if trial.value is None else f"{trial.value:.4f}"
        values = [shown(trial.values.get(key, "-")) for key in keys]
        rows.append((str(trial.trial), trial.state, value, str(trial.epochs), *values))
    train = shlex.join(["xpcnn", "train", "--config", str(folder / BEST)])
    report = shlex.join(["xpcnn", "report", str(folder)])
    return "\n".join([*table(rows), f"to train with the best: {train}", f"report: {report}"])


class _Pruning(Callback):
    """Reports the figure of every epoch, and stops a trial that is behind others before its end."""

    def __init__(self, trial: optuna.Trial, metric: str) -> None:
        self.trial, self.metric = trial, metric
        self.epochs, self.pruned, self.total = 0, False, 0

    def on_start(self, history: History, done: int, total: int) -> None:
        self.total = total

    def on_validation(self, record: Validation) -> None:
        if not record.ends_epoch:
            return
        self.epochs += 1
        self.trial.set_user_attr("epochs", self.epochs)
        value = record.figure(self.metric)
        self.trial.report(math.nan if value is None else value, self.epochs)
        if record.step < self.total and self.trial.should_prune():
            self.pruned = True
            raise StopTraining


def _study(folder: Path, asked: Tune) -> optuna.Study:
    """Open the study of a folder; what is drawn next depends on the seed and the trials so far."""
    storage = f"sqlite:///{(folder / DATABASE).absolute()}"
    study = optuna.create_study(
        storage=storage,
        study_name="xpcnn",
        direction="minimize" if asked.metric in LOWER else "maximize",
        pruner=optuna.pruners.SuccessiveHalvingPruner(1, REDUCTION),
        load_if_exists=True,
    )
    study.sampler = optuna.samplers.TPESampler(seed=asked.seed + len(study.trials))
    return study


def _search(
    study: optuna.Study, asked: Tune, folder: Path, quiet: bool, request_of: Requests
) -> None:
    """Run the trials that are missing; interrupted ones do not count."""

    def run(trial: optuna.Trial) -> float:
        values = {key: _suggested(trial, key, choice) for key, choice in asked.ranges.items()}
        start = time.perf_counter()
        pruning = _Pruning(trial, asked.metric)
        try:
            plan = prepare(request_of(folder / BASE, values))
            with numpy.errstate(all="ignore"):  # fit reports where training diverges
                history = plan.model.fit(
                    plan.train,
                    plan.settings.training,
                    validation=plan.validation,
                    callbacks=[pruning],
                    progress=False,
                    health=False,
                )
            value = _figure(history, plan.settings.training, asked.metric)
        except XpcnnError as error:
            reason = str(error).partition("\n")[0]
            trial.set_user_attr("error", reason)
            say(f"trial {trial.number}: failed: {reason}", quiet)
            raise
        seconds = time.perf_counter() - start
        trial.set_user_attr("seconds", seconds)
        state = "pruned" if pruning.pruned else f"{asked.metric} {value:.4f}"
        epochs = counted(len(history), "epoch")
        say(f"trial {trial.number}: {state} after {epochs}, {seconds:.1f} s", quiet)
        if pruning.pruned:
            raise optuna.TrialPruned
        return value

    over = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
    done = [t for t in study.trials if t.state in over or "error" in t.user_attrs]
    if len(done) < asked.trials:
        study.optimize(run, n_trials=asked.trials - len(done), catch=(XpcnnError,))


def _figure(history: History, training: TrainingOptions, metric: str) -> float:
    """Return a figure of the weights that a trial ended with: its best ones, or the last.

    Raises:
        XpcnnError: it is no finite number.
    """
    best = history.best(training.monitor) if training.best_kept else -1
    value = None if best is None else history.validations[best].figure(metric)
    if value is None:
        message = f"{metric} is not a finite number"
        raise XpcnnError(hint(message, "a larger validation part, or a smaller learning rate"))
    return value


def _suggested(trial: optuna.Trial, key: str, choice: Range) -> Any:
    if choice.values:
        return trial.suggest_categorical(key, choice.values)
    assert choice.low is not None
    assert choice.high is not None
    if choice.is_whole:
        low, high, step = int(choice.low), int(choice.high), int(choice.step or 1)
        return trial.suggest_int(key, low, high, step=step, log=choice.log)
    return trial.suggest_float(key, choice.low, choice.high, step=choice.step, log=choice.log)


def _check(base: Path, asked: Tune, request_of: Requests) -> None:
    """Prepare a run with the first value of every range: rejects keys and data that are wrong."""
    first = {key: r.values[0] if r.values else r.low for key, r in asked.ranges.items()}
    try:
        plan = prepare(request_of(base, first))
        if plan.validation is None:
            message = f"there is nothing to validate on, and {asked.metric} decides"
            raise ConfigError(hint(message, "validation = 0.1"))
        training, task, advice = plan.settings.training, plan.model.task, 'metric = "val_loss"'
        check_figure("tune.metric", asked.metric, training, task, advice)
    except XpcnnError:
        base.unlink()
        raise


def _check_same(folder: Path, table: Mapping[str, Any]) -> None:
    """Require the file that the search was begun with; it may ask for another number of trials."""

    def without_trials(full: Mapping[str, Any]) -> dict[str, Any]:
        return {**full, "tune": {k: v for k, v in full["tune"].items() if k != "trials"}}

    before = toml.parse(toml.read(folder / TUNE))
    if without_trials(before) != without_trials(table):
        message = f"{folder} is the search of another file: its {TUNE} differs in more than trials"
        raise ConfigError(hint(message, "--out with a new name"))


def _resumed(file: Path, out: str | None) -> Path | None:
    """Return the folder of a search to resume; None for a new one."""
    for folder in (file, None if out is None else Path(out)):
        if folder is not None and os.path.isfile(folder / TUNE):
            return folder
    return None


def _with_absolute_paths(table: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return the table with paths that hold from any folder."""
    changed = dict(table)
    for name in ("model", "init"):  # from the folder of the file, as `train --config` reads them
        value = table.get(name)
        if isinstance(value, str) and (name == "init" or value.endswith(".toml")):
            changed[name] = str((folder / value).absolute())
    for name in ("dataset", "data-dir", "validation"):
        value = table.get(name)
        if isinstance(value, str) and (name != "dataset" or data.is_path(value)):
            changed[name] = str(Path(os.path.expanduser(value)).absolute())
    return changed


def _write_best(folder: Path, plan: Plan) -> None:
    """Write the run of the best trial, as `train --config` takes it."""
    config = {**plan.config, "model": BEST_MODEL}
    if plan.init is not None:
        write_bytes(folder / INIT, plan.init.read_bytes())
    write_bytes(folder / BEST_MODEL, plan.settings.preset.source.encode())
    write_bytes(folder / BEST, toml.write(config).encode())


def _record(study: optuna.Study, asked: Tune) -> Search:
    """Return the trials so far."""
    ranges = {
        key: {name: x for name, x in asdict(choice).items() if x not in (None, False, ())}
        for key, choice in asked.ranges.items()
    }
    return Search(asked.metric, ranges, tuple(map(_trial, study.trials)))


def _trial(trial: Any) -> Trial:
    """Return a trial as plain values; pruned ones have the value of their last epoch."""
    curve = [trial.intermediate_values[epoch] for epoch in sorted(trial.intermediate_values)]
    value = trial.value if trial.value is not None or not curve else curve[-1]
    return Trial(
        trial.number,
        trial.state.name.lower(),
        value,
        trial.user_attrs.get("epochs", 0),
        trial.user_attrs.get("seconds"),
        trial.user_attrs.get("error"),
        json.loads(json.dumps(trial.params)),
        tuple(curve),
    )
