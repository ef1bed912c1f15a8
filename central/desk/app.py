"""The web application: the page, its stream of events, logging in and out, orders."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from central import persons
from central.desk import orders
from central.desk.access import People, Session, Sessions, names_us, place, same_origin
from central.desk.board import Board
from central.desk.events import events
from central.desk.lines import Address
from central.desk.pages import Pages, clock_time
from central.desk.watch import Watch
from central.settings import Targets
from model.errors import DoorpostError
from model.texts import LANGS, hint, text

_SESSION = "doorpost_desk"
_LANG = "doorpost_lang"
_YEAR_S = 365 * 24 * 3600
_FORM_MAX_BYTES = 16 * 1024
_FIELDS_MAX = 32

_HEADERS = [
    (
        b"content-security-policy",
        b"default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),  # a form without it says the origin "null"
]


class _LoginNeeded(Exception):
    pass


class Desk:
    """The answers. `known` is told from where somebody asks who has logged in; `secure`: cookies go over TLS alone."""

    def __init__(
        self,
        data: Path,
        targets: Targets,
        lang: str,
        watch: Watch,
        stop: asyncio.Event,
        known: Callable[[Address], None],
        *,
        secure: bool,
    ) -> None:
        self._data = data
        self._targets = targets
        self._lang = lang
        self._watch = watch
        self._stop = stop
        self._secure = secure
        self._known = known
        self._people = People(data / "central.toml")
        self._sessions = Sessions(self._people.pin)
        self._boards: dict[str, Board] = {}
        self._guessing = asyncio.Lock()

    async def screen(self, request: Request) -> Response:
        session = self._session(request)
        response = self._pages(request).screen(self._watch.seen, session, still="still" in request.query_params)
        return self._remember_language(request, response)

    async def events(self, request: Request) -> Response:
        self._session(request)
        lang, token = _language(request, self._lang), request.cookies.get(_SESSION)
        board = self._boards.setdefault(lang, Board(self._pages(request), self._watch))

        def alive() -> bool:
            return self._sessions.find(token) is not None

        return StreamingResponse(events(self._watch, board, alive, self._stop), media_type="text/event-stream")

    async def login_page(self, request: Request) -> Response:
        return self._remember_language(request, self._pages(request).page("login.html", problem="", name=""))

    async def login(self, request: Request) -> Response:
        """Raises nothing for a wrong PIN: the form comes again with a sentence."""
        form = await _form(request)
        name = form.get("name", "").strip()
        try:
            async with self._guessing:  # it is work, and must not keep orders waiting
                await asyncio.to_thread(
                    persons.authenticate,
                    self._data,
                    self._people.now(),
                    name,
                    form.get("pin", ""),
                    place(_peer(request)[0]),
                )
        except DoorpostError as err:
            return self._pages(request).page("login.html", 403, problem=_sentence(err, request, self._lang), name=name)
        self._sessions.end(request.cookies.get(_SESSION))
        response = RedirectResponse("/", 303)
        response.set_cookie(_SESSION, self._sessions.begin(name), httponly=True, samesite="strict", secure=self._secure)
        return response

    async def logout(self, request: Request) -> Response:
        session, form = self._session(request), await _form(request)
        if not self._sessions.owns(session, form.get("form", "")):
            raise HTTPException(400)
        self._sessions.end(request.cookies.get(_SESSION))
        return RedirectResponse("/login", 303)

    async def order(self, request: Request) -> Response:
        """What came of it, as JSON for the page's script, else on the page that follows."""
        session, form = self._session(request), await _form(request)
        if not self._sessions.may_order(session, form.get("form", "")):
            raise _LoginNeeded
        done, at = False, None
        try:
            order = orders.parse(form)
            given = await asyncio.to_thread(orders.give, self._data, order, session.person)
            done, at = given.done, given.at
            key = f"desk.ordered.{order.step if order.step == 'ack' else 'other'}.{'now' if done else 'before'}"
            # the time is written by whoever shows it
            said = text(key, _language(request, self._lang), person=given.by, at="{at}")
        except DoorpostError as err:
            said = _sentence(err, request, self._lang)
        if _wants_json(request):
            return JSONResponse({"done": done, "text": said, "at": at})
        session.said = said.replace("{at}", clock_time(at))
        return RedirectResponse("/", 303)

    async def failed(self, request: Request, exc: Exception) -> Response:
        """Whatever went wrong, in a sentence."""
        if isinstance(exc, _LoginNeeded):
            if _wants_json(request):
                return JSONResponse({"text": text("desk.login_needed", _language(request, self._lang))}, 401)
            return RedirectResponse("/login", 303)
        status = exc.status_code if isinstance(exc, HTTPException) else 500
        key = f"desk.http.{status if status in _KNOWN else 'other'}"
        said = text(key, _language(request, self._lang), status=status)
        if _wants_json(request):
            return JSONResponse({"text": said}, status)
        return self._pages(request).page("failed.html", status, said=said)

    def _session(self, request: Request) -> Session:
        session = self._sessions.find(request.cookies.get(_SESSION))
        if session is None:
            raise _LoginNeeded
        self._known(_peer(request))
        return session

    def _pages(self, request: Request) -> Pages:
        return Pages(_language(request, self._lang), self._targets)

    def _remember_language(self, request: Request, response: Response) -> Response:
        if "lang" in request.query_params:
            chosen = _language(request, self._lang)
            response.set_cookie(_LANG, chosen, max_age=_YEAR_S, httponly=True, samesite="strict", secure=self._secure)
        return response


