"""The table by which codes are judged: the one that ships, and over it the site's own, read again when it changes."""

import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from model.errors import DoorpostError
from model.shipped import shipped
from traceability.schemes.rows import overlaid
from traceability.schemes.table import Table, compile_table

OWN = "codes.toml"
"""The name of a site's table, beside its settings."""
_LOOK_EVERY_S = 1.0


def shipped_codes() -> dict[str, Any]:
    """As its TOML is read; that it is right is for the tests to see."""
    return tomllib.loads(shipped("codes", "schemes.toml").read_text(encoding="utf-8"))


def table(own: Path | None) -> Table:
    """Raises SettingsInvalid with all problems of the own one."""
    return compile_table(_data(own))


def _data(own: Path | None) -> dict[str, Any]:
    base = shipped_codes()
    if own is None:
        return overlaid(base, {})
    from gateway.settings.codes import load  # without a table of its own nobody needs it

    return load(own, base)


class Codes:
    """A table that is wrong or not there raises SettingsInvalid at the start; later the old one stays, and `tell` hears of it once."""

    def __init__(
        self,
        own: Path | None,
        tell: Callable[[DoorpostError], None] = lambda _: None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._own = own
        self._tell = tell
        self._now = now
        self._looked = now()
        self._seen = self._state()
        self._table = table(own)

    def current(self) -> Table:
        """Looks at the file at most once a second."""
        if self._own is None or self._now() - self._looked < _LOOK_EVERY_S:
            return self._table
        self._looked = self._now()
        state = self._state()
        if state != self._seen:
            self._seen = state
            try:
                self._table = table(self._own)
            except DoorpostError as err:
                self._tell(err)
        return self._table

    def _state(self) -> tuple[int, ...] | None:
        """What changes with the file; None where there is none."""
        if self._own is None:
            return None
        try:
            found = self._own.stat()
        except OSError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns
