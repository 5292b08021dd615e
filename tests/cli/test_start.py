"""Ways to start, help, and what is imported for them."""

import subprocess
import sys
from pathlib import Path

import pytest

import xpcnn
from tests.cli.conftest import Cli
from tests.cli.process import environment, run
from xpcnn.cli.command_group import COMMANDS

ROOT = Path(__file__).parents[2]


def imported(*arguments: str) -> set[str]:
    """Return the modules that a command imports."""
    code = (
        "import sys\n"
        f"sys.argv = ['xpcnn', *{arguments!r}]\n"
        "from xpcnn.cli import main\n"
        "try:\n"
        "    main()\n"
        "except SystemExit as end:\n"
        "    assert end.code == 0, end.code\n"
        "print('MODULES', *sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment(), check=True
    )
    return set(done.stdout.rpartition("MODULES ")[2].split())


def test_python_m() -> None:
    assert run("--version") == (0, f"xpcnn, version {xpcnn.__version__}\n", "")


def test_the_entry_point_is_main() -> None:
    assert 'xpcnn = "xpcnn.__main__:main"' in (ROOT / "pyproject.toml").read_text()


def test_help_names_every_command_in_order(cli: Cli) -> None:
    ran = cli("--help")
    assert (ran.code, ran.err) == (0, "")
    listed = [line.split()[0] for line in ran.out.partition("Commands:\n")[2].splitlines()]
    assert listed == list(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command(cli: Cli, command: str) -> None:
    ran = cli(command, "--help")
    assert ran.code == 0
    assert ran.out.startswith(f"Usage: xpcnn {command} [OPTIONS]")
    assert ran.out.count("--verbose") == 1
    assert "XPCNN" not in ran.out


def test_without_a_command_there_is_help(cli: Cli) -> None:
    ran = cli()
    assert "Commands:" in ran.out + ran.err
    assert ran.code in (0, 2)  # 2 since click 8.2


HEAVY = {"array_api_compat.numpy", "cupy", "pooch", "pydantic", "safetensors", "torch"}


def test_help_imports_only_what_it_shows() -> None:
    modules = imported("--help")
    assert "click" in modules
    assert not modules & {*HEAVY, "tqdm", "xpcnn.cli.job", "xpcnn.environment"}


def test_train_imports_what_it_needs() -> None:
    flags = ("--limit", "50", "--epochs", "1", "--quiet")
    modules = imported("train", *flags)
    assert not modules & ((HEAVY - {"safetensors"}) | {"tqdm", "xpcnn.cli.commands.predict", "PIL"})


def test_the_package_does_not_import_the_command_line() -> None:
    code = "import sys, xpcnn; assert not {'click', 'tqdm', 'xpcnn.cli'} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], env=environment(), check=False)
    assert done.returncode == 0
