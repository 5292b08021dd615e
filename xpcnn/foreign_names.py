"""Names from other libraries and their equivalents in xpcnn: tables for the advice in errors.

Nothing is translated: a foreign name is an error whose `Try:` line is in the words of this package.
`argument_advice` makes the errors and their advice from these tables.
"""

from collections.abc import Mapping

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
    "seed": ("random_state",),
    "class_names": ("classes",),
    # methods of callbacks
    "on_step_end": ("on_step",),
    "on_batch_end": ("on_step",),
    "on_update_end": ("on_step",),
    "on_iteration_end": ("on_step",),
    "on_train_batch_end": ("on_step",),
    "on_epoch_begin": ("on_epoch_start",),
    "on_train_epoch_start": ("on_epoch_start",),
    "on_train_epoch_end": ("on_epoch_end",),
    "on_train_begin": ("on_start",),
    "on_train_start": ("on_start",),
    "on_fit_start": ("on_start",),
    "on_train_end": ("on_end",),
    "on_fit_end": ("on_end",),
    "on_test_end": ("on_validation",),
    "on_validation_end": ("on_validation",),
    "on_validation_epoch_end": ("on_validation",),
    # names of metrics
    "f1_score": ("f1",),
    "macro_f1": ("f1",),
    "roc_auc": ("auc",),
    "auroc": ("auc",),
    "ece": ("calibration_error",),
    "top3": ("top_3",),
    "top_3_accuracy": ("top_3",),
    "top5": ("top_5",),
    "top_k": ("top_5",),
    "top_5_accuracy": ("top_5",),
    "top_k_categorical_accuracy": ("top_5",),
    # names of schedules and augmentations
    "steplr": ("step",),
    "multisteplr": ("multi-step",),
    "exponentiallr": ("exponential",),
    "cosineannealinglr": ("cosine",),
    "cosine_annealing": ("cosine",),
    "cosineannealingwarmrestarts": ("cosine-restarts",),
    "onecyclelr": ("one-cycle",),
    "reducelronplateau": ("plateau",),
    "randomhorizontalflip": ("flip",),
    "randomverticalflip": ("vertical-flip",),
    "randomcrop": ("crop",),
    "randomresizedcrop": ("resized-crop",),
    "randomrotation": ("rotate",),
    "randomerasing": ("erasing",),
    "gaussianblur": ("blur",),
    "colorjitter": ("brightness",),
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
    "warm_start": "partial_fit(X, y), which trains the same network further",
    "optimizer": _IN_FIT.format("optimizer='adam'"),
    "epochs": _IN_FIT.format("epochs=10"),
    "batch_size": _IN_FIT.format("batch_size=64"),
    "device": "Model(..., backend='cupy', device=0), or model.to('cupy')",
    "backend": "Model(..., backend='cupy'), or model.to('cupy')",
}
"""Foreign names that have no equivalent, and names given in the wrong place: what to do."""

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

MISSING: Mapping[str, Mapping[str, str]] = {
    "Model": {
        "input_shape": "Model(layers, input_shape=train.shape), or (channels, height, width)"
    },
    "Activation": {
        "df": "Activation(f, df), a function and its derivative; ready ones are layers: ReLU()"
    },
    "Dataset": {"classes": "Dataset.from_arrays(images, labels), which works out mean and std"},
    "dropout": {
        "uniform": "dropout(x, uniform, rate=0.5), with random numbers in [0, 1) in x's shape"
    },
}
"""By class or op: arguments that are often left out, and the call that was likely meant."""

_BY_PATH = "model.get_weights(), arrays by path"
_FIGURES = "history['loss']; the names are loss, accuracy, val_loss, val_accuracy, lr, ..."
_SCORES = "model.predict_scores(samples), or model.predict_proba(samples)"

