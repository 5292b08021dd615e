"""`xpcnn predict`: what a saved model sees in picture files, or in rows of a data set."""

from typing import Any, Literal

import click

from xpcnn.cli.flag_parsing import listed
from xpcnn.cli.options import (
    data_dir_option,
    dataset_option,
    json_option,
    label_column_option,
    library_options,
    option,
    part_option,
    reject_given,
    skip_damaged_option,
    stream_option,
    views_option,
)
from xpcnn.errors import counted


@click.command("predict")
@click.argument("model", metavar="RUN|FILE")
@click.argument("images", nargs=-1, metavar="[PICTURE|FOLDER]...")
@option(
    "--invert",
    type=click.Choice(["auto", "yes", "no"]),
    default="auto",
    text="Swap dark and light. By default only for a model of drawings such as digits, where the "
    "background of the picture is the opposite of theirs. Colours are never swapped.",
)
@option(
    "--crop",
    type=click.Choice(["auto", "no"]),
    default="auto",
    show_default=True,
    text="Whether to cut out what is drawn, and frame it as in training: auto for a model of "
    "drawings such as digits, no to keep the whole picture.",
)
@dataset_option
@data_dir_option
@option(
    "--rows",
    metavar="LIST",
    text="Rows of the data set, in place of pictures: 0:10, or 3,17. They count from 0 in the part "
    "of --part.",
)
@part_option
@label_column_option
@skip_damaged_option
@stream_option
@option(
    "--csv",
    "csv_path",
    metavar="FILE",
    text="Write the answers to a CSV file: name, class, probability, how the picture was changed; "
    "- writes them to standard output.",
)
@option(
    "--submission",
    metavar="FILE",
    text="Write `ImageId,Label` for every image of --dataset test.csv, as Kaggle takes it.",
)
@option("--force", is_flag=True, text="Overwrite an existing file.")
@option("--probabilities", is_flag=True, text="Show the probability of every class.")
@views_option
@library_options
@json_option
def command(
    model: str,
    images: tuple[str, ...],
    invert: Literal["auto", "yes", "no"],
    crop: str,
    dataset: str | None,
    data_dir: str | None,
    rows: str | None,
    part: str | None,
    label_column: str | None,
    skip_damaged: bool | None,
    stream: str | None,
    csv_path: str | None,
    submission: str | None,
    force: bool,
    probabilities: bool,
    views: str,
    backend: str,
    device: str | None,
    tf32: bool | None,
    as_json: bool,
) -> None:
    """Name the classes of pictures, or of rows of a data set.

    Prints a line for each picture: path, class, probability, and how the picture was changed to
    fit. A folder stands for all pictures in it; those that cannot be read are named and skipped; -
    stands for a picture on standard input. A model of drawings, such as digits, answers `blank` for
    an empty page. Pictures need Pillow: pip install 'xpcnn[images]'.

    With --rows 0:10, prints row, class, probability and true class of rows of a data set. With
    --submission, writes the classes of all images of a CSV file without labels. An existing file is
    kept unless --force is given.
    """
    if bool(images) + bool(rows) + bool(submission) != 1:
        raise click.UsageError(
            "Give either picture files or --rows, such as --rows 0:10. "
            "Or --submission FILE with --dataset test.csv."
        )
    if submission and not dataset:
        raise click.UsageError("--submission needs --dataset, such as --dataset test.csv.")
    of_data = "label_column", "skip_damaged", "stream", "data_dir", "part"
    if images:
        reject_given("dataset", *of_data, why="needs --rows, such as --rows 0:10.")
    else:
        reject_given("invert", "crop", why="is for picture files.")
    if submission:
        reject_given(*of_data, "probabilities", why="does nothing with --submission.")
    if submission and csv_path:
        raise click.UsageError("--submission and --csv exclude each other.")
    if as_json and csv_path == "-":
        raise click.UsageError("--json and --csv - both go to standard output.")
    from xpcnn.cli.data_parts import DataFlags, open_rows
    from xpcnn.cli.model_opening import open_backend, open_model
    from xpcnn.cli.output import answer, say, to_json
    from xpcnn.cli.output_file import check_new, write_text
    from xpcnn.cli.picture_predictions import Failure, gather, of_pictures
    from xpcnn.cli.predictions import of_rows
    from xpcnn.cli.submission import submit
    from xpcnn.data.pictures import check_reading
    from xpcnn.data.reading import Arrays
    from xpcnn.model_facts import reading_of

    to_stdout = csv_path == "-"
    target = check_new(csv_path, force) if csv_path and not to_stdout else None
    opened = open_model(model, open_backend(backend, device, tf32))
    seen = listed(views)
    if submission:
        count = submit(opened, dataset or "", submission, force, seen)
        facts: dict[str, Any] = {
            "model": model,
            "dataset": dataset,
            "submission": submission,
            "images": count,
        }
        answer(to_json(facts) if as_json else f"wrote {counted(count, 'label')} to {submission}")
        return
    failures: list[Failure] = []
    facts = {"model": model}
    if rows:
        wanted = DataFlags(dataset, data_dir, part, label_column, skip_damaged, stream)
        data, known = open_rows(opened, wanted)
        for note in data.images.notes:
            say(f"note: {note}")
        found = of_rows(opened, data, rows, seen, known)
    else:
        given, others = gather(images)
        if others:
            say(f"note: files skipped, as their ending is not that of a picture: {others}")
        check_reading(reading_of(opened), invert)
        if isinstance(opened.reading, Arrays):
            black, white = opened.reading.low, opened.reading.high
            say(f"note: the model was trained on arrays: black becomes {black:g}, white {white:g}")
        found, failures = of_pictures(opened, given, invert, crop == "auto", seen)
        for failure in failures:
            say(f"{'error' if failure.named else 'warning: skipped'}: {failure.error}")
    if target is not None:
        write_text(target, found.as_csv(probabilities))
    if as_json:
        facts |= {"predictions": found.as_dicts(probabilities)}
        if not rows:
            facts |= {"failed": [vars(failure) for failure in failures]}
        answer(to_json(facts))
    elif to_stdout:
        answer(found.as_csv(probabilities).removesuffix("\n"))
    elif target is not None:
        answer(f"wrote {counted(len(found.names), 'answer')} to {csv_path}")
    elif found.names:
        answer("\n".join(found.as_lines(probabilities)))
    if any(failure.named for failure in failures) or not found.names:
        raise click.exceptions.Exit(1)
