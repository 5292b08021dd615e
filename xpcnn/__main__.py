"""The command line as a process: `python -m xpcnn`, and the installed command `xpcnn`.

Signals and standard streams are made safe before anything large is imported.
"""

from xpcnn.cli import signals, streams


def main() -> None:
    """Run `xpcnn`, and end the process."""
    signals.leave_at_once()
    streams.make_safe()
    from xpcnn.cli import main

    main()


if __name__ == "__main__":
    main()
