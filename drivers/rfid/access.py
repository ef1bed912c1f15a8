"""The memory of tags, the same for all readers that reach it: which tag is meant, a write that is read back, whose turn it is."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple, Protocol

from model.errors import TransientError
from model.ports import Bank, TagWords

NO_PASSWORD = bytes(4)
TID_WORDS = 6
"""With a serial number, where the tag has one. Its first byte is always the same."""
TID_CLASS = 0xE2
_GEN2 = {3: "rfid_tag_overrun", 4: "rfid_tag_locked", 11: "rfid_tag_weak"}


class TagError(TransientError):
    """A tag or its reader refuses, and the line is well: only who asked is told."""


class Place(NamedTuple):
    """Where in a tag's memory: from word `pointer` of the bank on."""

    bank: Bank
    pointer: int
    password: bytes

    @property
    def number(self) -> int:
        return list(Bank).index(self.bank)


class Air(Protocol):
    """A reader that does nothing else at the moment. All raise TagError for what a tag refuses."""

    async def tags(self) -> set[str]:
        """The EPCs of all tags that are there (upper-case hex)."""
        ...

    async def read(self, epc: str, place: Place, count: int) -> bytes: ...

    async def write(self, epc: str, place: Place, data: bytes) -> None: ...


def gen2_error(code: int, epc: str) -> TagError:
    """The tag itself refuses, with a code of the Gen2 standard."""
    return TagError(_GEN2.get(code, "rfid_tag_refused"), epc=epc, error=f"{code:02X}")


def _meant(found: set[str], epc: str | None) -> str:
    if epc == "":
        raise TagError("rfid_epc_empty")
    if epc is not None and epc not in found:
        raise TagError("rfid_tag_absent", epc=epc)
    if epc is None and not found:
        raise TagError("rfid_no_tag")
    if epc is None and len(found) > 1:
        raise TagError("rfid_several_tags", count=len(found), epcs=", ".join(sorted(found)))
    return epc or next(iter(found))


async def read(air: Air, place: Place, count: int, epc: str | None) -> TagWords:
    """Raises TagError."""
    tag = _meant(await air.tags(), epc)
    return TagWords(tag, await air.read(tag, place, count))


async def write(air: Air, place: Place, data: bytes, epc: str | None) -> TagWords:
    """Returns what was read back. Raises TagError, `rfid_unverified` where that is not what was written, `rfid_unproven`
    where it is, but of a tag with a new EPC that may be another one.
    """
    before = await air.tags()
    tag = old = _meant(before, epc)
    renames = place.bank is Bank.EPC
    tid = await _tid(air, tag, place.password) if renames else None
    await air.write(tag, place, data)
    if renames:  # it may have another name now
        new = await air.tags() - (before - {tag})
        if len(new) != 1:
            raise TagError("rfid_unverified", epc=tag)
        tag = new.pop()
    found = await air.read(tag, place, len(data) // 2)
    if found != data:
        raise TagError("rfid_unverified", epc=tag)
    if tag != old and (tid is None or await _tid(air, tag, place.password) != tid):
        raise TagError("rfid_unproven", epc=tag)
    return TagWords(tag, found)


async def _tid(air: Air, tag: str, password: bytes) -> bytes | None:
    """None where it cannot be read or names no single tag."""
    try:
        tid = await air.read(tag, Place(Bank.TID, 0, password), TID_WORDS)
    except TagError:
        return None
    return tid if tid[0] == TID_CLASS else None


class Requests:
    """What others ask of a reader while its driver has the line: done between two of the driver's own questions."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._open = False
        self._waiting: deque[tuple[Callable[[Air], Awaitable[TagWords]], asyncio.Future[TagWords]]] = deque()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    async def read_bank(self, bank: Bank, pointer: int, count: int, password: bytes, epc: str | None) -> TagWords:
        return await self._ask(lambda air: read(air, Place(bank, pointer, password), count, epc))

    async def write_bank(self, bank: Bank, pointer: int, data: bytes, password: bytes, epc: str | None) -> TagWords:
        return await self._ask(lambda air: write(air, Place(bank, pointer, password), data, epc))

    async def _ask(self, work: Callable[[Air], Awaitable[TagWords]]) -> TagWords:
        if not self._open:
            raise self._away()
        done: asyncio.Future[TagWords] = asyncio.get_running_loop().create_future()
        self._waiting.append((work, done))
        return await done

    @contextmanager
    def opened(self) -> Iterator[None]:
        """The reader is there inside the block; behind it nobody waits for it any more, and is told why."""
        self._open, why = True, self._away()
        try:
            yield
        except TransientError as err:
            why = err
            raise
        finally:
            self._open = False
            while self._waiting:
                _end(self._waiting.popleft()[1], why)

    async def serve(self, air: Air) -> None:
        """Do all that is asked for. Raises what the line raises; who asked is told too."""
        while self._waiting:
            work, done = self._waiting.popleft()
            if done.done():  # who asked has given up
                continue
            try:
                words = await work(air)
            except TagError as err:
                _end(done, err)
            except BaseException as err:
                _end(done, err if isinstance(err, TransientError) else self._away())
                raise
            else:
                if not done.done():
                    done.set_result(words)

    def _away(self) -> TransientError:
        return TransientError("rfid_reader_away", device=self._device)


def _end(done: "asyncio.Future[TagWords]", err: TransientError) -> None:
    if not done.done():
        done.set_exception(err)
