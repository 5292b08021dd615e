"""`xpcnn evaluate`: loss and accuracy of a saved model."""

import click

from xpcnn.cli.options import (
    backend_option,
    data_dir_option,
    dataset_option,
    device_option,
    json_option,
    option,
)


@click.command("evaluate")
@click.argument("model", metavar="RUN|FILE")
@dataset_option
@data_dir_option
@option(
    "--part",
    type=click.Choice(["test", "train"]),
    default="test",
    text="Part of the data set: test (default), or train, with what was validated on.",
)
@backend_option
@device_option
@json_option
def command(
    model: str,
    dataset: str | None,
    data_dir: str | None,
    part: str,
    backend: str,
    device: str | None,
    as_json: bool,
) -> None:
    """Show loss and accuracy of a run, or of a model file.

    By default on the test part of the data set that it was trained on.
    """
    from xpcnn.cli.output import answer, to_json
    from xpcnn.cli.saved import open_model, open_part

    opened = open_model(model, backend, device)
    images = open_part(opened, dataset, data_dir, part)
    scores = opened.evaluate(images)
    if as_json:
        facts = {"model": model, "backend": backend, "dataset": images.name, "part": part}
        answer(to_json({**facts, "images": len(images), **scores}))
    else:
        answer(
            f"{part} accuracy {scores['accuracy']:.4f}, loss {scores['loss']:.4f} "
            f"({len(images):,} images of {images.name})"
        )
