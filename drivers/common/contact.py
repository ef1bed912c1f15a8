"""Contacts on bit points: what a closed or an open loop means, and from when on it counts. Pure.

A contact's point says 1 where it is active (door open, alarm) and 0 at rest, whatever the wiring: a normally-closed
loop that is cut says 1. With `pair` a cut or shorted wire is told from both, as Quality.SENSOR_FAULT.
"""

from collections.abc import Collection, Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from model.errors import SettingsError
from model.observation import Quality


class ContactSpec(BaseModel):
    """`normally`: how the contact on this input is at rest. `pair`: the point of a changeover contact's other side.

    A state counts once it was the same for `debounce_s`; until then the one before it stands.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    normally: Literal["open", "closed"] = "open"
    debounce_s: Annotated[float, Field(ge=0, le=10)] = 0.1
    pair: str | None = None


def check_contacts(specs: Mapping[str, ContactSpec], bits: Collection[str]) -> None:
    """Raises SettingsError `contact_unknown`, `contact_pair_unknown` or `contact_pair_taken`. `bits`: points of one bit."""
    owners: dict[str, str] = {}
    for name, spec in specs.items():
        if name not in bits:
            raise SettingsError("contact_unknown", contact=name, known=", ".join(bits))
        if spec.pair is None:
            continue
        if spec.pair not in bits:
            raise SettingsError("contact_pair_unknown", contact=name, pair=spec.pair, known=", ".join(bits))
        owner = spec.pair if spec.pair in specs else owners.setdefault(spec.pair, name)
        if owner != name or spec.pair == name:
            raise SettingsError("contact_pair_taken", contact=name, pair=spec.pair, owner=owner)


class Contacts:
    """The contacts of one device, which keep what counts from poll to poll. `index`: position of each point by name."""

    def __init__(self, index: Mapping[str, int], specs: Mapping[str, ContactSpec]) -> None:
        self._contacts = [
            _Contact(index[name], None if spec.pair is None else index[spec.pair], spec) for name, spec in specs.items()
        ]

    def step(
        self, values: list[int | None], quality: list[Quality] | None, mono_us: int
    ) -> tuple[list[int | None], list[Quality] | None]:
        """Raw levels of a poll become states: `values` is changed in place, `quality` where it is given.

        A level that is not known stays as it was given, and neither settles nor unsettles anything.
        """
        for contact in self._contacts:
            bad = contact.step(values, quality, mono_us)
            if bad is not None:
                quality = quality or [Quality.GOOD] * len(values)
                quality[contact.at] = bad
        return values, quality

    @property
    def due_us(self) -> int | None:
        """When the next state counts, if no level changes before; None where all have settled."""
        return min((c.due_us for c in self._contacts if c.due_us is not None), default=None)


class _Contact:
    """Its states are 1 (active), 0 (at rest) and None (a fault of the wire)."""

    def __init__(self, at: int, pair: int | None, spec: ContactSpec) -> None:
        self.at = at
        self.due_us: int | None = None
        self._pair = pair
        self._flip = spec.normally == "closed"
        self._debounce_us = round(spec.debounce_s * 1e6)
        self._settled: int | None = None
        self._coming: int | None = None
        self._first = True

    def step(self, values: list[int | None], quality: list[Quality] | None, mono_us: int) -> Quality | None:
        """Puts the state that counts into `values`; the quality where it is not good."""
        other = self.at if self._pair is None else self._pair
        for at in (self.at, other):
            if values[at] is None:
                assert quality, "a value that is not there has its reason"
                values[self.at] = None
                return quality[at]
        broken = self._pair is not None and values[self.at] == values[other]
        self._see(None if broken else int(bool(values[self.at]) != self._flip), mono_us)
        values[self.at] = self._settled
        return Quality.SENSOR_FAULT if self._settled is None else None

    def _see(self, state: int | None, mono_us: int) -> None:
        if self._first or state == self._settled:
            self._first, self._settled, self.due_us = False, state, None
            return
        if self.due_us is None or state != self._coming:
            self._coming, self.due_us = state, mono_us + self._debounce_us
        if mono_us >= self.due_us:
            self._settled, self.due_us = state, None
