"""A watcher beside each process, which names one that ends without an error message.

MPICH's mpiexec, Hydra, kills the processes of a machine as soon as one closes its connection to it
without the end of MPI: then no other process can say which one it was. And on several machines it
lets the others wait when one exits. The connection is a file that the watcher holds open too: it
names its process, and then asks Hydra to end all. torchrun tells of a process that fails after it
has ended the others, in a table. Other launchers (Open MPI's, Slurm's) name one themselves: there
are no watchers.
"""

import atexit
import os
import platform
import socket
import subprocess
from collections.abc import Callable
from contextlib import suppress
from typing import Any

_WATCH = 'read -r ended || { echo "$0" >&2; sleep 1; echo "$1"; sleep 1; }'
"""In the language of sh: wait for a line on stdin; if stdin is closed without one, say $0, and when
the launcher has passed that on, tell it $1 by its connection, which is stdout."""

_ABORT = "cmd=abort exitcode=1"  # of the protocol PMI, as MPI_Abort sends it


def watch_by_hydra(rank: int) -> Callable[[], None]:
    """Start a watcher of this process if Hydra has started it; see `_watch`."""
    if "HYDI_CONTROL_FD" not in os.environ:
        return _nobody
    if "PMI_FD" in os.environ:
        connection = int(os.environ["PMI_FD"])
    else:  # mpiexec -pmi-port gives an address instead, which MPI has connected to
        connection = _connected_to(os.environ.get("PMI_PORT", ""))
    return _watch(rank, connection, _ABORT)


def watch_by_torchrun(rank: int) -> Callable[[], None]:
    """Start a watcher of this process if torchrun has started it; see `_watch`."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return _nobody
    return _watch(rank, subprocess.DEVNULL, "")


def _watch(rank: int, connection: int, last: str) -> Callable[[], None]:
    """Start a watcher of this process; return what tells it that the process ends by itself.

    At the end of Python that is called anyway. Launchers end processes by a signal to all that
    belong to them, and so the watcher too: it names none of these.

    rank: number of this process.
    connection: an open file of this process, to the launcher, or DEVNULL.
    last: what the launcher is told.
    """
    watcher = subprocess.Popen(
        ["/bin/sh", "-c", _WATCH, _ended(rank), last],
        stdin=subprocess.PIPE,
        stdout=connection,
        text=True,
    )

    def tell() -> None:
        if watcher.poll() is None:
            watcher.communicate("ended\n")

    atexit.register(tell)
    return tell


def _connected_to(address: str) -> int:
    """Return this process's open file that is connected to HOST:PORT, or DEVNULL if none is."""
    host, _, port = address.rpartition(":")
    with suppress(OSError):  # no such machine
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = {where[:2] for *_, where in found}
        for file in map(int, os.listdir("/dev/fd")):
            with suppress(OSError):  # not a socket, or not connected
                if _peer(file)[:2] in addresses:
                    return file
    return subprocess.DEVNULL


def _peer(file: int) -> Any:
    """Return the address that an open file is connected to."""
    connection = socket.socket(fileno=file)
    try:
        return connection.getpeername()
    finally:
        connection.detach()  # stays open: it is MPI's


def _nobody() -> None:
    """Tell nobody, where there is no watcher."""


def _ended(rank: int) -> str:
    """Return the error of a process that a signal or a library has ended."""
    who = f"error: process {rank} on {platform.node()} ended without an error message"
    why = "killed by the system or a user, or by a fault in a library"
    advice = "dmesg, which says whether memory ran out; then xpcnn resume"
    return f"{who}: {why}\nTry: {advice}"
