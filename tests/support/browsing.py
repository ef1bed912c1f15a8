"""What the page tests share: a page server in the test's loop, a browser's tab that is watched, and plain requests."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http.client import HTTPConnection, HTTPMessage
from urllib.parse import urlsplit

from playwright.async_api import Browser, Page

from gateway.web.listen import WebServer
from support.cold_room import ColdRoom


class Served:
    """A running page server. `urls` holds what it has announced, the newest last."""

    def __init__(self, room: ColdRoom, listen: str, lang: str) -> None:
        self.room = room
        self.urls: list[str] = []
        self._ready = asyncio.Event()
        self._task = asyncio.ensure_future(WebServer(room, listen, lang, self._announced).run())

    def _announced(self, url: str) -> None:
        self.urls.append(url)
        self._ready.set()

    async def ready(self) -> None:
        await self._ready.wait()

    async def stop(self) -> None:
        """Cancel it and wait until it has ended."""
        self._task.cancel()
        await asyncio.wait([self._task])

    @property
    def url(self) -> str:
        return self.urls[-1]


@asynccontextmanager
async def served(listen: str = "127.0.0.1:0", lang: str = "zh-CN") -> AsyncIterator[Served]:
    """A page server on a free port, with a cold room behind it."""
    server = Served(ColdRoom(), listen, lang)
    try:
        await server.ready()
        yield server
    finally:
        await server.stop()


class Tab:
    """A page in a browser context of its own, with what it asked for and what it complained about."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.requests: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))


@asynccontextmanager
async def tab(browser: Browser, url: str, width: int = 1280) -> AsyncIterator[Tab]:
    """Open `url` in a fresh context at `width` pixels."""
    context = await browser.new_context(viewport={"width": width, "height": 900}, timezone_id="Asia/Shanghai")
    try:
        opened = Tab(await context.new_page())
        await opened.page.goto(url)
        yield opened
    finally:
        await context.close()


async def get(url: str, **headers: str) -> tuple[int, HTTPMessage, bytes]:
    """One plain request: status, headers, body."""

    def ask() -> tuple[int, HTTPMessage, bytes]:
        parts = urlsplit(url)
        connection = HTTPConnection(parts.hostname or "", parts.port)
        try:
            connection.request("GET", f"{parts.path}?{parts.query}", headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    return await asyncio.to_thread(ask)
