"""`xpcnn train`: data, network, training, test, and a run folder that keeps all of it."""

from typing import Any

import click

from xpcnn.cli.options import (
    backend_option,
    data_dir_option,
    dataset_option,
    device_option,
    json_option,
    option,
    quiet_option,
)


@click.command("train")
@backend_option
@device_option
@dataset_option
@data_dir_option
@option(
    "--image-size",
    metavar="H,W",
    text="Size of images of your own: to bring pictures to that differ; of CSV, if not square.",
)
@option("--limit", type=int, text="At most so many training images.")
@option("--limit-per-class", type=int, text="At most so many training images of each class.")
@option("--classes", metavar="LIST", text="Only these classes, by name or number: 0,1.")
@option(
    "--model",
    metavar="NAME|FILE.toml",
    text="Preset, or a file like one. By the shape of the data: digits for 8x8, small for 28x28, "
    "medium for 32x32 in colour.",
)
@option("--epochs", type=int, text="How often to go through the training images.")
@option("--batch-size", type=int, text="Images in a step.")
@option("--optimizer", text="sgd, momentum, nesterov, adam, adamw, rmsprop or adagrad.")
@option("--lr", type=float, text="Learning rate.")
@option("--momentum", type=float, text="Momentum of sgd and rmsprop.")
@option("--weight-decay", type=float, text="How much each step shrinks the weights.")
@option(
    "--schedule",
    text="Of the learning rate: constant, step, multi-step, exponential, polynomial, cosine, "
    "cosine-restarts or one-cycle.",
)
@option("--clip-norm", type=float, text="Largest global norm of the gradients.")
@option(
    "--augment",
    metavar="LIST",
    text="Random changes of the training images, in turn: flip,crop; none for none.",
)
@option("--seed", type=int, default=0, text="What all that is random depends on: 0.")
@option("--dtype", default="float32", text="float32, or float64 for checking.")
@option(
    "--validation",
    type=float,
    default=0.1,
    text="Part of the training images to validate on: 0.1; 0 for none. Never test images.",
)
@option("--no-preflight", is_flag=True, text="Do not look for what is likely wrong with the data.")
@option("--out", metavar="FOLDER", text="Run folder, a new one; otherwise runs/<time>-...")
@quiet_option
@json_option
def command(
    *, no_preflight: bool, out: str | None, quiet: bool, as_json: bool, **flags: Any
) -> None:
    """Train a network and test it.

    Without flags: the preset `digits` on the embedded digits, on NumPy. What flags leave open, the
    preset decides. The run folder keeps the model, its configuration and the figures of each epoch.
    What is likely wrong with the data is said in warnings, before the first step.
    """
    from xpcnn.cli.output import answer, to_json
    from xpcnn.cli.run import train

    flags["dataset"] = flags["dataset"] or "digits"
    result = train(flags, out, quiet, look=not no_preflight)
    if as_json:
        answer(to_json(result))