class Guard:
    """Around an application: turns away what another page has led here, and puts the security headers on every answer."""

    def __init__(self, app: ASGIApp, listen: str, lang: str, secure: bool) -> None:
        self._app = app
        self._listen = listen
        self._lang = lang
        self._secure = secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        cache = b"no-cache" if request.url.path.startswith("/static/") else b"no-store"

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_HEADERS, (b"cache-control", cache)]
            await send(message)

        await (self._refusal(request) or self._app)(scope, receive, guarded)

    def _refusal(self, request: Request) -> Response | None:
        host, lang = request.headers.get("host", ""), _language(request, self._lang)
        # with TLS the certificate has named the host already
        if not self._secure and not names_us(host, self._listen):
            return Response(text("desk.foreign_host", lang), 403, media_type="text/plain")
        if request.method == "POST" and not same_origin(request.headers.get("origin"), request.scope["scheme"], host):
            return Response(text("desk.foreign_page", lang), 403, media_type="text/plain")
        return None


_KNOWN = {400, 404, 405, 413, 500}


def application(
    data: Path,
    targets: Targets,
    listen: str,
    lang: str,
    watch: Watch,
    stop: asyncio.Event,
    known: Callable[[Address], None],
    *,
    secure: bool,
) -> ASGIApp:
    """The page behind its guard. Event streams end when `stop` is set."""
    desk = Desk(data, targets, lang, watch, stop, known, secure=secure)
    page = Starlette(
        routes=[
            Route("/", desk.screen),
            Route("/events", desk.events),
            Route("/login", desk.login_page, methods=["GET"]),
            Route("/login", desk.login, methods=["POST"]),
            Route("/logout", desk.logout, methods=["POST"]),
            Route("/order", desk.order, methods=["POST"]),
            Mount("/static", StaticFiles(packages=[("central.desk", "static")])),
        ],
        exception_handlers={_LoginNeeded: desk.failed, HTTPException: desk.failed, Exception: desk.failed},
    )
    # what Starlette takes as middleware is inside of its handler of last resort
    return Guard(page, listen, lang, secure)


def _peer(request: Request) -> Address:
    if request.client is None:  # gone already
        raise HTTPException(400)
    return request.client.host, request.client.port


async def _form(request: Request) -> dict[str, str]:
    """The fields of a form. Raises HTTPException for what is none."""
    body = b""
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > _FORM_MAX_BYTES:
                raise HTTPException(413)
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_FIELDS_MAX, errors="strict")
    except (ValueError, ClientDisconnect) as err:
        raise HTTPException(400) from err
    return dict(pairs)


def _wants_json(request: Request) -> bool:
    return request.headers.get("accept", "") in {"application/json", "text/event-stream"}


def _sentence(err: DoorpostError, request: Request, default: str) -> str:
    """What is wrong and what to do; no hint that is a command line, which is nothing for whoever has a browser."""
    lang = _language(request, default)
    advice = hint(err.code, lang, **err.params) or ""
    said = text(f"error.{err.code}", lang, **err.params)
    return said if not advice or "`" in advice else f"{said} → {advice}"


def _language(request: Request, default: str) -> str:
    chosen = request.query_params.get("lang") or request.cookies.get(_LANG)
    return chosen if chosen in LANGS else default
