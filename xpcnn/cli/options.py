"""Flags that commands share, each with its environment variable. Imports nothing but click."""

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

import click
from click.core import ParameterSource

Decorator: TypeAlias = Callable[[Any], Any]
N = TypeVar("N", int, float)


NONE = "none"
"""What flags and files say for no value, where a preset may set one."""


class Option(click.Option):
    """A flag: `key` is its long name, `target` the name of its value.

    at: the path in a preset that it stands for; parse: from its value to the one there; called:
    its name in the library's errors, where that is another.
    """

    RECORDED = "xpcnn.recorded"
    """Key in the meta of the click context: variables are not read, a run's file says all."""

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


def fraction_or_path(value: str) -> float | str:
    """Return a number such as 0.1, or else the path as it is."""
    try:
        return float(value)
    except ValueError:
        return value


def constant_for_none(name: str) -> str:
    """Return the name of a schedule; constant for none."""
    return "constant" if name == NONE else name


def whole_or_none(value: str) -> int | str:
    """Return a whole number; none as it is."""
    return NONE if value == NONE else _number(int, value, "a whole number")


def number_or_none(value: str) -> float | str:
    """Return a number; none as it is."""
    return NONE if value == NONE else _number(float, value, "a number")


def _number(kind: type[N], value: str, described: str) -> N:
    try:
        return kind(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is neither {described} nor none") from None


engine_option = option(
    "--engine",
    metavar="[mpi|torch]",
    text="What connects processes that train together: mpi, started by mpiexec or srun; torch, "
    "started by torchrun.",
)
processes_option = option(
    "--processes",
    type=int,
    text="Start this many processes on this machine, which share each batch: with mpiexec, or with "
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
    text="Part of the data set: test, validation (what the run validated on), train (with the "
    "validation samples) or all. By default the test part; of a file or folder that the model was "
    "not trained on, all.",
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


def yes_or_no(value: str) -> str:
    """Return yes or no as it is."""
    if value not in ("yes", "no"):
        raise click.BadParameter(f"--stream is yes or no, got {value!r}")
    return value


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


def device_name(device: str | None) -> str | int | None:
    """Return a device as backends take it: a number where it is one."""
    return int(device) if device is not None and device.isdecimal() else device


def image_size(text: str | None) -> tuple[int, int] | None:
    """Return height and width as in 28,28."""
    if text is None:
        return None
    parts = text.split(",")
    if len(parts) != 2 or not all(part.strip().isdecimal() for part in parts):
        message = f"--image-size {text}: expected a height and a width such as 28,28"
        raise click.BadParameter(message)
    return int(parts[0]), int(parts[1])


def sizes(text: str, what: str = "sizes such as 3,32,32") -> tuple[int, ...]:
    """Return the whole numbers of a list such as 3,32,32; `what` they are, for the error."""
    parts = text.split(",")
    if not all(part.strip().isdecimal() for part in parts):
        raise click.BadParameter(f"{text!r} is not a list of {what}")
    return tuple(map(int, parts))


def numbers(text: str) -> tuple[float, ...]:
    """Return the numbers of a list such as 0.5,1."""
    try:
        return tuple(map(float, text.split(",")))
    except ValueError:
        raise click.BadParameter(f"{text!r} is not a list of numbers such as 0.5,1") from None


def listed(text: str) -> list[str]:
    """Return the parts of a list such as layers.0.*,*.bias; none for none."""
    parts = [part.strip() for part in text.split(",")]
    if parts == ["none"]:
        return []
    if "none" in parts:
        raise click.BadParameter(f"{text!r}: none cannot be combined with others")
    return parts


def length(value: float) -> int | float:
    """Return a whole number of steps, or a fraction of all of them."""
    return int(value) if value.is_integer() else value


def tables(text: str) -> list[dict[str, str]]:
    """Return a table for each name of a list such as flip,crop; none for none."""
    return [{"name": name} for name in listed(text)]


_LOSSES = {
    "cross-entropy": "SoftmaxCrossEntropy",
    "bce": "BCEWithLogits",
    "focal": "Focal",
    "mse": "MSE",
    "l1": "L1",
    "huber": "Huber",
}


def loss_type(name: str) -> str:
    """Return the type of a loss that files name, by its short name."""
    if name.lower() not in _LOSSES:
        raise click.BadParameter(f"--loss {name} is none of {', '.join(_LOSSES)}")
    return _LOSSES[name.lower()]


def thresholds(text: str) -> str:
    """Return best, or a list of numbers such as 0.5,0.3, as it is."""
    if text != "best":
        numbers(text)
    return text


def weights(text: str) -> str | list[float]:
    """Return balanced as it is, or the numbers of a list such as 1,5,2."""
    if text == "balanced":
        return text
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        message = f"{text!r} is neither balanced nor a list of numbers such as 1,5,2"
        raise click.BadParameter(message) from None


def two_or_more(text: str) -> str:
    """Return a list of classes such as 0,1 as it is."""
    if len({part.strip() for part in text.split(",")}) < 2:
        raise click.BadParameter(f"--classes needs two classes or more, such as 0,1; got {text!r}")
    return text
