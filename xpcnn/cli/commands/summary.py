"""`xpcnn summary`: what a network is made of and what it costs."""

import click

from xpcnn.cli.flag_parsing import sizes
from xpcnn.cli.options import json_option, option


@click.command("summary")
@click.argument("model", metavar="PRESET|FILE|RUN")
@option(
    "--batch-size",
    type=click.IntRange(min=1),
    default=64,
    text="Samples in the batch whose memory is counted; by default 64.",
)
@option("--input-shape", metavar="C,H,W", text="Override the shape of a sample.")
@json_option
def command(model: str, batch_size: int, input_shape: str | None, as_json: bool) -> None:
    """Show layers, shapes, parameters, multiply-adds and memory.

    The network is that of a preset (its name or a .toml file), of a model file (.safetensors), or
    of a run folder.
    """
    from xpcnn.cli.model_opening import network
    from xpcnn.cli.output import answer, to_json
    from xpcnn.summary import summarize

    layers, shape, itemsize = network(model, None if input_shape is None else sizes(input_shape))
    found = summarize(layers, shape, batch_size, itemsize)
    answer(to_json(found.as_dict()) if as_json else str(found))
