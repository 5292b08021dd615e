"""Flags that commands share, each with its environment variable. Fast to import: only click is."""

from collections.abc import Callable
from typing import Any, TypeAlias

import click
from click.core import ParameterSource

from xpcnn.cli.flag_parsing import yes_or_no

Decorator: TypeAlias = Callable[[Any], Any]


class Option(click.Option):
    """A flag of a command.

    key: its long name, without dashes.
    target: the name of its value in Python.
    at: the path in a preset that it sets, as keys; empty for none.
    parse: a function from its value to the one at that path; None for the value itself.
    called: its name in the library's errors.
    """

    RECORDED = "xpcnn.recorded"
    """Key in the meta of the click context: whether variables are ignored (`resume`, `tune`)."""

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        return None if ctx.meta.get(self.RECORDED) else super().resolve_envvar_value(ctx)

    def __init__(
        self,
        *args: Any,
        at: str = "",
        parse: Callable[[Any], Any] | None = None,
        called: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.at = tuple(at.split(".")) if at else ()
        self.parse = parse
        self.key = self.opts[-1].removeprefix("--")
        self.target = str(self.name)
        self.called = called or self.target

    def get_error_hint(self, ctx: click.Context | None) -> str:
        """Return the flag as an error names it, with the variable if the value is from there."""
        flag = super().get_error_hint(ctx)
        source = None if ctx is None else ctx.get_parameter_source(self.target)
        return f"{flag} (from {self.envvar})" if source is ParameterSource.ENVIRONMENT else flag


def option(flag: str, *target: str, text: str, **attributes: Any) -> Decorator:
    """Return the option `--flag` with the variable XPCNN_FLAG; None where neither is given."""
    variable = f"XPCNN_{flag.lstrip('-').replace('-', '_').upper()}"
    return click.option(flag, *target, cls=Option, envvar=variable, help=text, **attributes)


def together(*options: Decorator) -> Decorator:
    """Return options as one decorator; help shows them in this order."""

    def add(command: Any) -> Any:
        for decorate in reversed(options):
            command = decorate(command)
        return command

    return add


def params(*options: Decorator) -> list[Option]:
    """Return options as the parameters of a click command."""

    def carrier() -> None:
        """Click keeps parameters at the function."""

    together(*options)(carrier)
    found: list[Option] = carrier.__click_params__[::-1]  # type: ignore[attr-defined]
    return found


def reject_given(*targets: str, why: str) -> None:
    """Reject flags that would do nothing in the command that runs; variables may name them.

    targets: names of their values in Python. why: how the error goes on after the flag.

    Raises:
        click.UsageError: one is given on the command line.
    """
    context = click.get_current_context()
    for given in context.command.params:
        source = context.get_parameter_source(str(given.name))
        if given.name in targets and source is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{given.opts[-1]} {why}")


engine_option = option(
    "--engine",
    metavar="[mpi|torch|none]",
    text="What connects processes that train together: mpi, started by mpiexec or srun; torch, "
    "started by torchrun; none if each process of a launcher is to train alone.",
)
processes_option = option(
    "--processes",
    type=int,
    text="Start this many processes on this machine, which share each batch: by mpiexec, or by "
    "torchrun if --engine is torch.",
)
json_option = option(
    "--json",
    "as_json",
    is_flag=True,
    text="Print the result as JSON on stdout, nothing else.",
)
quiet_option = option("--quiet", is_flag=True, text="Print nothing but errors.")
backend_option = option(
    "--backend",
    default="numpy",
    metavar="[numpy|cupy|torch|array_api_strict]",
    text="Array library; numpy by default.",
)
device_option = option("--device", text="Device of the library: 0, 1, cpu, cuda, mps.")
tf32_option = option(
    "--tf32",
    is_flag=True,
    default=None,
    text="Let the GPU compute products of float32 in TF32: the factors are rounded to 11 bits. For "
    "cupy, and torch on cuda; off by default. No GPU has run it yet.",
)
dataset_option = option(
    "--dataset",
    metavar="NAME|PATH",
    text="Data set: digits, mnist, fashion-mnist, kmnist, cifar10 or cifar100; or one of your own: "
    "a folder of pictures by class, or one that xpcnn pack wrote; a CSV file of labels and pixels, "
    "or of names of pictures and their labels; a .npz file; IDX files; a tar shard (webdataset) or "
    "a Parquet file (Hugging Face), or a folder of them.",
)
data_dir_option = option(
    "--data-dir",
    metavar="FOLDER",
    text="Folder of the data set's files; by default they are downloaded into the cache.",
)
part_option = option(
    "--part",
    type=click.Choice(["test", "validation", "train", "all"]),
    text="Part of the data set: test, validation (what the run validated on), train (what it "
    "trained and validated on) or all. By default the test part; of a file or folder that the "
    "model was not trained on, all.",
)
data_options = together(dataset_option, data_dir_option, part_option)
library_options = together(backend_option, device_option, tf32_option)
label_column_option = option(
    "--label-column",
    metavar="NAME|NUMBER",
    text="Column of a CSV or Parquet file that holds the labels, by its name or its number, "
    "counted from 1, or -1 for the last; in tar shards, a key of KEY.json. Required if the file "
    "does not show which one it is. Several columns, such as sky,sea,people, hold several labels "
    "for each image, each 0 or 1, or several numbers.",
)
task_option = option(
    "--task",
    metavar="[classification|multi-label|regression]",
    text="What CSV, .npz and Parquet files and tar shards give for each image: one class; several "
    "labels, each 0 or 1; or numbers to estimate. By default one column holds classes, and several "
    "columns hold labels.",
)
skip_damaged_option = option(
    "--skip-damaged",
    is_flag=True,
    default=None,
    text="Leave out pictures that cannot be read. Without this flag, an error names them.",
)


stream_option = option(
    "--stream",
    metavar="yes|no",
    parse=yes_or_no,
    text="Whether pictures of a folder, or images of an uncompressed .npz file, stay on disk and "
    "are read batch by batch. By default they do if they would take more than 2 GiB of memory.",
)
views_option = option(
    "--views",
    default="identity",
    show_default=True,
    text="Views of each image whose probabilities are averaged: identity,flip adds its mirror "
    "image.",
)
