"""Who may see the page, when its server starts, and how it ends."""

import asyncio
import json
import logging
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from gateway.web.access import is_loopback
from gateway.web.listen import WebServer
from model.errors import SettingsError
from support.browsing import Served, get, served, tab
from support.cold_room import ColdRoom

pytestmark = pytest.mark.asyncio(loop_scope="session")

ROOT = Path(__file__).parents[2]


@pytest_asyncio.fixture(loop_scope="session")
async def remote() -> AsyncIterator[Served]:
    """A page that listens on all addresses. What is asked at the announced one comes from no loopback."""
    async with served("0.0.0.0:0") as server:
        if is_loopback(socket.gethostbyname(urlsplit(server.url).hostname or "")):
            pytest.skip("this machine has no address but the loopback")
        yield server


async def test_one_time_code_works_once(browser: Browser, remote: Served) -> None:
    """The announced link opens the page; the same link again does not, and a new one has been announced."""
    first = remote.url
    assert re.fullmatch(r"http://[^/]+/\?code=[2-9A-Z]{4}-[2-9A-Z]{4}", first)
    async with tab(browser, first) as opened:
        await expect(opened.page.locator("#devices .device").first).to_be_visible()
        assert "code" not in opened.page.url
        cookies = {cookie["name"]: cookie for cookie in await opened.page.context.cookies()}
        assert cookies["doorpost_session"]["httpOnly"]
        assert cookies["doorpost_session"]["sameSite"] == "Strict"
    async with tab(browser, first) as again:
        await expect(again.page.locator(".banner")).to_contain_text("访问码错误或已被使用")
        await expect(again.page.locator(".device")).to_have_count(0)
        assert remote.url != first
        await again.page.get_by_label("一次性访问码").fill(remote.url.rpartition("=")[2].lower())
        await again.page.keyboard.press("Enter")
        await expect(again.page.locator("#devices .device").first).to_be_visible()


async def test_nothing_is_told_without_a_session(remote: Served) -> None:
    """From another machine every address but the style of the code form is closed; so is guessing."""
    home = remote.url.partition("?")[0]
    for path in ("", "events", "api/snapshot", "api/series?device=room1&point=temperature", "nothing"):
        status, _, body = await get(home + path, Cookie="doorpost_session=guess")
        assert status == 401
        assert b"room1" not in body
    assert (await get(home + "static/page.css"))[0] == 200
    guesses = [(await get(f"{home}?code=AAAA-AAA{n}"))[0] for n in range(6)]
    assert guesses == [401] * 5 + [429]
    assert (await get(remote.url))[0] == 429


async def test_page_asks_for_a_code_when_its_session_is_gone(browser: Browser, remote: Served) -> None:
    """Sessions end with the gateway: a page that was left open then shows the form instead of waiting for ever."""
    async with tab(browser, remote.url) as opened:
        await expect(opened.page.locator(".device").first).to_be_visible()
        await remote.stop()
        async with served(f"0.0.0.0:{urlsplit(remote.url).port}"):
            await expect(opened.page.get_by_label("一次性访问码")).to_be_visible()


async def test_loopback_needs_no_code_but_its_own_name() -> None:
    """A browser at the machine just reads; a foreign name that points at 127.0.0.1 (DNS rebinding) reads nothing."""
    async with served() as server:
        assert (await get(server.url))[0] == 200
        for host in ("evil.example", "evil.example:8321", "127.0.0.1.evil.example", "[", ""):
            status, _, body = await get(server.url + "api/snapshot", Host=host)
            assert status == 403
            assert b"room1" not in body


async def test_every_answer_carries_the_security_headers() -> None:
    """No inline script or style, no sniffing, no referrer, no frame: also on refusals and on static files."""
    async with served() as server:
        for path, host, status in (("", "localhost", 200), ("static/page.js", "localhost", 200), ("", "evil", 403)):
            got, headers, _ = await get(server.url + path, Host=host)
            assert got == status
            assert headers["Content-Security-Policy"].startswith("default-src 'self';")
            assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["Referrer-Policy"] == "no-referrer"


async def test_unknown_point_is_not_found() -> None:
    """A series that does not exist, or a request without a name, is 404."""
    async with served() as server:
        assert (await get(server.url + "api/series?device=room1&point=nothing"))[0] == 404
        assert (await get(server.url + "api/series"))[0] == 404


async def test_port_in_use_is_told() -> None:
    """A port that another program has is an error of the settings, by its own code; so is an impossible address."""
    async with served() as server:
        taken = server.url.removeprefix("http://").rstrip("/")
        with pytest.raises(SettingsError, match="web_port_in_use"):
            await WebServer(ColdRoom(), taken, "en", print).run()
    for listen in ("192.0.2.1:8321", "localhost:http?", "nowhere"):
        with pytest.raises(SettingsError, match="web_listen"):
            await WebServer(ColdRoom(), listen, "en", print).run()


async def test_ends_at_once_with_a_page_open(browser: Browser, caplog: pytest.LogCaptureFixture) -> None:
    """An open event stream ends with the server: uvicorn has nothing to wait for and nothing to cancel."""
    caplog.set_level(logging.INFO)
    async with served() as server, tab(browser, server.url) as opened:
        await expect(opened.page.locator(".device").first).to_be_visible()
        await server.stop()
        assert "Finished server process" in caplog.text
        assert "timeout graceful shutdown" not in caplog.text
        assert "Traceback" not in caplog.text


async def test_starts_with_the_first_visitor_and_obeys_its_host() -> None:
    """Until somebody comes, no web server is loaded; SIGTERM belongs to the daemon and ends it in order."""
    env = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(ROOT / "tests" / "support" / "page_server.py"),
        "127.0.0.1:0",
        env=env,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout
        ready = json.loads(await process.stdout.readline())
        assert ready["loaded"] is False
        assert (await get(ready["url"] + "api/snapshot"))[0] == 200
        process.send_signal(signal.SIGTERM)
        assert json.loads(await process.stdout.readline()) == {"ended": True}
        assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
