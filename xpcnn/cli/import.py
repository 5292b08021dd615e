"""`xpcnn import`: the network of an ONNX file as a model file."""

import click

from xpcnn.cli.options import json_option, option, sizes


@click.command("import")
@click.argument("file", metavar="FILE.onnx")
@click.argument("out", metavar="OUT.safetensors")
@option(
    "--input-shape",
    metavar="C,H,W",
    text="Shape of one sample, where the file leaves sizes open.",
)
@option("--output", metavar="NAME", text="Output to take; by default the first.")
@option(
    "--class-names",
    metavar="FILE|LIST",
    text="Names of the classes: a text file with one in each line, or a list such as cat,dog.",
)
@option(
    "--mean",
    metavar="LIST",
    text="Mean of the samples by channel, for a file that does not normalise them: for ImageNet, "
    "with values from 0 to 255, 123.7,116.3,103.5.",
)
@option("--std", metavar="LIST", text="Deviation of the samples, likewise.")
@option("--force", is_flag=True, text="Write over a file that is there.")
@json_option
def command(
    file: str,
    out: str,
    input_shape: str | None,
    output: str | None,
    class_names: str | None,
    mean: str | None,
    std: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Turn an ONNX file into a model of xpcnn, which can be evaluated, trained and explained.

    The operators of convolutional classifiers become layers, residuals and branches included;
    whatever cannot is named, all at once. Nothing in the file is run. Needs
    pip install 'xpcnn[onnx]'.
    """
    from xpcnn.cli.class_names import read_class_names
    from xpcnn.cli.options import numbers
    from xpcnn.cli.output import answer, say, to_json
    from xpcnn.cli.predictions import check_new
    from xpcnn.exchange import import_onnx

    target = check_new(out, force)
    model = import_onnx(
        file,
        input_shape=None if input_shape is None else sizes(input_shape),
        output=output,
        classes=None if class_names is None else read_class_names(class_names),
        mean=None if mean is None else numbers(mean),
        std=None if std is None else numbers(std),
    )
    model.save(target)
    summary = model.summary(1)
    for note in model.provenance["notes"]:
        say(f"note: {note}")
    facts = {
        "file": file,
        "out": out,
        "input_shape": model.input_shape,
        "outputs": model.output_shape[0],
        "classes": model.classes,
        "mean": model.mean,
        "std": model.std,
        "layers": len(summary.rows),
        "parameters": summary.parameters,
        "notes": model.provenance["notes"],
    }
    words = f"wrote {out}: {len(summary.rows)} layers, {summary.parameters:,} parameters"
    answer(to_json(facts) if as_json else words)
