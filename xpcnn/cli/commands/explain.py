"""`xpcnn explain`: one picture through a network, layer by layer, as a page."""

from typing import Literal

import click

from xpcnn.cli.options import (
    data_options,
    json_option,
    library_options,
    option,
    reject_given,
)


@click.command("explain")
@click.argument("model", metavar="RUN|FILE")
@click.argument("image", metavar="[PICTURE]", required=False)
@option("--row", type=click.IntRange(min=0), text="Row of the data set, in place of a picture.")
@option(
    "--target",
    metavar="NAME",
    text="Class, label or number whose score the gradients are of; by default the predicted class, "
    "the label of the highest probability, or the first number.",
)
@option(
    "--out",
    metavar="FILE.html",
    default="explain.html",
    show_default=True,
    text="File to write; an existing one is replaced.",
)
@option(
    "--invert",
    type=click.Choice(["auto", "yes", "no"]),
    default="auto",
    text="Swap dark and light of a picture; see `xpcnn predict`.",
)
@data_options
@library_options
@json_option
def command(
    model: str,
    image: str | None,
    row: int | None,
    target: str | None,
    out: str,
    invert: Literal["auto", "yes", "no"],
    dataset: str | None,
    data_dir: str | None,
    part: str | None,
    backend: str,
    device: str | None,
    tf32: bool | None,
    as_json: bool,
) -> None:
    """Write a page about one picture on its way through a network.

    For each layer: shapes, feature maps, the gradient of a score, the formula, and where in the
    code it is computed. The page is one HTML file without scripts.

    Give a picture file, or --row 3 for a sample of the data set that the model was trained on, or
    of --dataset. Pictures need pip install 'xpcnn[images]', the page pip install 'xpcnn[report]'.
    """
    if (image is None) == (row is None):
        raise click.UsageError("Give either a picture file or --row, such as --row 3.")
    if image is None:
        reject_given("invert", why="is for a picture file.")
    else:
        reject_given("dataset", "data_dir", "part", why="needs --row, such as --row 3.")
    from pathlib import Path

    from xpcnn.cli.explained_sample import sample_of_data, sample_of_file
    from xpcnn.cli.model_opening import open_backend, open_model
    from xpcnn.cli.output import answer, to_json
    from xpcnn.io.atomic import write_bytes
    from xpcnn.report.explain import explained
    from xpcnn.report.sample_answer import answer_of

    opened = open_model(model, open_backend(backend, device, tf32))
    if image is not None:
        chosen = sample_of_file(opened, image, invert)
    else:
        chosen = sample_of_data(opened, row or 0, dataset, data_dir, part)
    page = explained(opened, **chosen._asdict(), target=target).encode()
    write_bytes(Path(out), page)
    facts = answer_of(opened, chosen.sample, target).facts
    table = {"page": out, "bytes": len(page), **facts, "true": chosen.true}
    answer(to_json(table) if as_json else f"page: {out}")
