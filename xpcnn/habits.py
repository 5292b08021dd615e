"""Names from other libraries and their equivalents in xpcnn: advice for errors.

Nothing is translated: a foreign name is an error whose `Try:` line is in the words of this package.
`advised` gives this to a class, `advice_on` to any list of valid names.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import Any, TypeVar

from xpcnn.errors import ArgumentError, AttributeMissingError, hint, nearest

C = TypeVar("C", bound=Callable[..., Any])

SAME: Mapping[str, tuple[str, ...]] = {
    # arguments of layers
    "kernel_size": ("size",),
    "pool_size": ("size",),
    "target_shape": ("shape",),
    "out_channels": ("filters",),
    "out_features": ("units",),
    "output_dim": ("units",),
    "strides": ("stride",),
    "dilation_rate": ("dilation",),
    "use_bias": ("bias",),
    "kernel_initializer": ("weight_init",),
    "bias_initializer": ("bias_init",),
    "p": ("rate",),
    "prob": ("rate",),
    "drop_rate": ("rate",),
    "negative_slope": ("slope",),
    "alpha": ("slope",),
    "epsilon": ("eps",),
    "dim": ("axis",),
    # of optimizers and losses
    "learning_rate": ("lr",),
    "beta_1": ("beta1",),
    "beta_2": ("beta2",),
    "rho": ("alpha",),
    "pos_weight": ("positive_weights",),
    "weight": ("class_weights",),
    # of models and training
    "validation_data": ("validation",),
    "validation_split": ("validation",),
    "eval_set": ("validation",),
    "val_data": ("validation",),
    "nb_epoch": ("epochs",),
    "n_epochs": ("epochs",),
    "num_epochs": ("epochs",),
    "max_epochs": ("epochs",),
    "max_iter": ("epochs",),
    "bs": ("batch_size",),
    "verbose": ("progress",),
    "lr_scheduler": ("schedule",),
    "scheduler": ("schedule",),
    "early_stopping": ("patience",),
    "random_state": ("seed",),
    "class_names": ("classes",),
    # names of losses
    "categorical_crossentropy": ("cross-entropy",),
    "sparse_categorical_crossentropy": ("cross-entropy",),
    "crossentropy": ("cross-entropy",),
    "crossentropyloss": ("cross-entropy",),
    "log_loss": ("cross-entropy",),
    "softmax": ("cross-entropy",),
    "binary_crossentropy": ("bce",),
    "bcewithlogitsloss": ("bce",),
    "bceloss": ("bce",),
    "mean_squared_error": ("mse",),
    "mseloss": ("mse",),
    "mae": ("l1",),
    "l1loss": ("l1",),
    "mean_absolute_error": ("l1",),
    "huberloss": ("huber",),
    "smooth_l1": ("huber",),
    "smoothl1loss": ("huber",),
    "focal_loss": ("focal",),
    "focalloss": ("focal",),
}
"""Foreign names, in lower case, and the names here that mean the same."""

_FOLLOWS = "leave it out: it follows from the layer before"
_IN_FIT = "model.fit(..., {}): training options are given to fit"
_WEIGHTS = (
    "Model(..., loss=losses.SoftmaxCrossEntropy(class_weights='balanced')), or a weight for every "
    "class in place of 'balanced': {0: 5.0, 1: 1.0, ...}"
)
INSTEAD: Mapping[str, str] = {
    "in_channels": _FOLLOWS,
    "in_features": _FOLLOWS,
    "num_features": _FOLLOWS,
    "input_dim": "Model(..., input_shape=(features,))",
    "input_shape": "Model(..., input_shape=(channels, height, width))",
    "activation": "a layer of its own after it, such as ReLU()",
    "inplace": "leave it out: no layer writes into its input",
    "padding_mode": "leave it out: padding is by zeros",
    "track_running_stats": "fit(..., freeze=['layers.1.*']) keeps running statistics as they are",
    "params": "leave it out: fit passes the parameters",
    "betas": "beta1=0.9, beta2=0.999",
    "decay": "weight_decay=..., or fit(..., schedule=...) for the learning rate",
    "shuffle": "leave it out: every epoch has an order of its own, by the seed",
    "loss": "Model(..., loss=losses.MSE()), or a name: 'cross-entropy', 'bce', 'mse', ...",
    "criterion": "Model(..., loss=losses.MSE()), or a name: 'cross-entropy', 'bce', 'mse', ...",
    "metrics": "model.fit(..., metrics=['top_5', f1]): names, and functions of your own",
    "class_weight": _WEIGHTS,
    "class_weights": _WEIGHTS,
    "sample_weight": "fit(..., sample_weights=...), one number for each sample",
    "optimizer": _IN_FIT.format("optimizer='adam'"),
    "epochs": _IN_FIT.format("epochs=10"),
    "batch_size": _IN_FIT.format("batch_size=64"),
    "device": "Model(..., backend='cupy', device=0), or model.to('cupy')",
    "backend": "Model(..., backend='cupy'), or model.to('cupy')",
}
"""Foreign names that have no equal, and names given in the wrong place: what to do."""

BY_PLACE: Mapping[str, Mapping[int, str]] = {
    "Conv2D": {
        3: "Conv2D({1}, {2}): the number of input channels follows from the layer before",
        4: "Conv2D({1}, {2}, stride={3}): the input channels follow from the layer before",
    },
    "Dense": {2: "Dense({1}): the number of inputs follows from the layer before"},
    "BatchNorm": {1: "BatchNorm(): the number of channels follows from the layer before"},
    "MaxPool2D": {2: "MaxPool2D({0}, stride={1})"},
    "AvgPool2D": {2: "AvgPool2D({0}, stride={1})"},
    "Model": {2: "Model(layers, input_shape=(channels, height, width))"},
}
"""By class and number of arguments without a name: the call that was likely meant."""

ATTRIBUTES: Mapping[str, Mapping[str, str]] = {
    "Model": {
        "compile": "Model(..., loss=...), then model.fit(data, optimizer='adam')",
        "train": "model.fit(data, epochs=10); there is no mode to switch: only fit trains",
        "eval": "model.evaluate(data); there is no mode to switch: only fit trains",
        "forward": "model.predict_scores(samples), or model.predict_proba(samples)",
        "call": "model.predict_scores(samples), or model.predict_proba(samples)",
        "parameters": "model.get_weights(), arrays by path",
        "named_parameters": "model.get_weights(), arrays by path",
        "state_dict": "model.get_weights(), or model.save('model.safetensors')",
        "load_state_dict": "model.set_weights({...}), or xpcnn.load('model.safetensors')",
        "load_weights": "xpcnn.load('model.safetensors')",
        "weights": "model.get_weights(), arrays by path",
        "cuda": "model.to('cupy')",
        "cpu": "model.to('numpy')",
        "score": "model.evaluate(data)['accuracy']",
        "predict_classes": "model.predict(samples)",
        "predict_logits": "model.predict_scores(samples)",
        "logits": "model.predict_scores(samples)",
        "train_on_batch": "model.fit((samples, labels), epochs=1, batch_size=len(samples))",
        "fit_generator": "model.fit(xpcnn.data.from_batches(batches))",
        "add": "Model([...], input_shape=...), with all layers in the list",
        "zero_grad": "leave it out: gradients are not kept",
        "backward": "model.fit(data); layers return their pullback, see xpcnn.layers.base",
        "history": "history = model.fit(data)",
        "count_params": "model.summary().parameters",
        "num_parameters": "model.summary().parameters",
        "modules": "model.layers",
        "children": "model.layers",
        "get_config": "model.layers, or model.save('model.safetensors')",
        "to_json": "model.save('model.safetensors')",
    },
    "History": {
        "history": "history['loss']; the names are loss, accuracy, val_loss, val_accuracy, lr, ...",
        "keys": "history['loss']; the names are loss, accuracy, val_loss, val_accuracy, lr, ...",
        "items": "for epoch in history: epoch.as_dict()",
        "values": "for epoch in history: epoch.as_dict()",
        "epoch": "history['epoch'], or history.epochs",
        "loss": "history['loss']",
        "accuracy": "history['accuracy']",
        "val_loss": "history['val_loss']",
        "val_accuracy": "history['val_accuracy']",
        "lr": "history['lr']",
    },
    "Dataset": {
        "data": "train.images",
        "x": "train.images",
        "X": "train.images",
        "samples": "train.images",
        "features": "train.images",
        "targets": "train.labels",
        "target": "train.labels",
        "y": "train.labels",
        "class_names": "train.classes",
        "target_names": "train.classes",
        "class_to_idx": "train.classes.index(name)",
        "shuffle": "leave it out: every epoch has an order of its own, by the seed",
        "batch": "model.fit(train, batch_size=64)",
        "take": "train[:10]",
        "map": "model.fit(train, augment=[...])",
    },
}
"""By class: attributes that it has elsewhere, and what to write here."""


def advice_on(name: str, valid: Iterable[str]) -> str:
    """Return advice for an unknown `name`: its equivalent in xpcnn, or the closest valid name."""
    names = sorted(valid)
    ours = _ours(name, names)
    if ours is not None:
        return f"{ours!r} (valid: {', '.join(names)})"
    return INSTEAD.get(name.lower()) or nearest(name, names)


def advice_on_argument(
    call: str, name: str, value: Any, valid: Iterable[str], more: Iterable[str] = ()
) -> str:
    """Return advice for an unknown argument of a call such as "Dense(...)", with its value.

    more: further arguments that a foreign name may stand for.
    """
    names = list(valid)
    ours = _ours(name, [*names, *more])
    if ours is not None:
        plain = isinstance(value, bool | int | float | str) and ours != "progress"
        return call.replace("...", f"{ours}={repr(value) if plain else '...'}")
    if not names:
        return INSTEAD.get(name, f"{call.replace('...', '')}, without arguments")
    return advice_on(name, names)


def _ours(name: str, valid: Iterable[str]) -> str | None:
    """Return the valid name that means the same as a foreign one."""
    plain = name.lower().replace("-", "_")
    return next((ours for ours in SAME.get(plain, ()) if ours in valid), None)


def no_attribute(owner: str, name: str, names: Iterable[str]) -> AttributeMissingError:
    """Return the error for an attribute that an object does not have; `names`: those it has."""
    advice = ATTRIBUTES.get(owner, {}).get(name)
    if advice is None:
        advice = nearest(name, [known for known in names if not known.startswith("_")])
    return AttributeMissingError(hint(f"a {owner} has no {name!r}", advice))


def advised(call: C) -> C:
    """Let a class or a method suggest the right arguments in errors about wrong ones.

    A class is returned with another `__init__`, a method wrapped. Their calls raise an
    ArgumentError, which is a TypeError too, for an unknown, missing or surplus argument.
    """
    if isinstance(call, type):
        init = call.__init__  # type: ignore[misc]
        call.__init__ = _advised(call.__name__, init)  # type: ignore[misc]
        return call
    return _advised(call.__name__, call)  # type: ignore[return-value]


def _advised(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return method(self, *args, **kwargs)
        except TypeError:
            _check(name, inspect.signature(method), args, kwargs)
            raise  # of another call, further inside

    return call


def _check(
    owner: str, signature: inspect.Signature, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> None:
    """Raise an error that names the argument that a signature, with `self` first, rejects."""
    try:
        signature.bind(None, *args, **kwargs)
    except TypeError:
        pass
    else:
        return
    parameters = [p for p in list(signature.parameters.values())[1:] if p.kind is not p.VAR_KEYWORD]
    by_place = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    by_name = [p.name for p in parameters]
    for name, value in kwargs.items():
        if name not in by_name:
            advice = advice_on_argument(f"{owner}(...)", name, value, by_name)
            raise ArgumentError(hint(f"{owner} has no argument {name!r}", advice))
    if len(args) > len(by_place):
        most = f"at most {len(by_place)}" if by_place else "none"
        many = "1 argument" if len(args) == 1 else f"{len(args)} arguments"
        message = f"{owner}: {many} without a name, expected {most}"
        raise ArgumentError(hint(message, _call(owner, args, by_place, by_name)))
    twice = [name for name in by_place[: len(args)] if name in kwargs]
    if twice:
        raise ArgumentError(hint(f"{owner}: {twice[0]} is given twice", f"{twice[0]}=... once"))
    missing = [p.name for p in parameters if p.default is p.empty and p.name not in kwargs]
    missing = [name for name in missing if name not in by_place[: len(args)]]
    listed = ", ".join(f"{name}=..." for name in missing)
    message = f"{owner}: {' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing"
    raise ArgumentError(hint(message, f"{owner}({listed})"))


def _call(owner: str, args: tuple[Any, ...], by_place: list[str], by_name: list[str]) -> str:
    """Return the call that was probably meant by too many positional arguments."""
    meant = BY_PLACE.get(owner, {}).get(len(args))
    plain = all(isinstance(arg, int | float | tuple) for arg in args)
    if meant is not None and (plain or "{" not in meant):
        return meant.format(*args)
    if owner in ("Sequential", "Concat"):
        return f"{owner}([...]), one list of layers"
    rest = [name for name in by_name if name not in by_place]
    if not rest:
        return f"{owner}({', '.join(by_place)})"
    return f"the others by name: {', '.join(f'{name}=...' for name in rest)}"
