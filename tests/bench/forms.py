"""The process of a side for tests: forms that sleep, one that cannot be built, one unknown."""

from contextlib import AbstractContextManager, nullcontext
from time import sleep

from xpcnn.benchmark import serve
from xpcnn.errors import BackendError

SECONDS = {"slow": 0.01, "fast": 0.002}


class Sleeper:
    """A step is a pause."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def session(self) -> AbstractContextManager[None]:
        return nullcontext()

    def step(self) -> None:
        sleep(self.seconds)


def side(*case: object) -> Sleeper:
    """Return the side of any case in the form that comes last."""
    print("what a library prints is no answer")
    form = str(case[-1])
    if form == "never":
        raise BackendError("no way to build it\nTry: another form")
    return Sleeper(SECONDS[form])


if __name__ == "__main__":
    serve(side)
