"""`python -m xpcnn`: the command line."""

from xpcnn.cli import main

main()
