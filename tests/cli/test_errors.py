"""What people are told, and the exit codes: 1 refused, 2 usage."""

import shutil
from importlib import import_module
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.cli.process import run
from xpcnn.cli.run_record import Journal
from xpcnn.models import names
from xpcnn.training import Epoch, History

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
            "Try: device 'cpu', or another backend",
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
            "'bfloat16'\nTry: --dtype float32",
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


def test_a_run_never_overwrites_another(cli: Cli, trained: Path) -> None:
    before = (trained / "model.safetensors").read_bytes()
    ran = cli("train", "--limit", "50", "--epochs", "1", "--out", trained)
    message = f"error: {trained} is not empty, and a run never overwrites another\n"
    assert ran == (1, "", message + "Try: --out with a new name\n")
    assert (trained / "model.safetensors").read_bytes() == before


def test_a_run_folder_that_cannot_be_made(cli: Cli) -> None:
    Path("file").write_text("in the way")
    for out, message in (
        ("file", "file is a file\nTry: --out with the name of a folder"),
        (
            "file/run",
            "the run folder file/run cannot be made: Not a directory\n"
            "Try: --out with a folder that may be written",
        ),
    ):
        ran = cli("train", "--limit", "50", "--epochs", "1", "--out", out)
        assert (ran.code, ran.out, ran.err) == (1, "", f"error: {message}\n")


def test_training_that_diverges(cli: Cli) -> None:
    rate = ("--lr", "1e30", "--schedule", "constant")
    ran = cli("train", "--limit", "200", "--epochs", "3", *rate, "--quiet")
    assert ran.code == 1
    assert "error: training diverged: the output of layers." in ran.err
    assert (
        "\nTry: a smaller learning rate than 1e+30, or clip_norm=1.0; xpcnn replay runs/" in ran.err
    )


def test_a_journal_that_cannot_be_written_for_a_while(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    journal, history = Journal(folder), History()
    journal.on_start(history, 0, 27)
    shutil.rmtree(folder)
    for epoch in (1, 2):
        history.epochs.append(Epoch(epoch, 0.5, 0.5, None, None, 0.1, 1.0, 50.0, 9 * epoch))
        journal.on_epoch_end(history.epochs[-1])
        folder.mkdir(exist_ok=True)
    said = f"note: {journal.path} cannot be written: No such file or directory\n"
    assert capsys.readouterr().err == said
    assert journal.path.read_text().count("\n") == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trian"], "no such command 'trian'. Try: 'train' (valid: "),
        (["train", "--epochs", "many"], "'many' is not a valid integer"),
        (["train", "--epocs", "3"], "--epocs"),
        (["train", "--learning-rate", "0.1"], "--lr"),
        (["train", "--num-epochs=3"], "--epochs"),
        (["train", "extra"], "unexpected extra argument (extra)\n"),
        (["train", "mnist"], "unexpected extra argument (mnist). Try: --dataset mnist\n"),
        (["train", "./b b", "c"], "arguments (./b b c). Try: --dataset './b b'\n"),
        (["train", "./a.toml"], "argument (./a.toml). Try: --config ./a.toml\n"),
        (["train", "--classes", "0"], "--classes needs two classes or more, such as 0,1; got '0'"),
        (["train", "--classes", "0,0"], "--classes needs two classes or more, such as 0,1"),
        (["train", "--augment", "none,flip"], "'none,flip': none cannot be combined"),
        (
            ["train", "--freeze", "none,*.bias"],
            "'none,*.bias': none cannot be combined with others",
        ),
        (["evaluate"], "Missing argument 'RUN|FILE'"),
        (
            ["evaluate", "run", "--part", "tset"],
            "'tset' is not one of 'test', 'validation', 'train'",
        ),
        (["predict", "run"], "Give either picture files or --rows, such as --rows 0:10."),
        (["predict", "run", "a.png", "--rows", "1"], "Give either picture files or --rows"),
        (["predict", "run", "a.png", "--invert", "maybe"], "'maybe' is not one of"),
        (["summary", "small", "--input-shape", "1;2"], "'1;2' is not a list of sizes"),
        (
            ["train", "--dataset", "a.csv", "--image-size", "16x16"],
            "--image-size 16x16: expected a height and a width such as 28,28",
        ),
        (["train", "--loss", "ce"], "--loss ce is none of cross-entropy, bce, "),
        (["summary", "small", "--batch-size", "0"], "0 is not in the range x>=1"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage(cli: Cli, arguments: list[str], message: str) -> None:
    ran = cli(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert message in ran.err
    assert ran.err.startswith("Usage: xpcnn ")


@pytest.mark.parametrize("given", [("--out=~/runs/a",), ("--out", "~/runs/a")])
def test_a_home_folder_that_no_shell_filled_in(
    cli: Cli, given: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shells leave the ~ of --out=~/runs, of quoted paths and of programs' arguments as it is."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    assert cli("train", "--max-steps", "1", *given).code == 0
    assert (tmp_path / "home/runs/a/model.safetensors").is_file()
    assert cli("summary", "~/runs/a").code == 0
    assert not Path("~").exists()


def test_a_variable_that_is_wrong_is_usage(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XPCNN_EPOCHS", "many")
    ran = cli("train")
    assert ran.code == 2
    message = "'many' is not a valid integer."
    assert f"Invalid value for '--epochs' (from XPCNN_EPOCHS): {message}" in ran.err
    assert f"Invalid value for '--epochs': {message}" in cli("train", "--epochs", "many").err


@pytest.mark.parametrize("where", ["before", "after"])
def test_verbose_shows_the_traceback(cli: Cli, where: str) -> None:
    arguments = ["train", "--epochs", "0"]
    ran = cli("-v", *arguments) if where == "before" else cli(*arguments, "--verbose")
    assert ran.code == 1
    assert ran.err.startswith("Traceback (most recent call last):\n")
    assert ran.err.endswith("\nTry: --epochs 10\n")


def test_a_defect_is_one_line_with_advice(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("of a kind\nthat nobody expects")

    monkeypatch.setattr("xpcnn.data.load_parts", broken)
    assert cli("train") == (
        1,
        "",
        "error: unexpected ZeroDivisionError: of a kind\n"
        "Try: the same with -v, for a full report\n",
    )
    ran = cli("train", "-v")
    assert ran.code == 1
    assert "Traceback" in ran.err
    assert "broken" in ran.err
    assert ran.err.endswith("error: unexpected ZeroDivisionError: of a kind\n")


def test_a_path_that_may_not_be_read_is_no_defect(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", "run/model.safetensors")

    monkeypatch.setattr("xpcnn.data.load_parts", denied)
    assert cli("train") == (
        1,
        "",
        "error: Permission denied: 'run/model.safetensors'\n"
        "Try: another path, or ask who may read and write there\n",
    )


def test_exit_codes_of_the_process() -> None:
    assert run("train", "--limit", "50", "--epochs", "1", "--quiet", "--out", "run")[0] == 0
    assert run("train", "--model", "tinyy")[0] == 1
    assert run("train", "--no-such-flag")[0] == 2


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


def test_a_file_whose_name_begins_with_a_minus_sign(cli: Cli) -> None:
    Path("-4.jpg").touch()
    ran = cli("predict", "run", "-4.jpg")
    assert ran.code == 2
    assert "No such option '-4'. Did you mean the file './-4.jpg'?\n" in ran.err
