"""torchrun in this process: starts several on this machine, and ends as the first that failed did.

The command `torchrun` ends with 1 for every failure, and with a traceback of its own.
"""

import logging
from collections.abc import Sequence


def launch(processes: int, command: Sequence[str]) -> int:
    """Run `python COMMAND` in several processes, which `torch_engine` connects.

    Returns:
        the exit code of the process that ended first with another than 0, or 0; for a signal that
        ended it, or that this process got and passed on, 128 and its number.
    """
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import main

    logging.disable(logging.ERROR)  # the processes tell it
    try:
        main(["--standalone", "--nproc-per-node", str(processes), *command])
    except ChildFailedError as error:
        _, failure = error.get_first_failure()
        code: int = failure.exitcode
        return code if code > 0 else 128 - code
    except SignalException as error:
        return 128 + int(error.sigval)
    return 0
