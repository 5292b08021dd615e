"""`xpcnn bench` beside PyTorch: `python -m tests.bench`, with the options of that command."""

from tests.bench.peer import Peer
from xpcnn.cli.bench import command

command(obj=Peer, prog_name="xpcnn bench")
