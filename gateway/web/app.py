"""The web application: five addresses, all of them only read. Imported with the first visitor."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import uvicorn
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.status import Backend
from gateway.web.access import SESSION_S, Gate, TooManyTries, is_loopback, names_this_machine
from gateway.web.events import events
from gateway.web.plot import columns
from model.errors import DoorpostError
from model.texts import LANGS, text

_SESSION = "doorpost_session"
_LANG = "doorpost_lang"
_YEAR_S = 365 * 24 * 3600
_PLOT_MAX_US = 2 * 24 * 3600 * 1_000_000
_CONNECTIONS_MAX = 64  # each open page holds one; what comes above is answered with 503

_HEADERS = [
    (
        b"content-security-policy",
        b"default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
]

_templates = Environment(loader=PackageLoader("gateway.web"), autoescape=True, undefined=StrictUndefined)


class Page:
    """The answers to requests that were let in."""

    def __init__(self, backend: Backend, lang: str, stop: asyncio.Event) -> None:
        self._backend = backend
        self._lang = lang
        self._stop = stop

    async def index(self, request: Request) -> Response:
        snapshot = self._backend.snapshot()
        lang = _language(request, self._lang)
        response = _render("page.html", lang, gateway=snapshot.gateway, version=snapshot.version)
        if "lang" in request.query_params:
            response.set_cookie(_LANG, lang, max_age=_YEAR_S, httponly=True, samesite="strict")
        return response

    async def events(self, request: Request) -> Response:
        stream = events(self._backend, _language(request, self._lang), self._stop)
        return StreamingResponse(stream, media_type="text/event-stream")

    async def snapshot(self, request: Request) -> Response:
        return _json(self._backend.snapshot())

    async def series(self, request: Request) -> Response:
        """The last hour of a point: seconds UTC in `t`, values in `v`, null for a gap."""
        query = request.query_params
        try:
            rows = self._backend.series(query["device"], query["point"])
        except KeyError:
            return Response(status_code=404)
        return _json({"t": [at / 1e6 for at, _ in rows], "v": [value for _, value in rows]})

    async def plot(self, request: Request) -> Response:
        """A point from `since` to `until` (us UTC), two days at the most, minute by minute; see `gateway.web.plot`."""
        query, lang = request.query_params, _language(request, self._lang)
        try:
            since, until = int(query["since"]), int(query["until"])
            if not 0 <= since <= until <= since + _PLOT_MAX_US:
                return Response(status_code=400)
            plot = await self._backend.plot(query["device"], query["point"], since, until)
        except ValueError:
            return Response(status_code=400)
        except KeyError:
            return Response(status_code=404)
        except DoorpostError as err:
            return _json(
                {"t": [], "low": [], "high": [], "last": [], "notes": [text(f"error.{err.code}", lang, **err.params)]}
            )
        return _json(columns(plot, lang))


class Guard:
    """ASGI middleware: lets in who may read, and puts the security headers on every answer."""

    def __init__(self, app: ASGIApp, gate: Gate, lang: str) -> None:
        self._app = app
        self._gate = gate
        self._lang = lang

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        cache = b"no-cache" if request.url.path.startswith("/static/") else b"no-store"

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_HEADERS, (b"cache-control", cache)]
            await send(message)

        await (self._refusal(request) or self._app)(scope, receive, guarded)

    def _refusal(self, request: Request) -> Response | None:
        """None for a visitor who may read."""
        client = request.client.host if request.client else ""
        lang = _language(request, self._lang)
        if is_loopback(client):
            here = names_this_machine(request.headers.get("host", ""))
            return None if here else PlainTextResponse(text("page.foreign_host", lang), 403)
        if self._gate.knows(request.cookies.get(_SESSION)) or request.url.path.startswith("/static/"):
            return None
        code = request.query_params.get("code", "")
        try:
            token = self._gate.redeem(code, client) if code else None
        except TooManyTries:
            return _render("code.html", lang, 429, problem=text("page.code_too_many", lang))
        if token is None:
            return _render("code.html", lang, 401, problem=text("page.code_wrong", lang) if code else "")
        response = RedirectResponse(f"/?lang={lang}", 303)  # so that the used code does not stay in the address
        response.set_cookie(_SESSION, token, max_age=SESSION_S, httponly=True, samesite="strict")
        return response


def application(backend: Backend, lang: str, gate: Gate, stop: asyncio.Event) -> Starlette:
    """The page and its data, behind the guard. Event streams end when `stop` is set."""
    page = Page(backend, lang, stop)
    return Starlette(
        routes=[
            Route("/", page.index),
            Route("/events", page.events),
            Route("/api/snapshot", page.snapshot),
            Route("/api/series", page.series),
            Route("/api/plot", page.plot),
            Mount("/static", StaticFiles(packages=[("gateway.web", "static")])),
        ],
        middleware=[Middleware(Guard, gate=gate, lang=lang)],
    )


class _Server(uvicorn.Server):
    """uvicorn as a guest in the daemon's loop."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the daemon."""
        yield


async def serve(sock: socket.socket, backend: Backend, lang: str, gate: Gate) -> None:
    """Serve on a listening socket until cancelled; then end all streams and return within a moment."""
    stop = asyncio.Event()
    config = uvicorn.Config(
        application(backend, lang, gate, stop),
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # who comes through the loopback may not say that he is somebody else
        limit_concurrency=_CONNECTIONS_MAX,
        timeout_graceful_shutdown=1,
    )
    server = _Server(config)
    serving = asyncio.ensure_future(server.serve([sock]))
    try:
        await asyncio.shield(serving)
    finally:
        stop.set()
        server.should_exit = True
        await serving


def _language(request: Request, default: str) -> str:
    chosen = request.query_params.get("lang") or request.cookies.get(_LANG)
    return chosen if chosen in LANGS else default


def _render(template: str, lang: str, status: int = 200, **values: str) -> HTMLResponse:
    def say(key: str) -> str:
        return text(f"page.{key}", lang)

    return HTMLResponse(_templates.get_template(template).render(lang=lang, t=say, **values), status)


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")
