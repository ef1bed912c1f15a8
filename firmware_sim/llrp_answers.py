"""What the simulated LLRP reader answers, and what it keeps: its configuration, ROSpecs and AccessSpecs."""

import struct
from abc import abstractmethod
from typing import TypeVar

from firmware_sim import llrp_facts, llrp_spec
from firmware_sim.llrp_client import OneClient, Tags
from firmware_sim.llrp_spec import ACTIVE, DISABLED, INACTIVE, AccessSpec, RoSpec
from firmware_sim.llrp_wire import (
    ADD_ACCESSSPEC,
    ADD_ROSPEC,
    CLOSE_CONNECTION,
    CUSTOM,
    DELETE_ACCESSSPEC,
    DELETE_ROSPEC,
    DEVICE_ERROR,
    DISABLE_ACCESSSPEC,
    DISABLE_ROSPEC,
    ENABLE_ACCESSSPEC,
    ENABLE_EVENTS_AND_REPORTS,
    ENABLE_ROSPEC,
    ERROR_MESSAGE,
    GET_CAPABILITIES,
    GET_CONFIG,
    GET_REPORT,
    GET_ROSPECS,
    INVALID,
    KEEPALIVE_ACK,
    SET_CONFIG,
    START_ROSPEC,
    STOP_ROSPEC,
    UNSUPPORTED_MESSAGE,
    Bad,
    Said,
    fields,
    message,
    parts,
    status,
    tlv,
)
from firmware_sim.wire import WireLog

AnySpec = TypeVar("AnySpec", RoSpec, AccessSpec)


