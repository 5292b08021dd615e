"""`xpcnn import`: the network of an ONNX file as a model file."""

import click

from xpcnn.cli.flag_parsing import sizes
from xpcnn.cli.options import json_option, option
from xpcnn.errors import counted


@click.command("import")
@click.argument("file", metavar="FILE.onnx|FILE.safetensors")
@click.argument("out", metavar="OUT.safetensors")
@option(
    "--model",
    metavar="NAME|FILE.toml",
    text="Preset of the network whose weights FILE.safetensors holds, such as resnet18.",
)
@option(
    "--input-shape",
    metavar="C,H,W",
    text="Shape of one sample, if the file leaves sizes open.",
)
@option(
    "--output",
    metavar="NAME",
    text="Output of the graph to take as the scores; by default the first.",
)
@option(
    "--class-names",
    metavar="FILE|LIST",
    text="Names of the classes: a text file with one in each line, or a list such as cat,dog.",
)
@option(
    "--mean",
    metavar="LIST",
    text="Mean of the samples by channel, for a file that does not normalise them: "
    "123.7,116.3,103.5 for ImageNet with values from 0 to 255.",
)
@option(
    "--std", metavar="LIST", text="Standard deviation of the samples by channel, as for --mean."
)
@option("--force", is_flag=True, text="Overwrite an existing file.")
@json_option
def command(
    file: str,
    out: str,
    model: str | None,
    input_shape: str | None,
    output: str | None,
    class_names: str | None,
    mean: str | None,
    std: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Turn an ONNX file, or weights of PyTorch, into a model.

    The model can be evaluated, trained and explained as any other. The operators of convolutional
    classifiers become layers, residuals and branches included; one error names all operators that
    cannot become layers. Nothing in the file is run. Needs pip install 'xpcnn[onnx]'.

    With --model, the file is a state dict of PyTorch as safetensors, with the names of torchvision
    or timm.
    """
    if model is not None and any((input_shape, output, mean, std)):
        raise click.UsageError("--model can be combined with --class-names only.")
    from xpcnn.cli.class_names import read_class_names
    from xpcnn.cli.flag_parsing import numbers
    from xpcnn.cli.output import answer, say, to_json
    from xpcnn.cli.output_file import check_new
    from xpcnn.errors import ConfigError, hint
    from xpcnn.exchange import import_onnx, import_pytorch
    from xpcnn.io.foreign.weights import is_foreign

    target = check_new(out, force)
    if target.suffix.lower() != ".safetensors":
        advice = f"{target.with_suffix('.safetensors')}"
        raise ConfigError(hint(f"{out} is not the name of a .safetensors file", advice))
    names = None if class_names is None else read_class_names(class_names)
    if model is None and is_foreign(file):
        message = f"{file} holds PyTorch weights, but not which network they are of"
        raise ConfigError(hint(message, "--model resnet18, the preset of that network"))
    if model is not None:
        found = import_pytorch(file, model, classes=names)
    else:
        found = import_onnx(
            file,
            input_shape=None if input_shape is None else sizes(input_shape),
            output=output,
            classes=names,
            mean=None if mean is None else numbers(mean),
            std=None if std is None else numbers(std),
        )
    found.save(target)
    summary = found.summary(1)
    notes = found.provenance.get("notes", [])
    for note in notes:
        say(f"note: {note}")
    facts = {
        "file": file,
        "out": out,
        "input_shape": found.input_shape,
        "outputs": found.output_shape[0],
        "classes": found.classes,
        "mean": found.mean,
        "std": found.std,
        "layers": len(summary.rows),
        "parameters": summary.parameters,
        "notes": notes,
    }
    what = f"{counted(len(summary.rows), 'layer')}, {counted(summary.parameters, 'parameter')}"
    words = f"wrote {out}: {what}"
    answer(to_json(facts) if as_json else words)
