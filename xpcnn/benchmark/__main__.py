"""The process of our side of a case: `python -m xpcnn.benchmark MODEL BATCH MODE`."""

import sys

from xpcnn.benchmark.sides import Case, opened, ours
from xpcnn.benchmark.timing import serve

name, batch, mode = sys.argv[1:]
serve(ours(*opened(Case(name, int(batch), mode)), mode), {})
