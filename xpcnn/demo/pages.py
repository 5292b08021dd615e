"""The server of the page: static files, a description of the model, answers to pictures.

Serves this machine alone: requests by another host name, or sent by a page from elsewhere, are
rejected, so that no other web page in the browser can use the model.
"""

from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import TypeAlias
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from xpcnn.demo.recognizer import Recognizer
from xpcnn.errors import XpcnnError

Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]

LARGEST = 20_000_000  # bytes of a picture file
HOSTS = ("127.0.0.1", "localhost")

_FILES = {"/": "page.html", "/page.css": "page.css", "/page.js": "page.js"}
_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript"}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src 'self' data: blob:; base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}


def application(recognizer: Recognizer) -> Starlette:
    """Return the page as an ASGI application.

    GET / is the page; GET /model describes the model (`Recognizer.about`); POST /answer takes the
    bytes of a picture file and returns `Recognizer.answer`, or status 400, 403 or 413 with
    {"error": what is wrong}.
    """

    async def about(request: Request) -> Response:
        return JSONResponse(recognizer.about(), headers=_HEADERS)

    async def answer(request: Request) -> Response:
        origin = request.headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != request.headers["host"]:
            return _error(403, f"pictures from a page of {origin} are rejected")
        content = await _body(request)
        if content is None:
            return _error(413, f"the picture has more than {LARGEST // 1_000_000} MB")
        try:
            found = await run_in_threadpool(recognizer.answer, content)
        except XpcnnError as error:
            return _error(400, str(error))
        return JSONResponse(found, headers=_HEADERS)

    static = [Route(path, _file(name)) for path, name in _FILES.items()]
    return Starlette(
        routes=[*static, Route("/model", about), Route("/answer", answer, methods=["POST"])],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=list(HOSTS))],
    )


def _file(name: str) -> Endpoint:
    """Return an endpoint that sends a file of the package."""
    content = files("xpcnn.demo").joinpath("page", name).read_bytes()
    kind = _TYPES[name.partition(".")[2]]

    async def send(request: Request) -> Response:
        return Response(content, media_type=kind, headers=_HEADERS)

    return send


async def _body(request: Request) -> bytes | None:
    """Return the body of a request, or None where it is longer than `LARGEST`."""
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > LARGEST:
            return None
    return bytes(content)


def _error(status: int, text: str) -> Response:
    return JSONResponse({"error": text}, status, headers=_HEADERS)
