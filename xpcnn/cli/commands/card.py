"""`xpcnn card`: a model card of a run."""

import click

from xpcnn.cli.options import (
    data_dir_option,
    dataset_option,
    json_option,
    option,
)


@click.command("card")
@click.argument("run", metavar="RUN")
@option("--out", metavar="FILE", text="Write the card to this file instead of stdout.")
@option("--force", is_flag=True, text="Overwrite an existing file.")
@dataset_option
@data_dir_option
@json_option
def command(
    run: str,
    out: str | None,
    force: bool,
    dataset: str | None,
    data_dir: str | None,
    as_json: bool,
) -> None:
    """Write a model card: Markdown with a YAML head.

    The Hugging Face hub shows it beside the model: data set, figures of the test part and of each
    class, network, training, environment, and how to load the model. License and intended use are
    fields that you fill in; they are marked. The table of classes needs the test part of the data
    set; if it cannot be read, the card has no such table.
    """
    from xpcnn.classification import classification_report
    from xpcnn.cli.data_parts import DataFlags, open_part
    from xpcnn.cli.model_opening import open_to_read
    from xpcnn.cli.output import answer, say, to_json
    from xpcnn.cli.output_file import check_new, write_text
    from xpcnn.errors import DataError
    from xpcnn.runs import read_run
    from xpcnn.runs.card import FILL_IN, card_head, model_card
    from xpcnn.runs.record import MODEL
    from xpcnn.targets import target_report

    record = read_run(run)
    target = None if out is None else check_new(out, force)
    model, dtype = open_to_read(run)
    report = None
    try:
        images, _ = open_part(model, DataFlags(dataset, data_dir, "test"))
        of = classification_report if model.task.name == "classification" else target_report
        report = of(model, images)
        if dtype != model.compute_dtype:  # NumPy does not compute in it
            say(f"note: the figures of the classes are computed in float32, not in {dtype}")
    except DataError as error:
        if dataset is not None or data_dir is not None:
            raise
        say(f"note: no table of classes: {str(error).partition(chr(10))[0]}")
    text = model_card(record, model, (record.path / MODEL).stat().st_size, report)
    if target is not None:
        write_text(target, text)
        say(f"card: {target}; fields to fill in: {text.count(FILL_IN.partition('{')[0])}")
    if as_json:
        answer(to_json({"out": out, "head": card_head(record, model), "card": text}))
    elif target is None:
        answer(text)
