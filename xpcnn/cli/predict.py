"""`xpcnn predict`: what a saved model sees in picture files, or in rows of a data set."""

from typing import Literal

import click

from xpcnn.cli.options import (
    backend_option,
    data_dir_option,
    dataset_option,
    device_option,
    json_option,
    listed,
    option,
    views_option,
)


@click.command("predict")
@click.argument("model", metavar="RUN|FILE")
@click.argument("images", nargs=-1, metavar="[IMAGE]...")
@option(
    "--invert",
    type=click.Choice(["auto", "yes", "no"]),
    default="auto",
    text="Swap dark and light. By default where the border of the picture is light and those of "
    "the training images were dark, or the other way round.",
)
@option(
    "--crop",
    type=click.Choice(["auto", "no"]),
    default="auto",
    show_default=True,
    text="Frame what is drawn as the training images are framed, or keep the whole picture.",
)
@dataset_option
@data_dir_option
@option("--rows", metavar="FROM:TO", text="Rows of the data set's test part, in place of images.")
@option(
    "--submission",
    metavar="FILE",
    text="Write `ImageId,Label` for every image of --dataset test.csv, as Kaggle takes it.",
)
@option("--force", is_flag=True, text="Write the submission over a file that is there.")
@option("--probabilities", is_flag=True, text="Show the probability of every class.")
@views_option
@backend_option
@device_option
@json_option
def command(
    model: str,
    images: tuple[str, ...],
    invert: Literal["auto", "yes", "no"],
    crop: str,
    dataset: str | None,
    data_dir: str | None,
    rows: str | None,
    submission: str | None,
    force: bool,
    probabilities: bool,
    views: str,
    backend: str,
    device: str | None,
    as_json: bool,
) -> None:
    """Name the class of pictures: path, class, probability.

    With --rows 0:10, of images of a data set: row, class, probability, true class. Pictures need
    Pillow: pip install 'xpcnn[images]'. With --submission, of all images of a CSV file without
    labels, into a file; one that is there is kept, but for --force.
    """
    if bool(images) + bool(rows) + bool(submission) != 1:
        raise click.UsageError(
            "Give either picture files or --rows, such as --rows 0:10. "
            "Or --submission FILE with --dataset test.csv."
        )
    if submission and not dataset:
        raise click.UsageError("--submission needs --dataset, such as --dataset test.csv.")
    from xpcnn.cli.output import answer, to_json
    from xpcnn.cli.predictions import Predictions, of_pictures, of_rows, submit
    from xpcnn.cli.saved import open_model, open_part

    opened = open_model(model, backend, device)
    seen = listed(views)
    if submission:
        count = submit(opened, dataset or "", submission, force, seen)
        facts = {"model": model, "dataset": dataset, "submission": submission, "images": count}
        answer(to_json(facts) if as_json else f"wrote {count:,} labels to {submission}")
        return
    found: Predictions
    if rows:
        found = of_rows(opened, open_part(opened, dataset, data_dir, "test"), rows, seen)
    else:
        found = of_pictures(opened, images, invert, crop == "auto", seen)
    if as_json:
        answer(to_json({"model": model, "predictions": found.as_dicts(probabilities)}))
    else:
        answer("\n".join(found.as_lines(probabilities)))
