"""Convolutional networks with gradients written by hand, for every library of the array API.

    train, test = xpcnn.data.load("digits")
    model = xpcnn.Model(layers, input_shape=train.shape, backend="numpy")
    history = model.fit(train, epochs=5, validation=test)

See `layers` for what a network is made of, `ops.reference` for what it computes and why the
gradients are what they are, `data` for data sets, `models` for ready networks.

Each part is imported when it is first used, so that `import xpcnn` is fast and the command line can
set up its handling of Ctrl-C before anything else is imported.
"""

from importlib import import_module

from xpcnn.version import VERSION

__version__ = VERSION

TYPE_CHECKING = False
"""As in `typing`, whose import would take most of the time of this one."""

if TYPE_CHECKING:
    from typing import Any

    from xpcnn import (
        backend,
        data,
        diagnostics,
        initializers,
        layers,
        losses,
        metrics,
        models,
        ops,
        optimizers,
        schedules,
        target_metrics,
        tasks,
        testing,
        training,
    )
    from xpcnn.classification import classification_report
    from xpcnn.exchange import export_onnx, export_pytorch, import_onnx, import_pytorch
    from xpcnn.model import Model
    from xpcnn.model_loading import load_model as load
    from xpcnn.model_loading import load_weights
    from xpcnn.targets import target_report

__all__ = [
    "Model",
    "load",
    "load_weights",
    "export_onnx",
    "import_onnx",
    "export_pytorch",
    "import_pytorch",
    "classification_report",
    "target_report",
    "layers",
    "optimizers",
    "schedules",
    "losses",
    "metrics",
    "target_metrics",
    "tasks",
    "data",
    "models",
    "training",
    "diagnostics",
    "initializers",
    "ops",
    "backend",
    "testing",
]

_OBJECTS = {
    "Model": ("xpcnn.model", "Model"),
    "load": ("xpcnn.model_loading", "load_model"),
    "load_weights": ("xpcnn.model_loading", "load_weights"),
    "export_onnx": ("xpcnn.exchange", "export_onnx"),
    "import_onnx": ("xpcnn.exchange", "import_onnx"),
    "export_pytorch": ("xpcnn.exchange", "export_pytorch"),
    "import_pytorch": ("xpcnn.exchange", "import_pytorch"),
    "classification_report": ("xpcnn.classification", "classification_report"),
    "target_report": ("xpcnn.targets", "target_report"),
}
"""The names in `__all__` that are not modules: the module of each, and its name there."""


def __getattr__(name: str) -> "Any":
    if name not in __all__:
        raise import_module("xpcnn.imported_names").missing_name("xpcnn", name, __all__)
    if name in _OBJECTS:
        module, called = _OBJECTS[name]
        found = getattr(import_module(module), called)
    else:
        found = import_module(f"xpcnn.{name}")
    globals()[name] = found  # not asked for again
    return found


def __dir__() -> list[str]:
    return sorted([*__all__, "__doc__", "__version__"])
