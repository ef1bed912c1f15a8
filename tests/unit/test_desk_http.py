"""The rescue desk over HTTP without a browser: logging in, orders without a script, and whatever bytes come."""

import asyncio
import contextlib
import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.demo.certs import Authority
from support.desks import NAME, PIN, Client, Desk, desk_process
from support.lift_calls import MINUTE


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One for all tests that lock nobody out."""
    loop = asyncio.new_event_loop()
    running = desk_process(tmp_path_factory.mktemp("desk"))
    try:
        yield loop.run_until_complete(running.__aenter__())
        loop.run_until_complete(running.__aexit__(None, None, None))
    finally:
        loop.close()


def test_nothing_without_a_session_and_everything_in_sentences(shared: Desk) -> None:
    """Every address is closed but the form and its style; an answer is a sentence, never a trace."""
    client = Client(shared.url)
    assert client.get("/").status == 303
    for path in ("/events", "/order", "/logout"):
        method = client.get if path == "/events" else client.post
        assert method(path, accept="application/json").status == 401, path
    assert client.get("/login").status == 200
    assert client.get("/static/desk.css").status == 200
    for path, status in (("/nothing", 404), ("/order", 405), ("/static/../app.py", 404), ("/login", 405)):
        answer = client.request("DELETE" if path == "/login" else "GET", path)
        assert answer.status == status, path
        assert "Traceback" not in answer.text
        assert re.search(r"<p class=\"banner\".*\.</p>", answer.text), path
    for body, status in ((b"a=" + b"x" * 20_000, 413), (b"\xff", 400), (b"name=%ff", 400), (b"a=1&" * 40, 400)):
        assert client.request("POST", "/login", body).status == status
    assert client.get("/", host="evil.example").status == 403
    refused = client.post("/login", {"name": NAME, "pin": PIN}, origin="http://evil.example")
    assert (refused.status, "cookie" in str(refused.headers).lower()) == (403, False)


async def test_login_by_pin_and_lockout(tmp_path: Path) -> None:
    """A wrong PIN says no more than that; too many make wait; the cookie is for this host and for no script.

    The operator is warned that all that goes over the network in clear.
    """
    async with desk_process(tmp_path, "0.0.0.0:0") as running:
        client = Client(running.url)
        unknown = client.post("/login", {"name": "Nobody", "pin": PIN})
        wrong = client.post("/login", {"name": NAME, "pin": "0000"})
        assert unknown.status == wrong.status == 403
        assert unknown.text.replace("Nobody", NAME) == wrong.text
        assert "Ask whoever looks after the centre" in wrong.text and "doorpost central" not in wrong.text
        right = client.login()
        cookie = right.headers["Set-Cookie"]
        assert right.status == 303
        assert "HttpOnly" in cookie and "samesite=strict" in cookie.lower() and "Max-Age" not in cookie
        assert client.get("/").status == 200
        other = Client(running.url)
        for _ in range(3):
            other.post("/login", {"name": NAME, "pin": "0000"})
        assert "too many wrong PINs" in other.post("/login", {"name": NAME, "pin": PIN}).text
        assert client.get("/").status == 200
        (running.data / "central.toml").write_text("# nobody of that name any more\n")
        assert client.get("/").status == 303
    assert PIN not in running.log and "0000" not in running.log
    assert "PINs cross the network readable" in running.log


async def test_what_nobody_has_thought_of_is_a_sentence_too(tmp_path: Path) -> None:
    """Guarded like every other answer."""
    async with desk_process(tmp_path) as running:
        client = Client(running.url)
        guarded = {name: value for name, value in client.get("/login").headers.items() if name not in _VARYING}
        turn = tmp_path / "writer.lock"
        turn.unlink()
        turn.mkdir()
        failed = client.login()
        assert (failed.status, "Traceback" in failed.text) == (500, False)
        assert re.search(r"<p class=\"banner\".*\.</p>", failed.text)
        assert guarded.items() <= dict(failed.headers.items()).items()
        assert "content-security-policy" in guarded and "no-store" in guarded["cache-control"]


_VARYING = {"date", "content-length"}


async def test_by_https_the_session_goes_no_other_way(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    pair = authority.server()
    tls = ("--cert", str(pair.cert), "--key", str(pair.key))
    async with desk_process(tmp_path / "tls", "127.0.0.1:0", *tls) as running:
        assert running.url.startswith("https://")
        client = Client(running.url, authority.ca)
        assert "secure" in client.login().headers["Set-Cookie"].lower()
        assert client.get("/").status == 200
    assert "readable" not in running.log


async def test_orders_without_a_script(shared: Desk) -> None:
    """The forms alone do: an answer, then a close that asks again; what came of it stands on the next page, once."""
    call = shared.lifts.gateway("gw-1").call("L1", age_us=MINUTE)
    client = Client(shared.url)
    client.login()
    page = await client.until("UNANSWERED")
    assert "310" not in page and "1:0" in page  # the clock has a text
    form = re.search(r'name="form" value="([^"]+)"', page)
    assert form
    own = {"form": form[1], "incident": call.id}
    assert client.post("/order", own | {"step": "ack", "form": "stolen"}).headers["Location"] == "/login"
    assert client.post("/order", own | {"step": "ack"}).headers["Location"] == "/"
    assert f"Acknowledged by {NAME}" in client.get("/").text
    assert f"Acknowledged by {NAME}" not in client.get("/").text
    again = client.post("/order", own | {"step": "ack"}, accept="application/json")
    assert json.loads(again.text)["done"] is False
    client.post("/order", own | {"step": "close", "reason": "tested"})
    assert "confirmed that the car is empty" in client.get("/").text
    client.post("/order", own | {"step": "close", "reason": "tested", "sure": "yes"})
    assert f"close ordered by {NAME}" in await client.until("close ordered")
    assert client.post("/logout", own | {"form": "stolen"}).status == 400
    assert client.get("/").status == 200
    client.post("/logout", own)
    assert client.get("/").status == 303


def ended(line: socket.socket) -> bool:
    """Waits for it; TimeoutError otherwise."""
    with contextlib.suppress(ConnectionResetError):
        return line.recv(1) == b""
    return True


async def test_lines_that_say_nothing_keep_nobody_out(tmp_path: Path) -> None:
    """Neither by the hundred, nor with half a request, also where TLS has not begun; who has logged in keeps his line."""
    pair = (authority := Authority(tmp_path)).server()
    for tls in ((), ("--cert", str(pair.cert), "--key", str(pair.key))):
        async with desk_process(tmp_path / f"desk{len(tls)}", "127.0.0.1:0", *tls) as running:
            client = Client(running.url, authority.ca if tls else None)
            client.login()
            with contextlib.ExitStack() as stack:
                stream = stack.enter_context(client.stream())
                lines = [stack.enter_context(socket.create_connection(client.address, timeout=10)) for _ in range(140)]
                for half in lines[: 0 if tls else None]:
                    with contextlib.suppress(OSError):
                        half.sendall(b"GET / HTTP/1.1\r\n")
                assert {ended(line) for line in lines[:60]} == {True}
                assert client.get("/login").status == 200
                await asyncio.to_thread(running.lifts.gateway("gw-1").call, "L1")
                while b"L1" not in stream.readline():
                    pass


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.sampled_from(["/", "/login", "/order", "/logout", "/events", "/static/%00", "/?lang=%ff"]),
    method=st.sampled_from(["GET", "POST", "PUT", "X"]),
    cookie=st.binary(max_size=40).map(lambda b: b.replace(b"\r", b"").replace(b"\n", b"").decode("latin-1")),
    body=st.one_of(st.binary(max_size=200), st.just(b"a=" + b"x" * 20_000), st.just(b"a=1&" * 40)),
)
def test_any_bytes_are_answered(shared: Desk, path: str, method: str, cookie: str, body: bytes) -> None:
    answer = Client(shared.url).request(method, path, body, Cookie=f"doorpost_desk={cookie}")
    assert answer.status < 500


def test_bytes_that_are_no_http(shared: Desk) -> None:
    """Noise is turned away, and the next one is served."""
    host, port = shared.url.removeprefix("http://").rstrip("/").split(":")
    for noise in (
        b"\x16\x03\x01\x02\x00\x01",
        b"GET\r\n\r\n",
        b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
    ):
        with socket.create_connection((host, int(port))) as line:
            line.sendall(noise)
            line.shutdown(socket.SHUT_WR)
            line.recv(100)
    assert Client(shared.url).get("/login").status == 200
