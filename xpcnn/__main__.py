"""The command line as a process: `python -m xpcnn`, and the installed command `xpcnn`.

Signals and standard streams are made safe before anything large is imported.
"""

from xpcnn.startup_signals import leave_at_once


def main() -> None:
    """Run `xpcnn`, and end the process."""
    leave_at_once()
    from xpcnn.cli import main, standard_streams

    standard_streams.make_safe()
    main()


if __name__ == "__main__":
    main()
