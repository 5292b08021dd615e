"""Configuration: files and flags as plain tables, and the objects that tables describe.

How `--lr 0.1` reaches the update of a weight:

    cli/training_flags.py        option("--lr", at="training.optimizer.lr")
    cli/request.py               assigns 0.1 to the path ("training", "optimizer", "lr")
    config/overlay.py            Change("", ("training", "optimizer", "lr"), 0.1)
    cli/settings.py              resolve(...) merges the changes with the preset and the defaults
    config/preset.py             build(table).training is a TrainingOptions
    training/updates.py          rate(...) is self.options.optimizer.lr * self.factor(...);
                                 epoch(...) puts the rates of an epoch on the device, `Update.lr`
    training/run.py              run_update(...) gives the rate to the step
    training/step.py             update(...), after the gradients are computed
    optimizers/groups.py         lr times the factor of `layer_lr` for the parameter
    optimizers/sgd.py            SGD.update(params, grads, state, lr, step); `with_kernel` above it
                                 runs the kernel of the backend in its place, where there is one

A key in the --config file, and --set, each make a `Change` too. `overlay` overrides one table by
another, `values` types the values of a table by the fields of a dataclass, and `registry` lists the
classes that a table may name. `tables` turns objects into tables, for the files of a run; `toml`
reads and writes text. Nothing here runs code from a file: no pickle, no import paths.
"""