class Answering(OneClient):
    """Subclasses do the inventory."""

    def __init__(self, log: WireLog, antennas: int, gpis: int) -> None:
        super().__init__(log)
        self._antennas = dict.fromkeys(range(1, antennas + 1), True)
        self._gpis = dict.fromkeys(range(1, gpis + 1), 0)
        self._unknown = False
        self._answers = {
            GET_CAPABILITIES: self._get_capabilities,
            GET_CONFIG: self._get_config,
            SET_CONFIG: self._set_config,
            CLOSE_CONNECTION: self._close_connection,
            ADD_ROSPEC: self._add_rospec,
            DELETE_ROSPEC: self._delete_rospec,
            START_ROSPEC: self._start_rospec,
            STOP_ROSPEC: self._stop_rospec,
            ENABLE_ROSPEC: self._enable_rospec,
            DISABLE_ROSPEC: self._disable_rospec,
            GET_ROSPECS: self._get_rospecs,
            ADD_ACCESSSPEC: self._add_accessspec,
            DELETE_ACCESSSPEC: self._delete_accessspec,
            ENABLE_ACCESSSPEC: self._enable_accessspec,
            DISABLE_ACCESSSPEC: self._disable_accessspec,
        }
        self.forget()

    def forget(self) -> None:
        """As after a start of the reader."""
        self._rospecs: dict[int, RoSpec] = {}
        self._accessspecs: dict[int, AccessSpec] = {}
        self._powers = dict.fromkeys(self._antennas, max(llrp_facts.POWERS))
        self._events: set[int] = set()
        self._keepalive_ms = 0
        self._holds = False
        self._holding = False
        self._held: list[tuple[bytes, Tags]] = []

    @abstractmethod
    def begin(self, spec: RoSpec) -> None:
        """Its inventory runs from now on."""

    @abstractmethod
    def end(self, spec: RoSpec, state: int) -> None:
        """It does not run any more, if it did."""

    @abstractmethod
    def report(self, spec: RoSpec) -> None:
        """Tell what it has gathered."""

    def left(self) -> None:
        self._holding = self._holds

    def tell(self, frame: bytes, tags: Tags = ()) -> None:
        """An event or a report, which are held back after a reconnect where the client wants it so."""
        if self._holding:
            self._held.append((frame, tags))
        else:
            self.send(frame, tags)

    def obey(self, said: Said) -> None:
        if said.kind == KEEPALIVE_ACK:
            self._log("acked", id=said.number)
        elif said.kind == ENABLE_EVENTS_AND_REPORTS:
            self._release()
        elif said.kind == GET_REPORT:
            for spec in self._rospecs.values():
                self.report(spec)
        else:
            self._answer(said)

    def _release(self) -> None:
        self._holding = False
        held, self._held = self._held, []
        for frame, tags in held:
            self.send(frame, tags)

    def _answer(self, said: Said) -> None:
        kind = 4 if said.kind == CLOSE_CONNECTION else said.kind + 10
        try:
            if said.kind not in self._answers:
                kind = ERROR_MESSAGE
                raise Bad(UNSUPPORTED_MESSAGE, f"message {said.kind}")
            if self._fault and self._fault.kind == "exception":
                raise Bad(DEVICE_ERROR, "the reader has failed")
            body = self._answers[said.kind](said.body)
        except Bad as err:
            body = status(err.code, err.text)
        if self._unknown:
            self.say(CUSTOM, struct.pack(">IB", 25882, 21), b"of a vendor")
            body += tlv(1023, struct.pack(">II", 25882, 1), b"of a vendor") + tlv(999, b"of another standard")
        self.send(message(kind, said.number, body))
        if said.kind == CLOSE_CONNECTION:
            self.close()
        for spec in self._rospecs.values():
            if spec.starting:
                spec.starting = False
                self.begin(spec)

    def _get_capabilities(self, body: bytes) -> bytes:
        (asked,) = fields("B", body)
        return llrp_facts.capabilities(len(self._antennas), len(self._gpis), asked)

    def _get_config(self, _body: bytes) -> bytes:
        return llrp_facts.config(self._antennas, self._powers, self._gpis, self._keepalive_ms, holds=self._holds)

    def _set_config(self, body: bytes) -> bytes:
        for kind, inner in parts(body, 1):
            if kind == 244:
                for _, state in parts(inner):
                    event, on = fields("HB", state)
                    (self._events.add if on & 0x80 else self._events.discard)(event)
            elif kind == 220:
                trigger, every_ms = fields("BI", inner)
                self._keepalive_ms = every_ms if trigger else 0
                self._log("written", name="keepalive_ms", value=self._keepalive_ms)
            elif kind == 226:
                self._holds = bool(fields("B", inner)[0] & 0x80)
        return status()

    def _close_connection(self, _body: bytes) -> bytes:
        return status()

    def _add_rospec(self, body: bytes) -> bytes:
        spec = llrp_spec.rospec(body, len(self._antennas))
        if spec.id in self._rospecs or len(self._rospecs) >= llrp_facts.MAX_ROSPECS:
            raise Bad(INVALID, f"ROSpec {spec.id} is there, or there are too many")
        self._rospecs[spec.id] = spec
        self._log("written", name="rospec", value=spec.raw.hex())
        return status()

    def _delete_rospec(self, body: bytes) -> bytes:
        for spec in self._named(self._rospecs, body):
            self.end(spec, INACTIVE)
            del self._rospecs[spec.id]
            self._log("written", name="rospec", value="")
        return status()

    def _enable_rospec(self, body: bytes) -> bytes:
        for spec in self._named(self._rospecs, body):
            spec.state = INACTIVE
            spec.starting = spec.immediate
        return status()

    def _disable_rospec(self, body: bytes) -> bytes:
        for spec in self._named(self._rospecs, body):
            self.end(spec, DISABLED)
        return status()

    def _start_rospec(self, body: bytes) -> bytes:
        for spec in self._named(self._rospecs, body):
            if spec.state == DISABLED:
                raise Bad(INVALID, f"ROSpec {spec.id} is disabled")
            spec.starting = spec.state != ACTIVE
        return status()

    def _stop_rospec(self, body: bytes) -> bytes:
        for spec in self._named(self._rospecs, body):
            self.end(spec, INACTIVE)
        return status()

    def _get_rospecs(self, _body: bytes) -> bytes:
        told = (tlv(177, spec.raw[:5] + bytes((spec.state,)) + spec.raw[6:]) for spec in self._rospecs.values())
        return status() + b"".join(told)

    def _add_accessspec(self, body: bytes) -> bytes:
        spec = llrp_spec.accessspec(body)
        if spec.id in self._accessspecs or len(self._accessspecs) >= llrp_facts.MAX_ACCESSSPECS:
            raise Bad(INVALID, f"AccessSpec {spec.id} is there, or there are too many")
        self._accessspecs[spec.id] = spec
        return status()

    def _delete_accessspec(self, body: bytes) -> bytes:
        for spec in self._named(self._accessspecs, body):
            del self._accessspecs[spec.id]
        return status()

    def _enable_accessspec(self, body: bytes) -> bytes:
        for spec in self._named(self._accessspecs, body):
            spec.enabled = True
        return status()

    def _disable_accessspec(self, body: bytes) -> bytes:
        for spec in self._named(self._accessspecs, body):
            spec.enabled = False
        return status()

    @staticmethod
    def _named(specs: dict[int, AnySpec], body: bytes) -> list[AnySpec]:
        """The one of that number; 0: all. Raises Bad."""
        (number,) = fields("I", body)
        if number and number not in specs:
            raise Bad(INVALID, f"there is no spec {number}")
        return [specs[number]] if number else list(specs.values())
