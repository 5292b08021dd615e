"""A watcher beside each process, which names one that ends without a word.

MPICH's mpiexec, Hydra, kills all processes as soon as one closes its connection to it without the
end of MPI: then no other process can say which one it was. The connection is a file that the
watcher holds open too, until it has named its process. torchrun tells of a process that fails after
it has ended the others, in a table. Other launchers (Open MPI's, Slurm's) name one themselves, and
have no watchers.
"""

import atexit
import os
import platform
import subprocess
from collections.abc import Callable, Sequence

HYDRA, TORCHRUN = "HYDI_CONTROL_FD", "TORCHELASTIC_RUN_ID"
"""Variables that these launchers give to their processes."""

_WATCH = 'read -r ended || { echo "$0" >&2; sleep 1; }'  # Hydra passes it on before it kills
"""In the language of sh: wait for a line on stdin; if stdin is closed without one, say $0."""


def watch(rank: int, launcher: str, held: Sequence[str] = ()) -> Callable[[], None]:
    """Start a watcher of this process; return what tells it that the process ends by itself.

    At the end of Python that is called anyway. Launchers end processes by a signal to all that
    belong to them, and so the watcher too: it names none of these.

    rank: number of this process.
    launcher: a variable of the launcher; there is no watcher where it is not set.
    held: variables with the numbers of open files that the watcher holds open.
    """
    if launcher not in os.environ:
        return lambda: None
    watcher = subprocess.Popen(
        ["/bin/sh", "-c", _WATCH, _ended(rank)],
        stdin=subprocess.PIPE,
        pass_fds=[int(os.environ[name]) for name in held if name in os.environ],
        text=True,
    )

    def tell() -> None:
        if watcher.poll() is None:
            watcher.communicate("ended\n")

    atexit.register(tell)
    return tell


def _ended(rank: int) -> str:
    """Return the error of a process that a signal or a library has ended."""
    who = f"error: process {rank} on {platform.node()}"
    advice = "dmesg, which says whether memory ran out; then xpcnn resume"
    return f"{who} ended without a word: killed, or by a library\nTry: {advice}"