ATTRIBUTES: Mapping[str, Mapping[str, str]] = {
    "Model": {
        "compile": "Model(..., loss=...), then model.fit(data, optimizer='adam')",
        "train": "model.fit(data, epochs=10); there is no mode to switch: only fit trains",
        "eval": "model.evaluate(data); there is no mode to switch: only fit trains",
        **dict.fromkeys(("forward", "call"), _SCORES),
        "state_dict": "model.get_weights(), or model.save('model.safetensors')",
        "load_state_dict": "model.set_weights({...}), or xpcnn.load('model.safetensors')",
        **dict.fromkeys(("load", "load_weights"), "xpcnn.load('model.safetensors')"),
        "cuda": "model.to('cupy')",
        "cpu": "model.to('numpy')",
        **dict.fromkeys(("score", "test"), "model.evaluate(data)['accuracy']"),
        "predict_classes": "model.predict(samples)",
        "train_on_batch": "model.fit((samples, labels), epochs=1, batch_size=len(samples))",
        "fit_generator": "model.fit(xpcnn.data.from_batches(batches))",
        "add": "Model([...], input_shape=...), with all layers in the list",
        "zero_grad": "leave it out: gradients are not kept",
        "backward": "model.fit(data); layers return their pullback, see xpcnn.layers.base",
        "history": "history = model.fit(data)",
        "get_config": "model.layers, or model.save('model.safetensors')",
        **dict.fromkeys(("export", "export_onnx", "to_onnx"), "xpcnn.export_onnx(model, 'x.onnx')"),
        **dict.fromkeys(("parameters", "named_parameters", "weights"), _BY_PATH),
        **dict.fromkeys(("count_params", "num_parameters"), "model.summary().parameters"),
        **dict.fromkeys(("modules", "children"), "model.layers"),
        **dict.fromkeys(("logits", "predict_logits"), "model.predict_scores(samples)"),
        "export_pytorch": "xpcnn.export_pytorch(model, 'weights.safetensors')",
        **dict.fromkeys(("to_json", "save_weights"), "model.save('model.safetensors')"),
        "optimizer": "model.fit(data, optimizer='adam')",
        "plot": "history = model.fit(data), then history.plot()",
    },
    "History": {
        **dict.fromkeys(("history", "keys"), _FIGURES),
        **dict.fromkeys(("items", "values"), "for epoch in history: epoch.as_dict()"),
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
        "show": "train.plot(), or `xpcnn show digits`",
        "take": "train[:10]",
        "map": "model.fit(train, augment=[...])",
    },
}
"""By class: attributes that it has elsewhere, and what to write here."""

_CUPY = "--backend cupy"
_READ = "XPCNN_READ_THREADS=4 in the environment"
_OUT = "--out RUN"
_INIT = "--init RUN"
_DATA = "--dataset PATH"
FLAGS: Mapping[str, str] = {
    **dict.fromkeys(("gpu", "gpus", "cuda", "use_gpu", "use_cuda"), _CUPY),
    **dict.fromkeys(("arch", "net", "network", "backbone", "model_name"), "--model NAME"),
    **dict.fromkeys(("data", "data_path", "data_root", "root", "input", "path"), _DATA),
    **dict.fromkeys(("val", "val_split", "val_size"), "--validation 0.1"),
    **dict.fromkeys(("workers", "num_workers"), _READ),
    **dict.fromkeys(("threads", "num_threads"), "XPCNN_NUM_THREADS=4 in the environment"),
    **dict.fromkeys(("amp", "fp16", "half", "mixed_precision"), "--dtype float16"),
    **dict.fromkeys(("precision", "bf16"), "--dtype bfloat16"),
    **dict.fromkeys(("pretrained", "weights", "ckpt", "checkpoint", "load", "finetune"), _INIT),
    **dict.fromkeys(("save", "save_dir", "output", "output_dir", "outdir", "save_path"), _OUT),
    **dict.fromkeys(("o", "logdir", "log_dir", "work_dir"), _OUT),
    **dict.fromkeys(("img_size", "imgsz", "img", "size", "resolution"), "--image-size 32,32"),
    **dict.fromkeys(("subset", "max_samples", "num_samples"), "--limit 1000"),
    **dict.fromkeys(("opt", "optim"), "--optimizer NAME"),
    **dict.fromkeys(("aug", "augmentation", "augmentations", "transform"), "--augment LIST"),
    **dict.fromkeys(("clip", "clip_grad", "grad_clip", "max_grad_norm"), "--clip-norm 1.0"),
    **dict.fromkeys(("grad_accum", "gradient_accumulation_steps"), "--accumulate 4"),
    **dict.fromkeys(("batch", "b"), "--batch-size 64"),
    "e": "--epochs 10",
    "wd": "--weight-decay 5e-4",
    "warmup_epochs": "--warmup STEPS",
    "resume": "xpcnn resume RUN",
    **dict.fromkeys(("eval", "evaluate", "test"), "xpcnn evaluate RUN"),
    "num_classes": "leave it out: the classes are those of the data",
    "shuffle": "leave it out: every epoch has an order of its own, by --seed",
}
"""Flags of other programs, without hyphens before them and with underscores in them: what to write
for them on the command line."""

COMMANDS: Mapping[str, str] = {
    **dict.fromkeys(("fit", "learn", "finetune"), "train"),
    **dict.fromkeys(("test", "eval", "validate", "score", "val"), "evaluate"),
    **dict.fromkeys(("infer", "inference", "classify"), "predict"),
    **dict.fromkeys(("plot", "visualize"), "report"),
    **dict.fromkeys(("serve", "app"), "demo"),
    **dict.fromkeys(("search", "sweep"), "tune"),
    **dict.fromkeys(("compare",), "diff"),
    **dict.fromkeys(("convert",), "import"),
    **dict.fromkeys(("env", "doctor"), "info"),
    "continue": "resume",
    "benchmark": "bench",
    "help": "--help",
    "version": "--version",
}
"""Commands of other programs, and those of `xpcnn` that do the same."""
