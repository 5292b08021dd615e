"""What `xpcnn train` refuses, exit code 1, and what it tells; `test_usage` has exit code 2."""

from importlib import import_module
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from xpcnn.models import names

PRESETS = ", ".join(sorted(names()))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--backend", "cuppy"],
            "unknown backend 'cuppy'\nTry: 'cupy' (valid: array_api_strict, cupy, numpy, torch)",
        ),
        (
            ["--device", "1"],
            "backend 'numpy' cannot be used: NumPy has no device 1\n"
            "Try: device 'cpu'; backend 'cupy', or 'torch' on device 'cuda', for a GPU",
        ),
        (
            ["--tf32"],
            "backend 'numpy' on cpu has no TF32 (TF32 is of NVIDIA GPUs)\n"
            "Try: backend 'cupy', or 'torch' on device 'cuda'; or leave TF32 out",
        ),
        (
            ["--dataset", "digit"],
            "unknown data set 'digit'\n"
            "Try: 'digits' (valid: cifar10, cifar100, digits, fashion-mnist, kmnist, mnist); "
            "or the path of a file or folder that is there",
        ),
        (
            ["--dataset", "mnist", "--data-dir", "no/such"],
            "no/such: there is no such folder\nTry: check --data-dir",
        ),
        (
            ["--data-dir", "photos"],
            "--data-dir is given without --dataset, and digits are in no folder\n"
            "Try: --dataset photos, for images of your own; or the name of a data set too, such as "
            "--dataset mnist",
        ),
        (
            ["--model", "tinyy"],
            f"unknown model 'tinyy'\nTry: 'tiny' (valid: {PRESETS}), or the path of a .toml file",
        ),
        (
            ["--optimizer", "adamm"],
            "training.optimizer: unknown optimizer 'adamm'\n"
            "Try: 'adam' (valid: adagrad, adam, adamw, lamb, lars, lion, momentum, muon, nadam, "
            "nesterov, radam, rmsprop, sgd)",
        ),
        (
            ["--schedule", "cosin"],
            "training.schedule: unknown schedule 'cosin'\n"
            "Try: 'cosine' (valid: constant, cosine, cosine-restarts, exponential, multi-step, "
            "one-cycle, plateau, polynomial, step)",
        ),
        (
            ["--optimizer", "adam", "--momentum", "0.9"],
            "--momentum 0.9: training.optimizer (adam) has no option 'momentum'\n"
            "Try: one of amsgrad, beta1, beta2, decay_all, decoupled, eps, lr, weight_decay",
        ),
        (
            ["--lr", "-1"],
            "--lr -1: lr must be a finite number >= 0, got -1\nTry: --lr 0.001",
        ),
        (
            ["--lr", "nan"],
            "--lr nan: lr is nan, expected a finite number\nTry: --lr 0.001",
        ),
        (
            ["--epochs", "0"],
            "--epochs 0: epochs is 0, expected a whole number of at least 1\nTry: --epochs 10",
        ),
        (
            ["--batch-size", "-8"],
            "--batch-size -8: batch-size is -8, expected a whole number of at least 1\n"
            "Try: --batch-size 10",
        ),
        (
            ["--clip-norm", "-1"],
            "--clip-norm -1: clip-norm must be a finite number > 0, got -1\n"
            "Try: --clip-norm 1.0, or no clipping",
        ),
        (
            ["--optimizer", "adam", "--weight-decay", "-1"],
            "--weight-decay -1: weight-decay must be a finite number >= 0, got -1\n"
            "Try: --weight-decay 0.0",
        ),
        (
            ["--momentum", "1"],
            "--momentum 1: momentum must be a number >= 0 and < 1, got 1\nTry: --momentum 0.0",
        ),
        (
            ["--warmup", "1.5"],
            "--warmup 1.5: warmup must be a whole number of steps (int) or a fraction of all steps "
            "(float between 0 and 1), got 1.5\n"
            "Try: --warmup 100 for steps, --warmup 0.1 for a tenth of the run",
        ),
        (
            ["--ema", "1"],
            "--ema 1: ema must be a number >= 0 and < 1, got 1\nTry: --ema 0.999, or no average",
        ),
        (
            ["--find-lr", "--max-seconds", "0"],
            "--max-seconds 0: max-seconds must be a finite number > 0, got 0\n"
            "Try: --max-seconds 60",
        ),
        (
            ["--epochs", "3", "--set", "epochs=0"],
            "--set epochs=0: epochs is 0, expected a whole number of at least 1\nTry: epochs=10",
        ),
        (
            ["--dtype", "half"],
            "--dtype half: dtype is 'half', expected 'float32', 'float64', 'float16' or "
            "'bfloat16'\nTry: --dtype float16",
        ),
        (
            ["--validation", "1"],
            "--validation 1: the validation fraction must be in [0, 1), got 1.0\n"
            "Try: 0.1 for a tenth of the images, 0 for none",
        ),
        (
            ["--limit", "0"],
            "--limit 0: limit must be a whole number of at least 1, got 0\n"
            "Try: leave it out for all images",
        ),
        (
            ["--classes", "0,ten"],
            "data set 'digits' has no class 'ten'\nTry: one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_refused_before_a_folder_is_made(cli: Cli, arguments: list[str], message: str) -> None:
    assert cli("train", *arguments) == (1, "", f"error: {message}\n")
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--checkpoint-steps", "0"],
            "--checkpoint-steps 0: checkpoint-steps is 0, expected a whole number of at least 1\n"
            "Try: --checkpoint-steps 10",
        ),
        (
            ["--checkpoint-seconds", "0"],
            "--checkpoint-seconds 0: checkpoint-seconds must be a finite number > 0, got 0\n"
            "Try: --checkpoint-seconds 60.0",
        ),
        (
            ["--patience", "3", "--validation", "0"],
            "--patience 3: keep_best, patience, validate_every and metrics need data to validate "
            "on\n"
            "Try: --validation 0.1, a tenth of the training data",
        ),
        (
            ["--keep-best", "--validation", "0"],
            "--keep-best: keep-best, patience, validate_every and metrics need data to validate "
            "on\n"
            "Try: --validation 0.1, a tenth of the training data",
        ),
    ],
)
def test_errors_in_the_words_of_the_flags(cli: Cli, arguments: list[str], message: str) -> None:
    ran = cli("train", "--limit", "60", "--quiet", *arguments)
    assert ran == (1, "", f"error: {message}\n")


