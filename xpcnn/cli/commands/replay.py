"""`xpcnn replay`: the step at which a run stopped being finite, once more."""

import os
import shlex
from pathlib import Path

import click

from xpcnn.cli.options import library_options


@click.command("replay")
@click.argument("file", metavar="FILE|RUN")
@library_options
def command(*, file: str, backend: str, device: str | None, tf32: bool | None) -> None:
    """Repeat the update at which training diverged.

    Prints the first tensor that is not finite. FILE is the file that the error named; RUN is the
    folder of the run.
    """
    from xpcnn.cli.model_opening import open_backend
    from xpcnn.cli.output import answer
    from xpcnn.cli.run_folder import CHECKPOINTS
    from xpcnn.errors import CheckpointError, hint
    from xpcnn.training import replay
    from xpcnn.training.saver import NOT_FINITE

    opened = open_backend(backend, device, tf32)
    path = Path(file)
    if os.path.isdir(path):
        path = path / CHECKPOINTS / NOT_FINITE
        if not os.path.exists(path):
            message = f"{file} has no update to repeat: a run that diverges saves it as {path}"
            raise CheckpointError(hint(message, f"xpcnn report {shlex.quote(file)}"))
    found = replay(path, backend=opened)
    answer("here all values of the step are finite" if found is None else found)
