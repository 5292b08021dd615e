"""The command line: `commands` has a file per command, imported when it is used."""

import sys


def main() -> None:
    """Run `xpcnn` with the arguments of this process; raises SystemExit."""
    from xpcnn.cli.command_group import cli

    try:
        cli(prog_name="xpcnn")
    except OSError as error:  # of standard output, in --help and --version
        print(f"error: standard output: {error.strerror or error}", file=sys.stderr)
        sys.exit(1)
