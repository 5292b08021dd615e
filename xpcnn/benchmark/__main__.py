"""The process of our side: `python -m xpcnn.benchmark`. See `process.serve`."""

from xpcnn.benchmark.process import serve
from xpcnn.benchmark.sides import Case, Side, opened, ours


def side(name: str, batch: int, mode: str, form: str) -> Side:
    """Return our side of a case; it has one form only."""
    return ours(*opened(Case(name, batch, mode)), mode)


if __name__ == "__main__":
    serve(side)
