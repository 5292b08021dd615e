"""Serve the page on 127.0.0.1 until Ctrl-C."""

import socket
from importlib.util import find_spec

from xpcnn.demo.recognizer import Recognizer
from xpcnn.errors import ConfigError, hint, missing


def listen(port: int) -> socket.socket:
    """Return a socket that listens on a port of 127.0.0.1; 0 takes a free one.

    Raises:
        ConfigError: the port is not available.
    """
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError as error:
        message = f"port {port} of 127.0.0.1: {error.strerror or error}"
        raise ConfigError(hint(message, "another --port, or --port 0 for a free one")) from error


def serve(recognizer: Recognizer, at: socket.socket) -> None:
    """Answer requests at a listening socket until the process is interrupted.

    Raises:
        PackageMissingError: Starlette or uvicorn is missing.
    """
    require_server()
    import uvicorn

    from xpcnn.demo.pages import application

    config = uvicorn.Config(application(recognizer), log_level="warning", lifespan="off")
    uvicorn.Server(config).run(sockets=[at])


def require_server() -> None:
    """Check that Starlette and uvicorn are installed.

    Raises:
        PackageMissingError: one of them is not.
    """
    for name, module in (("Starlette", "starlette"), ("uvicorn", "uvicorn")):
        if find_spec(module) is None:
            raise missing("the demo", name, "demo")
