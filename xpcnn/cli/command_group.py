"""`xpcnn` itself: finds the commands, and turns what goes wrong into one line and an exit code.

0 done, 1 rejected or failed, 2 wrong usage, 130 after Ctrl-C, 143 after SIGTERM, 129 after
SIGHUP. A traceback is shown only with -v.
"""

import difflib
import errno
import os
import re
import signal
import sys
import traceback
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from typing import Any, NoReturn

import click

from xpcnn import foreign_names
from xpcnn.cli.error_text import near
from xpcnn.cli.output import data_warnings, say
from xpcnn.engines import opened_group
from xpcnn.errors import XpcnnError, nearest
from xpcnn.process_group import is_shared
from xpcnn.signals import Terminated, interruptible
from xpcnn.startup_signals import WORDS
from xpcnn.version import VERSION

COMMANDS = {
    "train": "xpcnn.cli.job",
    "resume": "xpcnn.cli.job",
    "evaluate": "xpcnn.cli.model_opening",
    "predict": "xpcnn.cli.predictions",
    "summary": "xpcnn.cli.model_opening",
    "replay": "xpcnn.training",
    "report": "xpcnn.cli.reporting",
    "show": "xpcnn.report.sheet",
    "explain": "xpcnn.cli.explained_sample",
    "demo": "xpcnn.cli.model_opening",
    "parity": "xpcnn.diagnostics",
    "tune": "xpcnn.cli.run_plan",
    "pack": "xpcnn.io.packing",
    "diff": "xpcnn.runs",
    "card": "xpcnn.runs",
    "export": "xpcnn.exchange",
    "import": "xpcnn.exchange",
    "info": "xpcnn.environment",
    "bench": "xpcnn.benchmark",
}
"""By name: the module that does the work, imported before it begins; see `_interruptible`."""

OTHER_VARIABLES = (
    *("XPCNN_NUM_THREADS", "XPCNN_COMPILER", "XPCNN_MARCH", "XPCNN_CUDA_KERNELS"),
    *("XPCNN_KERNELS", "XPCNN_WINOGRAD", "XPCNN_READ_THREADS"),
    *("XPCNN_TIMEOUT", "XPCNN_OVERLAP", "XPCNN_CONFORMANCE_FIGURES", "XPCNN_TEST_DATA"),
)
"""Environment variables without a flag: of NumPy's and CuPy's kernels, of the engines, and two that
the tests read."""

_VERBOSE = "xpcnn.verbose"  # key in the meta of the click context, which all commands share


