"""Models to and from other programs: ONNX files, and weights as PyTorch names them."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from xpcnn.backend import Backend
from xpcnn.data.files import as_path
from xpcnn.data.reading import Pictures
from xpcnn.errors import ConfigError, hint, missing
from xpcnn.io.atomic import write_bytes
from xpcnn.io.foreign.weights import classes_in, network_name, read_weights, write_weights
from xpcnn.io.network_file import Facts
from xpcnn.model import Model, model_of
from xpcnn.model_arguments import as_classes
from xpcnn.models import preset
from xpcnn.network import Network
from xpcnn.types import Shape
from xpcnn.version import VERSION


def export_onnx(model: Model, path: str | Path) -> None:
    """Write a model as an ONNX file, which ONNX Runtime and many other programs run.

        xpcnn.export_onnx(model, "model.onnx")

    The file (opset 17, IR version 8) takes raw samples `images`, float32 (batch, *input_shape), and
    normalises them itself; the batch may have any size. Its outputs are `scores` (batch, outputs)
    and `probabilities` (batch, classes), or for regression `numbers` in the units of the targets.
    Its metadata has `classes`, a JSON list of names, and `pictures`, how picture files become
    samples.
    Parameters are written as float32.

    Args:
        model: a model of layers of xpcnn.
        path: the file, usually with the suffix `.onnx`; an existing file is replaced.

    Raises:
        PackageMissingError: onnx is not installed.
        ConfigError: layers cannot be written as ONNX; names all of them with their paths.
        CheckpointError: the file cannot be written; an existing file is unchanged.
    """
    target = as_path(path)
    require_onnx()
    from xpcnn.io.onnx.exporting.network import content

    facts = Facts(model.seed, model.classes, model.reading, model.provenance)
    write_bytes(target, content(model.network, facts))


def import_onnx(
    path: str | Path,
    *,
    input_shape: Shape | None = None,
    output: str | None = None,
    classes: Sequence[str] | None = None,
    mean: float | Sequence[float] | None = None,
    std: float | Sequence[float] | None = None,
    backend: str | Backend = "numpy",
    device: str | int | None = None,
) -> Model:
    """Return the network of an ONNX file as a model in layers of xpcnn, which can be trained.

        model = xpcnn.import_onnx("model.onnx")

    Operators of convolutional classifiers become layers, residuals and branches included
    (`examples/guides/exchange.md` lists them); arithmetic on constants is computed. A first step (x
    - mean) / std per channel becomes mean and deviation of the model. A softmax or sigmoid at the
    end becomes part of the loss. Samples are channels-first, even if the file has channels last.
    The file is not trusted: nothing in it is run.

    Args:
        path: the ONNX file; data of its tensors may be in other files of the same folder.
        input_shape: shape of one sample, in the order of the file; needed if the file leaves sizes
            open.
        output: the name of the output to take; None for the first.
        classes: names of the classes; None for those that `export_onnx` wrote, if any.
        mean, std: normalisation of samples for a network that does not normalise them itself, as in
            `Model.set_normalisation`; None computes both from the data of the first `fit`.
        backend: array library of the model: a name, or a `Backend` from `xpcnn.backend.load`.
        device: device of the backend, by name or number; None for its default.

    Raises:
        PackageMissingError: onnx is not installed.
        ConfigError: an argument does not match the network.
        CheckpointError: the file cannot be read, or has nodes that cannot become layers; names all
            of them.
        BackendError: the backend cannot be used here.
    """
    require_onnx()
    from xpcnn.io.onnx.importing.network import read_network

    found = read_network(
        path, input_shape=input_shape, output=output, backend=backend, device=device
    )
    least = found.network.task.least
    names = found.classes if classes is None else as_classes(classes, least)
    origin = {"xpcnn": VERSION, "imported": str(path), "notes": list(found.notes)}
    model = model_of(found.network, Facts(0, names, found.reading, origin))
    if mean is not None or std is not None:
        if model.mean is not None:
            message = f"{path} normalises its samples itself"
            raise ConfigError(hint(message, "leave mean and std out"))
        model.set_normalisation(0.0 if mean is None else mean, 1.0 if std is None else std)
    return model


def import_pytorch(
    path: str | Path,
    model: str | Path,
    *,
    classes: Sequence[str] | None = None,
    backend: str | Backend = "numpy",
    device: str | int | None = None,
) -> Model:
    """Return a preset with the weights of a PyTorch network of torchvision or timm.

        model = xpcnn.import_pytorch("resnet18.safetensors", "resnet18")

    The file is a state dict as safetensors, with torchvision's names for ResNet-18, 34 and 50,
    VGG-11, 13 and 16 with and without batch norm, and MobileNetV2; with timm's names for
    EfficientNet-Lite0; before the names there may be one prefix, such as "module.". Values are
    taken as they are. The model has as many outputs as the file, and normalises samples from 0 to
    255 as the weights expect, by ImageNet's mean and deviation. Pictures are cropped to 224 x 224.

    Args:
        path: the safetensors file. A pickle (`.pth`) is rejected, with the line that converts it.
        model: a preset, or the path of a TOML file, with the same layers as the network.
        classes: names of the classes; None if they are not known.
        backend: array library of the model: a name, or a `Backend` from `xpcnn.backend.load`.
        device: device of the backend, by name or number; None for its default.

    Raises:
        CheckpointError: the file cannot be read, or tensors do not match; names all of them.
        ConfigError: the network is not one of those listed above.
        BackendError: the backend cannot be used here.
    """
    layout = preset(model)
    outputs = classes_in(path, network_name(layout.layers, layout.input_shape))
    layout = layout.for_data(layout.input_shape, outputs)
    network = Network(
        layout.layers,
        input_shape=layout.input_shape,
        backend=backend,
        device=device,
        loss=layout.loss,
    )
    name = read_weights(network, path)
    names = None if classes is None else as_classes(classes)
    reading = None
    if layout.input_shape[0] == 3:
        reading = Pictures("RGB", layout.input_shape[1:], "crop", "bilinear")  # type: ignore[arg-type]  # of two sizes
    origin = {"xpcnn": VERSION, "imported": str(path), "network": name}
    return model_of(network, Facts(0, names, reading, origin))


def export_pytorch(model: Model, path: str | Path) -> None:
    """Write the weights of a model with the names of torchvision or timm, as safetensors.

        network = torchvision.models.resnet18(num_classes=10)
        network.load_state_dict(safetensors.torch.load_file("weights.safetensors"))

    The file does not hold the mean and deviation of the samples.

    Args:
        model: one of the networks that `import_pytorch` lists, with any number of classes.
        path: the file; an existing file is replaced.

    Raises:
        ConfigError: the network is not one of these.
        CheckpointError: the file cannot be written; an existing file is unchanged.
    """
    write_weights(model.network, path)


def require_onnx() -> None:
    """Require the package onnx.

    Raises:
        PackageMissingError: it is not installed.
    """
    if find_spec("onnx") is None:
        raise missing("ONNX", "onnx", "onnx")
