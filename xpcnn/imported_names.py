"""Names that people import from modules of other libraries, and what stands for them in xpcnn.

Nothing is translated: `from xpcnn.layers import Linear` is an error that names Dense.
"""

from collections.abc import Iterable, Mapping

from xpcnn.errors import AttributeMissingError, NameMissingError, hint, nearest

_CLASS = "a class of your own with init and forward: see xpcnn.layers.Layer"
_NOT_HERE = "another library: xpcnn has no recurrent layers and no attention"
_PADDING = "padding=... of the layer after it, such as Conv2D(16, 3, padding=1)"

NAMES: Mapping[str, Mapping[str, str]] = {
    "xpcnn": {
        "nn": "xpcnn.layers",
        "functional": "xpcnn.ops",
        "optim": "xpcnn.optimizers",
        "datasets": "xpcnn.data",
        "activations": "xpcnn.layers, such as ReLU()",
        "callbacks": "xpcnn.training.Callback",
        "utils": "xpcnn.data, xpcnn.training",
        "Sequential": "xpcnn.layers.Sequential",
        "Dataset": "xpcnn.data.Dataset",
        "save": "model.save('model.safetensors')",
        "load_model": "xpcnn.load('model.safetensors')",
        "check_gradients": "xpcnn.testing.check_gradients",
    },
    "xpcnn.layers": {
        **dict.fromkeys(("Linear", "FullyConnected", "FC"), "Dense"),
        **dict.fromkeys(("Convolution2D", "Convolution", "Conv"), "Conv2D"),
        **dict.fromkeys(("Conv2DTranspose", "Deconv2D"), "ConvTranspose2D"),
        **dict.fromkeys(("MaxPooling2D", "MaxPool", "MaxPooling"), "MaxPool2D"),
        **dict.fromkeys(("AveragePooling2D", "AvgPool", "MeanPool"), "AvgPool2D"),
        **dict.fromkeys(("BatchNorm1d", "BatchNorm2d", "BatchNormalization"), "BatchNorm"),
        **dict.fromkeys(("Dropout2d", "SpatialDropout2D"), "SpatialDropout"),
        **dict.fromkeys(
            ("UpSampling2D", "UpsamplingNearest2d", "UpsamplingBilinear2d"), "Upsample"
        ),
        **dict.fromkeys(("ZeroPad2d", "ZeroPadding2D"), _PADDING),
        **dict.fromkeys(("Module", "Model"), _CLASS),
        **dict.fromkeys(
            ("Input", "InputLayer"), "Model(..., input_shape=(channels, height, width))"
        ),
        **dict.fromkeys(("LSTM", "GRU", "RNN", "Embedding", "Attention"), _NOT_HERE),
        **dict.fromkeys(("MultiheadAttention", "MultiHeadAttention", "Transformer"), _NOT_HERE),
        "GlobalAveragePooling2D": "GlobalAvgPool2D",
        "GlobalMaxPooling2D": "GlobalMaxPool2D",
        "LayerNormalization": "LayerNorm",
        "GroupNormalization": "GroupNorm",
        "InstanceNorm2d": "GroupNorm(channels), one group for each channel",
        "Swish": "SiLU",
        "Concatenate": "Concat",
        "Add": "Residual",
        "Lambda": "Activation(f, df)",
    },
    "xpcnn.losses": {
        **dict.fromkeys(("CrossEntropy", "CrossEntropyLoss"), "SoftmaxCrossEntropy"),
        **dict.fromkeys(("CategoricalCrossentropy", "NLLLoss"), "SoftmaxCrossEntropy"),
        "SparseCategoricalCrossentropy": "SoftmaxCrossEntropy",
        **dict.fromkeys(("BCE", "BCELoss", "BCEWithLogitsLoss"), "BCEWithLogits"),
        "BinaryCrossentropy": "BCEWithLogits",
        **dict.fromkeys(("MSELoss", "MeanSquaredError"), "MSE"),
        **dict.fromkeys(("L1Loss", "MAE", "MeanAbsoluteError"), "L1"),
        **dict.fromkeys(("HuberLoss", "SmoothL1Loss"), "Huber"),
        "FocalLoss": "Focal",
    },
    "xpcnn.optimizers": {
        **dict.fromkeys(("Momentum", "Nesterov"), "SGD(lr=0.1, momentum=0.9)"),
        "schedules": "xpcnn.schedules",
        "lr_scheduler": "xpcnn.schedules",
    },
    "xpcnn.ops": {
        "matmul": "dense",
        **dict.fromkeys(("cross_entropy", "nll_loss"), "softmax_cross_entropy"),
        "binary_cross_entropy_with_logits": "bce_with_logits",
        **dict.fromkeys(("max_pool", "maxpool2d"), "max_pool2d"),
        **dict.fromkeys(("avg_pool", "avgpool2d"), "avg_pool2d"),
        **dict.fromkeys(("convolve", "convolution"), "conv2d"),
        "mse_loss": "mse",
        "swish": "silu",
    },
}
"""By module: foreign names, and what to write for them."""


def missing_name(module: str, name: str, valid: Iterable[str]) -> Exception:
    """Return the error that a module of xpcnn has no such name, with advice.

    An ImportError for the names above and for those in another case, Conv2d for Conv2D: of the
    AttributeError that is due, `from module import name` shows no word.
    """
    message = f"{module} has no {name!r}"
    same = [known for known in valid if known.lower() == name.lower()]
    if module == "xpcnn":  # xpcnn.model is a module, which Python looks for after this
        same = []
    meant = NAMES.get(module, {}).get(name) or next(iter(same), None)
    if meant is not None:
        return NameMissingError(hint(message, meant))
    if name.startswith("_"):
        return AttributeMissingError(hint(message, "a public name"))
    return AttributeMissingError(hint(message, nearest(name, valid)))
