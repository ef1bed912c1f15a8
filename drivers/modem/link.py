"""Commands and their answers on an open line, one command at a time; what the modem says by itself goes aside."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple, NoReturn

from drivers.common.line import Line
from drivers.modem.at import Demux, Final, Prompt, Said, Word
from drivers.modem.config import ModemConfig
from drivers.modem.pdu import Submit
from model.errors import TransientError

QUIET_S = 0.1
"""A modem that was silent for so long has said all that it still had to say."""
PROMPT_S = 0.05
"""Where nothing follows a ">" for so long, it is the prompt, and no text that begins so."""
TRIES = 3

_ABORT = b"\x1b"
"""Ends a message's text that was begun, by us before a crash perhaps, and sends nothing."""
_SEND = b"\x1a"
_LIST = 4
"""A list of all messages may take so many times as long as another answer."""


class Answer(NamedTuple):
    """`error` as `Final` has it."""

    said: list[Said]
    error: str | None


class _Turn(NamedTuple):
    """A command that waits for its answer, which begins with `wanted`."""

    command: str
    wanted: re.Pattern[str] | None
    words: "asyncio.Queue[Word | TransientError]"


class Link:
    """A command whose answer did not come ends the link: nobody knows what comes later, and to what it is the answer.

    Raises TransientError `device_silent`, `device_not_understood`, and those of the port.
    """

    def __init__(self, line: Line, config: ModemConfig, on_said: Callable[[Said], None]) -> None:
        self._line = line
        self._config = config
        self._on_said = on_said
        self._lock = asyncio.Lock()
        self._turn: _Turn | None = None
        self._end: asyncio.Future[TransientError] = asyncio.get_running_loop().create_future()

    async def listen(self) -> NoReturn:
        demux = Demux()
        while True:
            came = await self._line.read(PROMPT_S if demux.prompting else None)
            for word in demux.feed(came) if came else demux.quiet():
                self._hear(word)

    def end(self, error: TransientError) -> None:
        """Who waits for an answer gets this instead; the first one counts."""
        if not self._end.done():
            self._end.set_result(error)
            if self._turn:
                self._turn.words.put_nowait(error)

    async def ended(self) -> NoReturn:
        raise await asyncio.shield(self._end)

    async def wake(self) -> None:
        """Until it answers, and has said all that it still had to say to whoever was there before us."""
        loop = asyncio.get_running_loop()
        since = loop.time()
        async with self._opened("AT", None) as turn:
            for _ in range(TRIES):
                await self._line.write(_ABORT + b"AT\r")
                try:
                    await self._answer(turn, self._config.answer_s)
                    break
                except TimeoutError:
                    continue
            else:
                raise self._unanswered(since)
            until = loop.time() + self._config.answer_s
            while (quiet := self._line.heard_at + QUIET_S) > loop.time() < until:  # noqa: ASYNC110  silence is no event
                await asyncio.sleep(quiet - loop.time())

    async def ask(self, command: str, wanted: str | None = None, seconds: float | None = None) -> Answer:
        """`wanted`: a pattern of the lines that answer it, of which there is one at least where it was not refused."""
        async with self._opened(command, wanted) as turn:
            return await self._asked(turn, command.encode() + b"\r", seconds or self._config.answer_s)

    async def list(self, command: str, wanted: str) -> Answer:
        """As `ask`, of which the answer may be long, or nothing."""
        async with self._opened(command, wanted) as turn:
            return await self._asked(turn, command.encode() + b"\r", _LIST * self._config.answer_s, least=0)

    async def submit(self, part: Submit) -> Answer:
        """One line `+CMGS: REFERENCE` where the network took it. Raises TransientError `modem_no_prompt` too."""
        command = f"AT+CMGS={part.length}"
        async with self._opened(command, r"\+CMGS: *\d+") as turn:
            await self._line.write(command.encode() + b"\r")
            if refused := await self._prompt(turn):
                return refused
            return await self._asked(turn, part.hex.encode() + _SEND, self._config.network_s)

    # one command

    @asynccontextmanager
    async def _opened(self, command: str, wanted: str | None) -> AsyncIterator[_Turn]:
        """Left before its answer is there, also by being cancelled, it ends the link."""
        async with self._lock:
            if self._end.done():
                raise self._end.result()
            turn = self._turn = _Turn(command, re.compile(wanted) if wanted else None, asyncio.Queue())
            try:
                yield turn
            except TransientError as err:
                self.end(err)
                raise
            except asyncio.CancelledError:
                self.end(TransientError("modem_interrupted", port=self._line.port))
                raise
            finally:
                self._turn = None

    def _hear(self, word: Word) -> None:
        """Lines that nobody waits for, also in the middle of an answer, are the modem's own; an echo is nothing."""
        turn = self._turn
        if not isinstance(word, Said):
            if turn:
                turn.words.put_nowait(word)
        elif turn and turn.wanted and turn.wanted.match(word.line):
            turn.words.put_nowait(word)
        elif not (turn and word.line.endswith(turn.command)):
            self._on_said(word)

    async def _asked(self, turn: _Turn, words: bytes, seconds: float, least: int = 1) -> Answer:
        since = asyncio.get_running_loop().time()
        await self._line.write(words)
        try:
            answer = await self._answer(turn, seconds)
        except TimeoutError as err:
            raise self._unanswered(since) from err
        if turn.wanted and answer.error is None and len(answer.said) < least:
            raise self._unanswered(since)
        return answer

    async def _prompt(self, turn: _Turn) -> Answer | None:
        """None where it came, else how the command was refused."""
        try:
            async with asyncio.timeout(self._config.answer_s):
                while not isinstance(word := await self._next(turn), Prompt):
                    if isinstance(word, Final) and word.error:
                        return Answer([], word.error)
        except TimeoutError as err:
            await self._line.write(_ABORT)
            raise TransientError("modem_no_prompt", port=self._line.port) from err
        return None

    async def _answer(self, turn: _Turn, seconds: float) -> Answer:
        """Raises TimeoutError."""
        said = []
        async with asyncio.timeout(seconds):
            while not isinstance(word := await self._next(turn), Final):
                if isinstance(word, Said):
                    said.append(word)
        return Answer(said, word.error)

    async def _next(self, turn: _Turn) -> Word:
        word = await turn.words.get()
        if isinstance(word, TransientError):
            raise word
        return word

    def _unanswered(self, since: float) -> TransientError:
        code = "device_not_understood" if self._line.heard_at > since else "device_silent"
        return TransientError(code, port=self._line.port)
