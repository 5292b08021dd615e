"""`xpcnn export`: a saved model as an ONNX file."""

from pathlib import Path

import click

from xpcnn.cli.options import json_option, option


@click.command("export")
@click.argument("model", metavar="RUN|FILE")
@click.argument("out", metavar="OUT.onnx|OUT.safetensors")
@option("--force", is_flag=True, text="Overwrite an existing file.")
@json_option
def command(model: str, out: str, force: bool, as_json: bool) -> None:
    """Write a model as an ONNX file, or its weights for PyTorch.

    ONNX Runtime and other programs run the ONNX file. It takes raw samples, any number at once, and
    normalises them itself: `images` in, `scores` and `probabilities` out (opset 17, IR version 8,
    float32). Its metadata says what the classes are called, and how pictures are read. Needs pip
    install 'xpcnn[onnx]'.

    If the name of the file ends in .safetensors, it gets the weights alone, with the names of
    torchvision or timm.
    """
    from xpcnn.cli.model_opening import open_to_read
    from xpcnn.cli.output import answer, say, to_json
    from xpcnn.cli.output_file import check_new
    from xpcnn.errors import ConfigError, hint
    from xpcnn.exchange import export_onnx, export_pytorch

    if Path(out).suffix.lower() not in (".onnx", ".safetensors"):
        message = f"{out}: its ending decides what is written, and it is neither of the two"
        raise ConfigError(hint(message, "FILE.onnx, or FILE.safetensors for the weights alone"))
    target = check_new(out, force)
    opened, dtype = open_to_read(model)
    weights_alone = target.suffix.lower() == ".safetensors"
    (export_pytorch if weights_alone else export_onnx)(opened, target)
    if dtype != "float32" and not weights_alone:
        say(f"note: the model computes in {dtype}, and the ONNX file in float32")
    facts = {
        "model": model,
        "out": out,
        "bytes": target.stat().st_size,
        "input": ["batch", *opened.input_shape],
        "outputs": opened.output_shape[0],
        "classes": opened.classes,
    }
    shape = ", ".join(map(str, opened.input_shape))
    what = f"images (batch, {shape}) to scores (batch, {opened.output_shape[0]})"
    if weights_alone:
        what = "weights alone, with the names of torchvision or timm"
    answer(to_json(facts) if as_json else f"wrote {out} ({facts['bytes']:,} bytes): {what}")
