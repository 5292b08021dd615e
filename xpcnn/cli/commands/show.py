"""`xpcnn show`: a contact sheet of a data set, class by class."""

from typing import Literal

import click

from xpcnn.cli.flag_parsing import tables
from xpcnn.cli.options import (
    data_dir_option,
    json_option,
    label_column_option,
    option,
    skip_damaged_option,
    task_option,
)
from xpcnn.errors import counted


@click.command("show")
@click.argument("dataset", metavar="DATASET|FOLDER|FILE")
@option(
    "--augment",
    metavar="LIST",
    text="Augmentations to show beside the samples, as in `xpcnn train`: flip,crop.",
)
@option(
    "--out",
    metavar="FILE",
    text="Page (.html) or picture (.png) to write; an existing file is replaced. By default "
    "<data set>.html in the current folder.",
)
@option(
    "--per-class",
    type=click.IntRange(min=1),
    default=8,
    show_default=True,
    text="How many samples of each class to show, the first ones; fewer if there are many classes.",
)
@option(
    "--part",
    type=click.Choice(["train", "validation", "test"]),
    default="train",
    show_default=True,
    text="Part of the data set. Without a validation part in its files, validation is the tenth of "
    "the training part that `xpcnn train` splits off, and train is all of that part.",
)
@option("--image-size", metavar="H,W", text="Size that pictures are brought to, as in training.")
@option(
    "--image-fit", type=click.Choice(["pad", "crop"]), text="How pictures are brought to that size."
)
@option(
    "--seed",
    type=int,
    default=0,
    show_default=True,
    text="Seed of the augmentations, and of the tenth that is split off.",
)
@data_dir_option
@label_column_option
@task_option
@skip_damaged_option
@json_option
def command(
    dataset: str,
    augment: str | None,
    out: str | None,
    per_class: int,
    part: Literal["train", "validation", "test"],
    image_size: str | None,
    image_fit: Literal["pad", "crop"] | None,
    seed: int,
    data_dir: str | None,
    label_column: str | None,
    task: str | None,
    skip_damaged: bool | None,
    as_json: bool,
) -> None:
    """Write a contact sheet: samples of each class of a data set.

    Samples are shown at the size at which a network sees them. With --augment, the same samples
    stand beside them as they are augmented in the first epoch. Needs pip install 'xpcnn[report]'.
    """
    from pathlib import Path

    from xpcnn import data
    from xpcnn.cli.flag_parsing import image_size as as_size
    from xpcnn.cli.output import answer, say, to_json
    from xpcnn.cli.run_data import VALIDATION, task_name
    from xpcnn.data.augment import make
    from xpcnn.errors import ConfigError, hint
    from xpcnn.io.atomic import write_bytes
    from xpcnn.report.sheet import contact_sheet
    from xpcnn.report.sheet_files import sheet_page, sheet_picture

    path = Path(out or f"{Path(dataset).stem}.html")
    if path.suffix.lower() not in (".html", ".png"):
        message = f"--out is {str(path)!r}, expected a name that ends in .html or .png"
        raise ConfigError(hint(message, f"--out {path.stem}.html, or {path.stem}.png"))
    changes = [make(**table) for table in tables(augment or "none")]
    train, validation, test = data.load_parts(
        dataset,
        data_dir,
        image_size=as_size(image_size),
        image_fit=image_fit,
        label_column=label_column,
        task=task_name(task),
        skip_damaged=bool(skip_damaged),
    )
    if part == "validation" and validation is None:
        _, validation = data.split(train, VALIDATION, seed)
    images = {"train": train, "validation": validation, "test": test}[part]
    assert images is not None
    for note in images.notes:
        say(f"note: {note}")
    rows = contact_sheet(images, changes, per_class=per_class, seed=seed)
    shape = " x ".join(map(str, images.shape))
    held = counted(len(rows), images.noun)
    preposition = "in" if images.task == "classification" else "with"
    lead = f"{counted(len(images), 'sample')} of {shape} {preposition} {held}, {part} part"
    if images.task == "regression":
        lead += "; below each number, samples from its least to its greatest value"
    if changes:
        lead += f"; augmented by {augment}"
    if path.suffix.lower() == ".png":
        content = sheet_picture(rows, images.name)
    else:
        content = sheet_page(rows, images.name, f"{lead}.").encode()
    write_bytes(path, content)
    table = {
        "sheet": str(path),
        "dataset": images.name,
        "part": part,
        "images": len(images),
        "classes": {row.name: row.samples for row in rows},
    }
    answer(to_json(table) if as_json else f"{lead}\nsheet: {path}")
