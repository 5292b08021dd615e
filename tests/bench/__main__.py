"""`xpcnn bench` beside PyTorch: `python -m tests.bench`, with the options of that command."""

import sys

from tests.bench.peer import Peer
from xpcnn.cli.group import cli

if __name__ == "__main__":
    cli(["bench", *sys.argv[1:]], prog_name="xpcnn", obj=Peer)
