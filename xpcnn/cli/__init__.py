"""The command line: one file per command, imported when it is used."""


def main() -> None:
    """Run `xpcnn`, the entry point of the package."""
    from xpcnn.cli.group import cli

    cli(prog_name="xpcnn")
