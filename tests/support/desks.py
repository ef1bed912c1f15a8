"""The rescue desk as a process on a centre's database, and a browser of a few lines."""

import asyncio
import contextlib
import json
import ssl
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPMessage, HTTPResponse, HTTPSConnection
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from central.settings import Person, add_person
from model import pin
from support.lift_calls import Lifts

NAME, SECOND, PIN = "Li Na", "王芳", "4711"
HASH = pin.hashed(PIN)


@dataclass
class Desk:
    """`log` is what it has said when it has ended."""

    url: str
    data: Path
    lifts: Lifts
    process: asyncio.subprocess.Process
    log: str = ""

    async def stop(self) -> None:
        """AssertionError where it does not end in good order."""
        if self.process.returncode is None:
            self.process.terminate()
        _, said = await self.process.communicate()
        self.log += said.decode()
        assert self.process.returncode == 0, self.log


@asynccontextmanager
async def desk_process(data: Path, listen: str = "127.0.0.1:0", *options: str) -> AsyncIterator[Desk]:
    """`python -m central desk` once it is ready, with two persons who may log in."""
    lifts = Lifts(data)
    for name in (NAME, SECOND):
        add_person(data / "central.toml", Person(name=name, pin=HASH))
    command = ("-m", "central", "desk", "--data", str(data), "--listen", listen, "--lang", "en", *options)
    process = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=PIPE, stderr=PIPE)
    assert process.stdout
    desk = Desk(json.loads(await process.stdout.readline())["url"], data, lifts, process)
    try:
        yield desk
    finally:
        await desk.stop()
        lifts.close()


@dataclass
class Answer:
    status: int
    headers: HTTPMessage
    text: str


class Client:
    """Keeps its session's cookie."""

    def __init__(self, url: str, ca: Path | None = None) -> None:
        parts = urlsplit(url)
        self._netloc, self.address = parts.netloc, (parts.hostname, parts.port)
        self._tls = ca and ssl.create_default_context(cafile=ca)
        self._cookie = ""

    def request(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        with contextlib.closing(self._connection()) as connection:
            connection.request(method, path, body, {"Cookie": self._cookie} | headers)
            answer = connection.getresponse()
            text = "" if path == "/events" and answer.status == 200 else answer.read().decode()
            if said := answer.headers["Set-Cookie"]:
                self._cookie = said.partition(";")[0]
            return Answer(answer.status, answer.headers, text)

    @contextlib.contextmanager
    def stream(self) -> Iterator[HTTPResponse]:
        """The stream of events, open."""
        with contextlib.closing(self._connection()) as connection:
            connection.request("GET", "/events", headers={"Cookie": self._cookie})
            yield connection.getresponse()

    def _connection(self) -> HTTPConnection:
        if self._tls:
            return HTTPSConnection(self._netloc, timeout=30, context=self._tls)
        return HTTPConnection(self._netloc, timeout=30)

    def get(self, path: str, **headers: str) -> Answer:
        return self.request("GET", path, None, **headers)

    def post(self, path: str, form: dict[str, str] | None = None, **headers: str) -> Answer:
        return self.request("POST", path, urlencode(form or {}).encode(), **headers)

    def login(self, name: str = NAME) -> Answer:
        return self.post("/login", {"name": name, "pin": PIN})

    async def until(self, words: str) -> str:
        """The page, once the stream of events has these words; the test's time limit ends it otherwise."""

        def listen() -> None:
            with self.stream() as answer:
                while words not in (line := answer.readline().decode()):
                    assert line, "the stream has ended"

        await asyncio.to_thread(listen)
        return self.get("/").text