def _note(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        ctx.meta[_VERBOSE] = True


def verbose_option() -> click.Option:
    """Return -v, which the group and every command take."""
    return click.Option(
        ["-v", "--verbose"],
        is_flag=True,
        envvar="XPCNN_VERBOSE",
        expose_value=False,
        is_eager=True,
        callback=_note,
        help="Show the full traceback of an error.",
    )


class Commands(click.Group):
    """The commands, each imported from its file when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"xpcnn.cli.commands.{cmd_name}").command
        if not any(param.name == "verbose" for param in command.params):
            command.params.append(verbose_option())
            assert command.callback is not None
            command.callback = _interruptible(command.callback, COMMANDS[cmd_name])
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            advice = nearest(args[0], COMMANDS)
            if same := foreign_names.COMMANDS.get(args[0]):
                asked = args[1:2] if same == "--help" and args[1:2] != ["help"] else []
                advice = " ".join(["xpcnn", *asked, same])
            ctx.fail(f"no such command {args[0]!r}. Try: {advice}")
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse arguments, with the home folder for ~, which shells leave in --out=~/runs."""
        return super().parse_args(ctx, [_with_home(arg) for arg in args])

    def _warn_of_variables(self, ctx: click.Context) -> None:
        """Warn of every variable XPCNN_... that stands for no flag of any command."""
        given = {name for name in os.environ if name.startswith("XPCNN_")} - {*OTHER_VARIABLES}
        if not given:
            return  # the files of the other commands need not be read
        commands = [self.get_command(ctx, name) for name in COMMANDS]
        params = [param for command in commands if command for param in command.params]
        known = {*OTHER_VARIABLES, *(str(param.envvar) for param in params if param.envvar)}
        for name in sorted(given - known):
            say(f"warning: environment variable {name} is unknown and has no effect")
            say(f"Try: {near(name, known, 'XPCNN_')}")

    def invoke(self, ctx: click.Context) -> Any:
        try:
            self._warn_of_variables(ctx)
            with data_warnings():
                return super().invoke(ctx)
        except KeyboardInterrupt as error:
            number = error.number if isinstance(error, Terminated) else signal.SIGINT
            _end(ctx, WORDS[number], 128 + number)
        except click.NoSuchOption as error:
            raise _explained(error) from None
        except (click.ClickException, click.exceptions.Exit):
            raise
        except XpcnnError as error:
            _end(ctx, f"error: {error}", 1)
        except MemoryError as error:
            reason = f"not enough memory: {str(error) or 'an allocation failed'}"
            command = self.get_command(ctx, ctx.invoked_subcommand or "")
            _end(ctx, f"error: {reason}\nTry: {_less_memory(command)}", 1)
        except PermissionError as error:
            reason = str(error).removeprefix(f"[Errno {error.errno}] ")
            _end(ctx, f"error: {reason}\nTry: another path, or ask who may read and write there", 1)
        except Exception as error:  # the edge of the program: whatever is left is a defect
            if isinstance(error, OSError) and error.errno == errno.EPIPE:
                raise  # the reader of a pipe has gone; click ends quietly
            package = error.name if isinstance(error, ModuleNotFoundError) else None
            if package is not None and not package.startswith("xpcnn"):
                reason = f"the package {package} is not installed for {sys.executable}"
                advice = "the Python in which xpcnn is installed, or pip install -e . in a checkout"
                _end(ctx, f"error: {reason}\nTry: {advice}", 1)
            text = str(error).partition("\n")[0]
            advice = "" if _VERBOSE in ctx.meta else "\nTry: the same with -v, for a full report"
            _end(ctx, f"error: unexpected {type(error).__name__}: {text}{advice}", 1)


def _less_memory(command: click.Command | None) -> str:
    """Return advice for a command that memory did not suffice for, by the flags that it has."""
    ways = {
        "--batch-size": "a smaller --batch-size",
        "--image-size": "a smaller --image-size",
        "--stream": "--stream yes, which leaves pictures on disk",
        "--rows": "fewer --rows",
    }
    flags = {flag for param in command.params for flag in param.opts} if command else set()
    found = [way for flag, way in ways.items() if flag in flags]
    return "; or ".join(found) or "less data at once, or a machine with more memory"


def _explained(error: click.NoSuchOption) -> click.NoSuchOption:
    """Return the error of an unknown flag, with what may be meant: a file of the current folder
    whose name begins like it (-4.jpg), or what to write for a flag of other programs (--lr for
    --learning-rate).
    """
    assert error.ctx is not None
    for file in sorted(os.listdir()):
        if file.startswith(error.option_name):
            message = f"No such option {error.option_name!r}. Did you mean the file './{file}'?"
            return click.NoSuchOption(error.option_name, message, ctx=error.ctx)
    flags = {flag for param in error.ctx.command.params for flag in param.opts}
    name = error.option_name.lstrip("-").replace("-", "_").lower()
    same = [f"--{known}".replace("_", "-") for known in (name, *foreign_names.SAME.get(name, ()))]
    meant = [flag for flag in same if flag in flags]
    known = foreign_names.FLAGS.get(name, "")
    if known and (not known.startswith("--") or known.partition(" ")[0] in flags):
        meant.append(known)
    if not meant:
        meant = [
            f"{error.ctx.command_path} {argument.make_metavar(error.ctx)}, without a flag"
            for argument in error.ctx.command.params
            if isinstance(argument, click.Argument) and name in _named(argument)
        ]
    if meant:
        message = f"No such option {error.option_name!r}. Try: {meant[0]}"
        return click.NoSuchOption(error.option_name, message, ctx=error.ctx)
    # click compares names with their hyphens, by which short ones are all alike
    ends = [flag.removeprefix("--") for flag in flags if flag.startswith("--")]
    close = [f"--{end}" for end in difflib.get_close_matches(name.replace("_", "-"), ends)]
    return click.NoSuchOption(error.option_name, possibilities=close, ctx=error.ctx)


def _named(argument: click.Argument) -> set[str]:
    """Return the flags by which people may give an argument: a preset or a run also as --model."""
    words = {*re.findall(r"[a-z]+", str(argument.metavar).lower())}
    return words | ({"model"} if words & {"preset", "run"} else set())


def _with_home(argument: str) -> str:
    """Return ~/runs and --out=~/runs with the home folder."""
    found = re.match(r"(--[a-z-]+=|)(~/.*)", argument, re.DOTALL)
    return found[1] + os.path.expanduser(found[2]) if found else argument


def _interruptible(callback: Callable[..., Any], module: str) -> Callable[..., Any]:
    """Return a command that a signal interrupts once its module is imported.

    Before that a signal ends the process at once (see `__main__`): an exception in the middle of an
    import can be turned into another one, or get lost.
    """

    @wraps(callback)
    def call(*args: Any, **kwargs: Any) -> Any:
        import_module(module)
        with interruptible():
            return callback(*args, **kwargs)

    return call


def _end(ctx: click.Context, message: str, code: int) -> NoReturn:
    """Say why the command ends, and end it; of several processes, all."""
    group = opened_group()
    reported_by_first = code > 128 or is_shared(sys.exception())
    if group.rank > 0 and reported_by_first:
        ctx.exit(code)
    if _VERBOSE in ctx.meta:
        click.echo(traceback.format_exc(), err=True, nl=False)
    own = group.size > 1 and not reported_by_first
    click.echo(f"process {group.rank}: {message}" if own else message, err=True)
    if own:
        group.abort(code)  # the others wait for this one
    ctx.exit(code)


@click.command(cls=Commands, params=[verbose_option()], context_settings={"max_content_width": 120})
@click.version_option(VERSION, prog_name="xpcnn")
def cli() -> None:
    """Train and run convolutional networks on NumPy, CuPy and other array libraries.

    `xpcnn train` trains on embedded data, with no flag, no network and no GPU.

    Every long flag of a command is also an environment variable: XPCNN_BATCH_SIZE=32 is
    --batch-size 32. `train --set` overrides a flag, a flag its variable, a variable the file of
    `train --config`, and the file the preset.
    """
