"""Time our side of one case alone: `python -m xpcnn.benchmark MODEL BATCH MODE`. Prints JSON."""

import json
import sys

from xpcnn.benchmark.sides import Case, opened, ours
from xpcnn.benchmark.timing import measured

name, batch, mode = sys.argv[1:]
case = Case(name, int(batch), mode)
print(json.dumps(measured(ours(*opened(case), case.mode))))
