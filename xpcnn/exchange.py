"""Models to and from other programs: ONNX."""

from importlib.util import find_spec
from pathlib import Path

from xpcnn.data.files import as_path
from xpcnn.errors import missing
from xpcnn.io.atomic import write_bytes
from xpcnn.io.models import Facts
from xpcnn.model import Model


def export_onnx(model: Model, path: str | Path) -> None:
    """Write a model as an ONNX file, which ONNX Runtime and many other programs run.

        xpcnn.export_onnx(model, "model.onnx")

    The file (opset 17, IR version 8) takes raw samples `images`, float32 (batch, *input_shape), and
    normalises them itself; any number of samples. It gives `scores` (batch, outputs) and
    `probabilities` (batch, classes). Its metadata has `classes`, a JSON list of names, and
    `pictures`, how picture files become samples. Parameters are written as float32.

    Args:
        model: a model of layers of xpcnn.
        path: the file, by habit with the suffix `.onnx`; an older one is replaced.

    Raises:
        PackageMissingError: onnx is not installed.
        ConfigError: layers have no form in ONNX; names all of them with their paths.
        CheckpointError: the file cannot be written; an older one is untouched.
    """
    target = as_path(path)
    require_onnx()
    from xpcnn.io.onnx.export import content

    facts = Facts(model.seed, model.classes, model.reading, model.provenance)
    write_bytes(target, content(model.network, facts))


def require_onnx() -> None:
    """Require the package onnx.

    Raises:
        PackageMissingError: it is not installed.
    """
    if find_spec("onnx") is None:
        raise missing("ONNX", "onnx", "onnx")
