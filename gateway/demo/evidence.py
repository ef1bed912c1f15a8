"""What is compared: the rows of the centre, and what each simulator put on its wire. Times are microseconds."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

Event = dict[str, Any]
"""A line of a simulator's log: `t`, `mono`, `event` and what belongs to that event."""


class Row(msgspec.Struct, frozen=True):
    """A record as `doorpost central records --json` prints it."""

    gw: str
    store: str
    stream: str
    seq: int
    kind: str
    t: int
    mono: int
    body: dict[str, Any]

    @property
    def key(self) -> tuple[str, str, str, int]:
        """What may be there only once."""
        return self.gw, self.store, self.stream, self.seq

    @property
    def device(self) -> str | None:
        """The device that a record speaks of."""
        return self.body.get("d") or self.body.get("device")


def rows(lines: Iterable[str]) -> list[Row]:
    """In the order in which things happened, by CLOCK_BOOTTIME: gateway and simulators share that clock."""
    decode = msgspec.json.Decoder(Row).decode
    return sorted(map(decode, lines), key=lambda row: row.mono)


def wire(path: Path) -> list[Event]:
    """A simulator's log; empty where it never wrote one."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]
