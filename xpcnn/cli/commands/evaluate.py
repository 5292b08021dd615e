"""`xpcnn evaluate`: loss and accuracy of a saved model, or all figures, class by class."""

from dataclasses import asdict
from typing import Any

import click

from xpcnn.cli.flag_parsing import listed
from xpcnn.cli.options import (
    data_options,
    json_option,
    label_column_option,
    library_options,
    option,
    skip_damaged_option,
    stream_option,
    views_option,
)


@click.command("evaluate")
@click.argument("model", metavar="RUN|FILE")
@data_options
@label_column_option
@skip_damaged_option
@stream_option
@option(
    "--details",
    is_flag=True,
    text="Show precision, recall and F1 of every class, the confusion matrix, what is most "
    "confused, the worst images, and further figures; or the figures of each label or number.",
)
@views_option
@library_options
@json_option
def command(
    model: str,
    dataset: str | None,
    data_dir: str | None,
    part: str | None,
    label_column: str | None,
    skip_damaged: bool | None,
    stream: str | None,
    details: bool,
    views: str,
    backend: str,
    device: str | None,
    tf32: bool | None,
    as_json: bool,
) -> None:
    """Show loss and accuracy of a run, or of a model file.

    For several labels, also shows F1 and average precision, means over the labels; for numbers,
    shows MAE, RMSE and R2 in their units in place of the accuracy.

    The samples are by default the test part of the data set that the model was trained on; if
    --dataset names another file or folder, all of its samples. With several --views, shows log loss
    and accuracy of the mean probabilities.
    """
    from xpcnn.classification import classification_report
    from xpcnn.cli.data_parts import DataFlags, open_part
    from xpcnn.cli.model_opening import open_backend, open_model
    from xpcnn.cli.output import answer, say, to_json
    from xpcnn.data.streams.stream import damage_notes
    from xpcnn.errors import figure_name
    from xpcnn.targets import target_report

    opened = open_model(model, open_backend(backend, device, tf32))
    wanted = DataFlags(dataset, data_dir, part, label_column, skip_damaged, stream)
    images, part = open_part(opened, wanted)
    for note in images.notes:
        say(f"note: {note}")
    seen = listed(views)
    plain = seen == ["identity"]
    scores: dict[str, Any] = opened.evaluate(images) if plain else {}
    words = ""
    if opened.task.name != "classification":
        targets = target_report(opened, images, views=seen)
        scores |= targets.figures
        if details:
            scores |= asdict(targets)
            words = f"\n\n{targets}"
    elif details or not plain:
        report = classification_report(opened, images, views=seen)
        scores |= {"accuracy": report.accuracy, "log_loss": report.log_loss}
        if details:
            scores |= asdict(report)
            words = f"\n\n{report}"
    for note in damage_notes([images.images]):
        say(f"note: {note}")
    if as_json:
        facts = {"model": model, "backend": backend, "dataset": images.name, "part": part}
        answer(to_json({**facts, "images": len(images), "views": seen, **scores}))
        return
    of = "images, all of" if part == "all" else "images of"
    named = {"accuracy": scores.get("accuracy"), "loss": scores.get("loss")}
    if opened.task.figures:
        named |= {name: scores[name] for name in opened.task.figures}
    elif not plain:
        named["log loss"] = scores["log_loss"]
    figures = [f"{figure_name(k)} {x:.4f}" for k, x in named.items() if x is not None]
    what = ", ".join(figures) if part == "all" else f"{part} {', '.join(figures)}"
    averaged = "" if plain else f", mean of the views {', '.join(seen)}"
    answer(f"{what} ({len(images):,} {of} {images.name}{averaged}){words}")