def test_a_preset_is_not_blamed_on_a_flag(cli: Cli) -> None:
    Path("bad.toml").write_text(
        "input_shape = [1, 8, 8]\nclasses = 10\nlayers = [{ type = 'Flatten' }, "
        "{ type = 'Dense', units = 'classes' }]\ntraining = { ema = 2 }"
    )
    ran = cli("train", "--model", "bad.toml", "--ema", "0.9")
    assert ran.err.startswith("error: bad.toml: TrainingOptions: ema must be a number >= 0 and < 1")


def test_a_network_that_does_not_fit_the_data(cli: Cli) -> None:
    ran = cli("train", "--model", "lenet5")
    assert ran.code == 1
    assert ran.err.startswith("error: lenet5: Conv2D: a window of 5 x 5 does not fit into an image")
    assert "\nat layers.3 (Conv2D): (1, 8, 8) -> " in ran.err
    assert not Path("runs").exists()


def test_training_that_diverges(cli: Cli) -> None:
    rate = ("--lr", "1e30", "--schedule", "constant")
    ran = cli("train", "--limit", "200", "--epochs", "3", *rate, "--quiet")
    assert ran.code == 1
    assert "error: training diverged: the output of layers." in ran.err
    assert (
        "\nTry: a smaller learning rate than 1e+30, or clip_norm=1.0; xpcnn replay runs/" in ran.err
    )


@pytest.mark.parametrize(
    ("sentence", "remedy"),
    [
        ("not installed (there is no module cupy)", 'pip install "cupy-cuda13x[ctk]"'),
        ("no driver (CUDA finds none on this machine)", "install the NVIDIA driver"),
        ("no device (the driver finds no GPU)", "`nvidia-smi -L`, which must list a GPU"),
        ("broken libraries (libcublas.so)", 'pip install "cupy-cuda13x[ctk]"'),
    ],
    ids=["not installed", "no driver", "no device", "broken libraries"],
)
def test_cupy_without_a_gpu_never_falls_back(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, sentence: str, remedy: str
) -> None:
    cupy_backend = import_module("xpcnn.backends.cupy_backend")
    monkeypatch.setattr(cupy_backend, "problem", lambda device: (sentence, remedy))
    assert cli("train", "--backend", "cupy") == (
        1,
        "",
        f"error: backend 'cupy' cannot be used: {sentence}\nTry: {remedy}\n",
    )
    assert not Path("runs").exists()
