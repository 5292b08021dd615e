"""`xpcnn resume`: continue a run, interrupted or finished, to the same last bit."""

import shlex
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from xpcnn.cli.flag_parsing import whole_or_none
from xpcnn.cli.options import Option, engine_option, processes_option


@click.command("resume")
@click.argument("run", metavar="RUN")
@click.option(
    "--epochs",
    type=int,
    help="Epochs of the whole run, including those done: continues a finished run.",
)
@click.option(
    "--max-steps",
    type=whole_or_none,
    metavar="NUMBER|none",
    help="New limit on the updates of the whole run, or none: continues a run that it has ended.",
)
@click.option("--max-seconds", type=float, help="New limit on the time of the whole run.")
@processes_option
@engine_option
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON on stdout.")
@click.pass_context
def command(
    context: click.Context,
    run: str,
    epochs: int | None,
    max_steps: int | str | None,
    max_seconds: float | None,
    processes: int | None,
    engine: str | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Continue a run from its newest checkpoint.

    A run without a checkpoint begins again. RUN is the folder of a run, or of a cross-validation
    with all its folds. Everything is as its config.toml says; environment variables are ignored.
    The run ends as it would have without the interruption: same weights, same figures.

    With --epochs, a finished run is continued to that many epochs, with --max-steps to that many
    updates, and ends as if started with that number. That needs a schedule that does not depend on
    it, such as constant; with another one, use `xpcnn train --init RUN`.
    """
    from xpcnn.cli.commands.train import command as train_command
    from xpcnn.cli.error_text import flags_in_errors
    from xpcnn.cli.folds import cross_validate, is_cross_validation
    from xpcnn.cli.job import train
    from xpcnn.cli.output import answer, to_json
    from xpcnn.cli.processes import launch
    from xpcnn.cli.request import Request
    from xpcnn.cli.run_folder import locked_run
    from xpcnn.engines import group as group_of
    from xpcnn.process_group import by_all, by_first
    from xpcnn.runs.record import CONFIG, check_run

    if processes is not None:
        launch(processes, engine)
    group = group_of(engine)
    folder = by_all(group, lambda: check_run(Path(run)))
    if by_all(group, lambda: _is_done(folder, epochs, max_steps, max_seconds, quiet, as_json)):
        return
    context.meta[Option.RECORDED] = True
    given = ["--config", str(folder / CONFIG)]
    if max_seconds is not None:
        given += ["--max-seconds", str(max_seconds)]
    if max_steps is not None:
        given += ["--max-steps", str(max_steps)]
    if engine is not None:
        given += ["--engine", engine]
    if quiet:
        given += ["--quiet"]
    if epochs is not None:
        given += ["--epochs", str(epochs)]
    with train_command.make_context("train", given, parent=context) as inner:
        request = Request(inner)
    all_folds = is_cross_validation(request.flags)
    if all_folds and any(limit is not None for limit in (epochs, max_steps, max_seconds)):
        _reject_other_length(folder)
    with ExitStack() as stack, flags_in_errors(inner, request.wheres):
        by_first(group, lambda: stack.enter_context(locked_run(folder)))
        result = (cross_validate if all_folds else train)(request, resumed=folder)
    if as_json:
        answer(to_json(result))


def _is_done(
    folder: Path,
    epochs: int | None,
    max_steps: int | str | None,
    max_seconds: float | None,
    quiet: bool,
    as_json: bool,
) -> bool:
    """Whether a run is finished, and is not to become longer; if so, give its figures.

    Raises:
        ConfigError: it is finished, and its config.toml was changed, or it cannot become longer.
    """
    from xpcnn.cli.output import answer, say, to_json
    from xpcnn.cli.run_record import outcome
    from xpcnn.config import toml
    from xpcnn.runs.record import CONFIG

    ended = outcome(folder)
    if ended is None or not (epochs is None or epochs >= 1):  # `train` rejects other numbers
        return False
    config = toml.parse(toml.read(folder / CONFIG))
    _check_unchanged(folder, ended.config, config)
    longer = (epochs or _epochs(config)) != _epochs(ended.config) or max_steps is not None
    out_of_time = str(ended.stopped).endswith("seconds are over")
    more_time = out_of_time and max_seconds is not None
    if longer and ended.stopped is not None and not more_time:
        _reject_longer(folder, ended.stopped, out_of_time)
    if longer or more_time:
        return False
    figure = "accuracy" if "accuracy" in ended.test else "loss"
    say(f"{folder} is finished: test {figure} {ended.test[figure]:.4f}", quiet)
    if out_of_time:
        say(f"it {ended.stopped}; to resume: a larger --max-seconds", quiet)
    if as_json:
        answer(to_json({"run_dir": str(folder), "test": ended.test}))
    return True


def _epochs(config: Mapping[str, Any]) -> Any:
    """Return the number of epochs in the table of a config.toml, under either of its names."""
    training = config.get("training")
    inner = training.get("epochs") if isinstance(training, dict) else None
    return config.get("epochs", inner)


_LENGTHS = ("epochs", "max-steps", "max-seconds")
_MAY_CHANGE = (*_LENGTHS, *(f"training.{name.replace('-', '_')}" for name in _LENGTHS))


def _check_unchanged(folder: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Require of a finished run that its config.toml is unchanged, except for its length.

    Raises:
        ConfigError: another value was changed; names each.
    """
    from xpcnn.errors import ConfigError, hint

    old, new = dict(_leaves(before)), dict(_leaves(now))
    changed = [
        f"{key} was {old.get(key, 'not given')} and is now {new.get(key, 'not given')}"
        for key in sorted({*old, *new} - {*_MAY_CHANGE})
        if old.get(key) != new.get(key)
    ]
    if changed:
        message = f"{folder} is finished, and its config.toml was changed: {'; '.join(changed)}"
        again = shlex.join(["xpcnn", "train", "--config", str(folder / "config.toml")])
        raise ConfigError(hint(message, f"a new run: {again}"))


def _leaves(table: Mapping[str, Any], at: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the values of nested tables by their path."""
    for key, value in table.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{at}{key}.")
        else:
            yield f"{at}{key}", value


def _reject_other_length(folder: Path) -> None:
    """Say that the folds of a cross-validation are of one length."""
    from xpcnn.errors import ConfigError, hint

    message = f"{folder} is a cross-validation, whose folds all have the same epochs and limits"
    raise ConfigError(hint(message, "a new one: xpcnn train --folds ... with --out"))


def _reject_longer(folder: Path, stopped: str, out_of_time: bool) -> None:
    """Say why more epochs change nothing about a run that stopped early."""
    from xpcnn.errors import ConfigError, hint

    again = shlex.join(["xpcnn", "train", "--init", str(folder)])
    more_time = "--max-seconds too, with more seconds than before; or " if out_of_time else ""
    message = f"{folder} {stopped}: it would stop there with more epochs too"
    raise ConfigError(hint(message, f"{more_time}a new run from its weights: {again}"))
