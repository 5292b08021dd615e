"""`xpcnn train`: data, network, training, test, and a run folder that keeps all of it."""

from typing import Any

import click

from xpcnn.cli.grouped import Grouped
from xpcnn.cli.options import (
    backend_option,
    data_dir_option,
    dataset_option,
    device_option,
    fraction_or_path,
    json_option,
    label_column_option,
    length,
    listed,
    number_or_none,
    option,
    quiet_option,
    skip_damaged_option,
    tables,
    two_or_more,
    weights,
    whole_or_none,
)

TRIALS = ("dry_run", "find_lr", "overfit_one_batch")
NOT_OF_THE_RUN = ("out", "quiet", "as_json", "no_preflight", *TRIALS)
"""Flags that no run folder keeps."""


GROUPS = {
    "Data": (
        *("dataset", "data-dir", "validation", "classes", "limit", "limit-per-class"),
        *("image-size", "image-fit", "label-column", "skip-damaged", "augment"),
    ),
    "Network": ("model", "init", "freeze", "dtype"),
    "Training": (
        *("epochs", "batch-size", "drop-last", "optimizer", "lr", "momentum", "weight-decay", "l1"),
        *("schedule", "warmup", "clip-norm", "accumulate", "ema", "label-smoothing"),
        *("class-weights", "seed"),
    ),
    "When to validate and to stop": (
        *("validate-every", "keep-best", "patience", "max-steps", "max-seconds"),
    ),
    "Run and output": (
        *("config", "set", "out", "checkpoint-seconds", "checkpoint-steps", "quiet", "json"),
    ),
    "Array library": ("backend", "device"),
    "Checks": ("no-preflight", "no-health"),
    "Trials, in place of a run": ("dry-run", "find-lr", "overfit-one-batch"),
}
"""How the help shows the flags."""


