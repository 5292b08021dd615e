"""The flags of `xpcnn train`: data, output and checks."""

from collections.abc import Mapping

from xpcnn.cli.flag_parsing import fraction_or_path, tables, two_or_more
from xpcnn.cli.options import (
    Option,
    backend_option,
    data_dir_option,
    dataset_option,
    device_option,
    engine_option,
    json_option,
    label_column_option,
    option,
    params,
    processes_option,
    quiet_option,
    skip_damaged_option,
    stream_option,
    task_option,
    tf32_option,
)

RUN: Mapping[str, list[Option]] = {
    "Data": params(
        dataset_option,
        data_dir_option,
        option(
            "--validation",
            type=fraction_or_path,
            metavar="FRACTION|FOLDER|FILE",
            text="What to validate on: a fraction of each class of the training images, 0 for "
            "none, or all of a folder or file. By default the validation part of the data "
            "set, or 0.1 if it has none.",
        ),
        option(
            "--folds",
            type=int,
            text="Cross-validation: train this many times, each time on all but one fold of the "
            "training images, and validate on that fold. Prints mean and deviation at the end.",
        ),
        option(
            "--fold", type=int, text="Train only the run of this fold, 1 to the number of --folds."
        ),
        option(
            "--classes",
            metavar="LIST",
            parse=two_or_more,
            text="Only these classes, by name or number: 0,1.",
        ),
        option("--limit", type=int, text="At most this many training images."),
        option(
            "--limit-per-class", type=int, text="At most this many training images of each class."
        ),
        option(
            "--image-size",
            metavar="H,W",
            text="Size of your own images. By default it is chosen from the pictures; rows of a "
            "CSV file are taken for square images.",
        ),
        option(
            "--image-fit",
            metavar="pad|crop",
            text="How pictures are brought to that size: pad keeps them whole, on the colour of "
            "their border (default); crop fills the size and cuts off the rest.",
        ),
        label_column_option,
        task_option,
        skip_damaged_option,
        stream_option,
        option(
            "--augment",
            metavar="LIST",
            at="training.augment",
            parse=tables,
            text="Random changes of the training images, in turn, such as flip,crop: flip, "
            "vertical-flip, alternating-flip, crop, resized-crop, shift, rotate, scale, affine, "
            "perspective, cutout, erasing, blur, noise, brightness, contrast, saturation, hue, "
            "mixup, cutmix, randaugment, trivialaugment; `none` turns off the preset's.",
        ),
    ),
    "Run and output": params(
        option(
            "--config",
            metavar="FILE.toml",
            text="A file whose keys are the names of these flags, and the tables layers, loss and "
            "training of a preset; - for standard input. config.toml of a run folder repeats the "
            "run.",
        ),
        option(
            "--set",
            multiple=True,
            metavar="KEY=VALUE",
            text="One value of such a file, by its path: training.optimizer.beta2=0.99, epochs=3, "
            "layers.0.filters=8, training.augment.0.pad=2. May be repeated.",
        ),
        option(
            "--out", metavar="FOLDER", text="New folder for the run; by default runs/<time>-..."
        ),
        option(
            "--checkpoint-seconds",
            type=float,
            default=60.0,
            called="every_seconds",
            text="Seconds between checkpoints, by default 60. Ctrl-C, SIGTERM and SIGHUP write "
            "one too.",
        ),
        option(
            "--checkpoint-steps",
            type=int,
            called="every_steps",
            text="Updates between checkpoints, for `xpcnn resume`.",
        ),
        option(
            "--report",
            is_flag=True,
            text="Write report.html into the run folder at the end, as `xpcnn report` does.",
        ),
        option(
            "--tensorboard",
            is_flag=True,
            default=None,
            text="Write figures for TensorBoard into the run's folder, to be shown by `tensorboard "
            "--logdir runs`. Needs pip install 'xpcnn[tensorboard]'.",
        ),
        quiet_option,
        json_option,
    ),
    "Array library": params(
        backend_option,
        device_option,
        tf32_option,
    ),
    "Several processes": params(
        processes_option,
        engine_option,
        option(
            "--batch-norm",
            metavar="sync|local|groups:K",
            at="training.batch_norm",
            text="Samples over which batch norm takes mean and variance: sync, those of all "
            "processes (default); local, those of each process alone, which is faster; groups:4, "
            "those of 4 neighbouring processes.",
        ),
    ),
    "Checks": params(
        option(
            "--no-preflight",
            is_flag=True,
            text="Do not check the data for likely mistakes before training.",
        ),
        option(
            "--no-health",
            is_flag=True,
            default=None,
            text="Do not check the network for problems while it trains.",
        ),
    ),
    "Diagnostics, in place of a run": params(
        option(
            "--dry-run",
            is_flag=True,
            text="Run one update, and estimate time and memory. Writes nothing.",
        ),
        option("--find-lr", is_flag=True, text="Search for a learning rate. Writes nothing."),
        option(
            "--overfit-one-batch",
            is_flag=True,
            text="Test whether the network can memorise one batch. Writes nothing.",
        ),
    ),
}
"""By the titles under which the help shows them."""
