"""The command line: one file per command, imported when it is used."""

import sys


def main() -> None:
    """Run `xpcnn`, the entry point of the package."""
    try:
        from xpcnn.cli.group import cli

        cli(prog_name="xpcnn")
    except KeyboardInterrupt:  # while it is imported; `cli` knows what to do with others
        print("interrupted", file=sys.stderr)
        sys.exit(130)
