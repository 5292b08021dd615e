"""`xpcnn parity`: whether array libraries compute the same for a network."""

import click

from xpcnn.cli.flag_parsing import listed
from xpcnn.cli.options import json_option, option


@click.command("parity")
@click.argument("model", metavar="PRESET|FILE|RUN")
@option(
    "--backends",
    default="numpy,torch",
    show_default=True,
    metavar="NAME,NAME,...",
    text="Array libraries; the others are compared with the first: numpy, cupy, torch, "
    "array_api_strict.",
)
@option(
    "--batch-size", type=click.IntRange(min=1), default=8, text="Samples in a batch; by default 8."
)
@option("--seed", type=int, default=0, text="Seed of samples, labels and new parameters.")
@json_option
@click.pass_context
def command(
    ctx: click.Context, model: str, backends: str, batch_size: int, seed: int, as_json: bool
) -> None:
    """Compare backends layer by layer, and over three training steps.

    Takes a preset, by name or by its file (.toml), a model file (.safetensors) or a run folder, and
    random samples. Every result, forward and backward, is computed in float64 and in float32 and
    compared with that of the first backend in float64. The first result that differs by more than
    rounding can explain is named, with the difference and the bound. The exit code is 0 if all
    agree, and 1 if one differs or a backend cannot be used here.
    """
    from xpcnn.cli.model_opening import model_and_training
    from xpcnn.cli.output import answer, to_json
    from xpcnn.diagnostics import check_parity

    opened, training = model_and_training(model, seed)
    found = check_parity(opened, listed(backends), options=training, batch=batch_size, seed=seed)
    answer(to_json(found.as_dict()) if as_json else str(found))
    ctx.exit(0 if found.agrees else 1)
