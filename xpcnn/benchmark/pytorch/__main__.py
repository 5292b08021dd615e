"""The process of PyTorch's sides: `python -m xpcnn.benchmark.pytorch`. See `process.serve`."""

import torch

from xpcnn import backend
from xpcnn.benchmark.process import serve
from xpcnn.benchmark.pytorch.forms import COMPILED
from xpcnn.benchmark.pytorch.steps import Theirs
from xpcnn.benchmark.sides import Case, opened
from xpcnn.errors import BackendError, hint


def side(name: str, batch: int, mode: str, form: str) -> Theirs:
    """Return PyTorch's side of a case: in a memory format, or compiled."""
    parts = opened(Case(name, batch, mode))
    if form != COMPILED:
        return Theirs(*parts, mode, form)
    torch.compiler.reset()  # after eight networks in a process it would no longer compile
    theirs = Theirs(*parts, mode, form)
    try:
        theirs.step()
    except Exception as error:  # whatever its compiler, or that of C++, has to say
        reason = str(error).strip().partition("\n")[0]
        raise BackendError(hint(reason, "with a C++ compiler, or without --compile")) from error
    return theirs


if __name__ == "__main__":
    threads = backend.load("numpy").describe()["threads"]
    if threads.isdecimal():
        torch.set_num_threads(int(threads))
    serve(side)
