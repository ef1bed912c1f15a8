"""Who is at the gateway: a person of the settings with a PIN, guessed slowly, also across a restart."""

import asyncio
from collections.abc import Sequence

import msgspec

from gateway.rules.site import Person
from model.errors import ContractError
from model.pin import matches, wait_s
from model.time import Clock, Stamp
from sync.journal.journal import Journal


class Tried(msgspec.Struct, frozen=True):
    """So many wrong PINs in a row, and when the last one was."""

    wrong: int
    boot: str
    mono: int

    def left_s(self, now: Stamp) -> int:
        """How long still nobody is asked: by the clock that nobody sets, and after a reboot from its beginning."""
        since = now.mono - self.mono if now.boot == self.boot else now.mono
        return max(0, wait_s(self.wrong) - since // 1_000_000)


class Pins:
    def __init__(self, persons: Sequence[Person], journal: Journal, clock: Clock) -> None:
        self._persons = {person.name: person for person in persons}
        self._journal = journal
        self._clock = clock
        self._one_by_one = asyncio.Lock()

    async def check(self, name: str, pin: str) -> Person:
        """Raises ContractError `pin_refused`, the same for an unknown name and a wrong PIN, or `pin_locked`."""
        async with self._one_by_one:  # else many guesses at once would all be free
            person = self._persons.get(name)
            if person is None or person.pin is None:
                raise ContractError("pin_refused", name=name)
            key = f"pin/{name}"
            raw = self._journal.state(key)
            tried = msgspec.json.decode(raw, type=Tried) if raw else Tried(0, "", 0)
            if left := tried.left_s(self._clock.now()):
                raise ContractError("pin_locked", name=name, seconds=left)
            now = self._clock.now()
            self._note(
                key, msgspec.json.encode(Tried(tried.wrong + 1, now.boot, now.mono))
            )  # also if nobody waits for it
            if not await asyncio.to_thread(matches, person.pin, pin):  # it takes a while, and an alarm must not wait
                raise ContractError("pin_refused", name=name)
            self._note(key, None)
            return person

    def _note(self, key: str, value: bytes | None) -> None:
        """At once here, and on the disk as soon as it takes it: a full one keeps nobody from ending an alarm."""
        self._journal.note(key, value)
        self._journal.submit([]).add_done_callback(lambda done: done.exception())