@click.command("train", cls=Grouped, groups=GROUPS)
@option(
    "--config",
    metavar="FILE.toml",
    text="A file whose keys are these flags, and the tables layers, loss and training of a preset: "
    "config.toml of a run folder repeats the run.",
)
@option(
    "--set",
    multiple=True,
    metavar="KEY=VALUE",
    text="One value of such a file, by its path: training.optimizer.beta2=0.99, epochs=3, "
    "layers.0.filters=8, training.augment.0.pad=2. May be given again.",
)
@backend_option
@device_option
@dataset_option
@data_dir_option
@option(
    "--image-size",
    metavar="H,W",
    text="Size of images of your own: of pictures, by default chosen from them; of CSV, if not "
    "square.",
)
@option(
    "--image-fit",
    metavar="pad|crop",
    text="How pictures are brought to that size: pad keeps them whole, on the colour of their "
    "border (default); crop fills the size and cuts off the rest.",
)
@label_column_option
@skip_damaged_option
@option("--limit", type=int, text="At most this many training images.")
@option("--limit-per-class", type=int, text="At most this many training images of each class.")
@option(
    "--classes",
    metavar="LIST",
    parse=two_or_more,
    text="Only these classes, by name or number: 0,1.",
)
@option(
    "--model",
    metavar="NAME|FILE.toml",
    text="A file, or a preset: digits, kaggle, large, large-bn, lenet5, medium, mnist-best, photo, "
    "resnet20, sigmoid-binary, small, tiny, two-conv, xor. By default, by the shape of the data: "
    "digits for 8x8, small for 28x28, medium for 32x32 in colour, photo for photographs and all "
    "else.",
)
@option(
    "--init",
    metavar="RUN|FILE",
    text="Start from the weights of a run or a model file, where layers have the same path and "
    "shapes. Without --model, from its network too, with a new head for other classes.",
)
@option("--epochs", type=int, at="training.epochs", text="Passes through the training images.")
@option("--batch-size", type=int, at="training.batch_size", text="Images in a batch.")
@option(
    "--drop-last",
    is_flag=True,
    at="training.drop_last",
    text="Leave out the last batch of an epoch where it is short.",
)
@option(
    "--optimizer",
    at="training.optimizer.name",
    metavar="[sgd|momentum|nesterov|adam|adamw|rmsprop|adagrad]",
    text="What updates the weights.",
)
@option("--lr", type=float, at="training.optimizer.lr", text="Learning rate.")
@option(
    "--momentum",
    type=float,
    at="training.optimizer.momentum",
    text="Momentum of sgd and rmsprop.",
)
@option(
    "--weight-decay",
    type=float,
    at="training.optimizer.weight_decay",
    text="How much each step shrinks the weights.",
)
@option(
    "--schedule",
    at="training.schedule.name",
    metavar="[constant|step|multi-step|exponential|polynomial|cosine|cosine-restarts|one-cycle"
    "|plateau]",
    text="How the learning rate changes over the run.",
)
@option(
    "--clip-norm",
    type=number_or_none,
    metavar="NUMBER|none",
    at="training.clip_norm",
    text="Largest global norm of the gradients; none turns off that of the preset.",
)
@option(
    "--augment",
    metavar="LIST",
    at="training.augment",
    parse=tables,
    text="Random changes of the training images, in turn, such as flip,crop: flip, crop, shift, "
    "rotate, scale, affine, cutout, noise, brightness, contrast, saturation, mixup, cutmix; none "
    "turns off those of the preset.",
)
@option(
    "--label-smoothing",
    type=float,
    at="loss.label_smoothing",
    text="Part of each label that is shared by all classes.",
)
@option(
    "--class-weights",
    metavar="balanced|LIST",
    at="loss.class_weights",
    parse=weights,
    text="How much an image of each class counts in the loss: balanced, the rarer the more, or a "
    "number for each class: 1,5,2.",
)
@option(
    "--warmup",
    type=float,
    at="training.warmup",
    parse=length,
    text="Updates, or a fraction of all (0.1), over which the learning rate rises at the start.",
)
@option(
    "--accumulate",
    type=int,
    at="training.accumulate",
    text="Batches whose gradients make one update.",
)
@option(
    "--l1", type=float, at="training.l1", text="Weight of the sum of all |weights| in the loss."
)
@option(
    "--freeze",
    metavar="LIST",
    at="training.freeze",
    parse=listed,
    text="Parameters that stay as they are, by pattern: layers.0.*,*.bias.",
)
@option(
    "--ema",
    type=number_or_none,
    metavar="NUMBER|none",
    at="training.ema",
    text="Decay of a moving average of the weights, which is validated and saved: 0.999.",
)
@option(
    "--validate-every",
    type=whole_or_none,
    metavar="NUMBER|none",
    at="training.validate_every",
    text="Updates between validations, in addition to the one after every epoch.",
)
@option(
    "--keep-best",
    is_flag=True,
    at="training.keep_best",
    text="Save the weights of the best validation, not the last.",
)
@option(
    "--patience",
    type=whole_or_none,
    metavar="NUMBER|none",
    at="training.patience",
    text="Stop after this many validations without a better one; keeps the best.",
)
@option(
    "--max-steps",
    type=whole_or_none,
    metavar="NUMBER|none",
    at="training.max_steps",
    text="Stop after this many updates.",
)
@option(
    "--max-seconds",
    type=number_or_none,
    metavar="NUMBER|none",
    at="training.max_seconds",
    text="Stop after this many seconds.",
)
@option(
    "--checkpoint-steps",
    type=int,
    called="every_steps",
    text="Steps between checkpoints, for `xpcnn resume`.",
)
@option(
    "--checkpoint-seconds",
    type=float,
    default=60.0,
    called="every_seconds",
    text="Seconds between checkpoints: 60. Ctrl-C, SIGTERM and SIGHUP write one too.",
)
@option("--seed", type=int, default=0, text="Seed of everything random: 0.")
@option(
    "--dtype",
    default="float32",
    metavar="[float32|float64]",
    text="Of the weights; float64 is for checking.",
)
@option(
    "--validation",
    type=fraction_or_path,
    metavar="FRACTION|FOLDER|FILE",
    text="What to validate on: a fraction of each class of the training images, 0 for none, or "
    "all of a folder or file. By default the validation part of the data set, or 0.1 where it has "
    "none.",
)
@option(
    "--dry-run", is_flag=True, text="Run one update, and estimate time and memory. Writes nothing."
)
@option("--find-lr", is_flag=True, text="Search for a learning rate. Writes nothing.")
@option(
    "--overfit-one-batch",
    is_flag=True,
    text="Test whether the network can memorise one batch. Writes nothing.",
)
@option(
    "--no-health",
    is_flag=True,
    default=None,
    text="Do not check the network for problems while it trains.",
)
@option(
    "--no-preflight",
    is_flag=True,
    text="Do not check the data for likely mistakes before training.",
)
@option("--out", metavar="FOLDER", text="Run folder, a new one; by default runs/<time>-...")
@quiet_option
@json_option
@click.pass_context
def command(context: click.Context, /, **_: Any) -> None:
    """Train a network and test it.

    Without flags: the preset `digits` on the embedded digits, on NumPy. What flags leave open, the
    file of --config decides, then the preset. The run folder keeps the model, its configuration
    and the figures of each epoch. What is likely wrong with the data is said in warnings, before
    the first step.
    """
    from xpcnn.cli.error_text import flags_in_errors
    from xpcnn.cli.job import train
    from xpcnn.cli.output import answer, to_json
    from xpcnn.cli.request import Request

    request = Request(context)
    flags = request.flags
    out, quiet, as_json = (flags.pop(name) for name in ("out", "quiet", "as_json"))
    trials = [name for name in TRIALS if flags.pop(name)]
    if len(trials) > 1:
        raise click.UsageError("--dry-run, --find-lr and --overfit-one-batch exclude each other")
    if trials:
        from xpcnn.cli.trials import trial

        with flags_in_errors(context, request.wheres):
            text, table = trial(request, trials[0], quiet)
        answer(to_json(table) if as_json else text)
        return
    preflight = not flags.pop("no_preflight")
    health = not flags["no_health"]
    with flags_in_errors(context, request.wheres):
        result = train(request, out, quiet, preflight=preflight, health=health)
    if as_json:
        answer(to_json(result))
