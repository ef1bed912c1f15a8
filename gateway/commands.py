"""Commands from the centre: signed, for us, each obeyed once."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from gateway.pipeline import Pipeline
from gateway.rules.base import Acked, Order, OrderName
from model.bodies import MORE_INJURED, CommandResultBody, RescueOrder
from model.errors import ContractError
from model.record import draft
from model.time import Clock
from sync.contract.messages import Command, CommandResult, SignedCommand, decode
from sync.journal.journal import Journal

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_ORDERS: dict[str, OrderName] = {
    "alarm.dispatch": "dispatch",
    "alarm.arrive": "arrive",
    "alarm.release": "release",
    "alarm.close": "close",
}


class Commands:
    """Answers `down/cmd`. The result is stored with its effect, so that a repeated command gives the same answer."""

    def __init__(self, gw: str, journal: Journal, pipeline: Pipeline, clock: Clock, keys: Sequence[Path]) -> None:
        """Raises SettingsError when a pinned key cannot be read."""
        from sync.contract.signing import fingerprint, public_key  # cryptography: only where the centre may command

        self._gw = gw
        self._journal = journal
        self._pipeline = pipeline
        self._clock = clock
        pinned = [public_key(path) for path in keys]
        self._obeying: dict[str, asyncio.Task[CommandResultBody]] = {}
        self._pinned: dict[str, Ed25519PublicKey] = {fingerprint(key): key for key in pinned}

    async def obey(self, payload: bytes) -> CommandResult:
        """Raises ContractError for what is no command of the centre's for this gateway. Waits until its result is durable."""
        from sync.contract.signing import opened

        command = opened(decode(payload, SignedCommand), self._pinned)
        if command.gw != self._gw:
            raise ContractError("command_for_other", gw=command.gw)
        if command.id not in self._obeying:
            self._obeying[command.id] = asyncio.ensure_future(self._once(command))
        body = await self._obeying[command.id]
        sent = self._clock.now().t
        return CommandResult(v=1, id=command.id, result=body.result, why=body.why, sent=sent)  # type: ignore[arg-type]

    async def _once(self, command: Command) -> CommandResultBody:
        try:
            known = self._journal.state(f"cmd/{command.id}")
            return msgspec.json.decode(known, type=CommandResultBody) if known else await self._of_alarm(command)
        finally:
            del self._obeying[command.id]

    async def _of_alarm(self, command: Command) -> CommandResultBody:
        """Bound to the alarm's id and not to the wall clock; only a person may do it."""
        event = _meant(command)
        why = event if isinstance(event, str) else self._pipeline.why_not(event)
        body = CommandResultBody(
            id=command.id,
            name=command.name,
            issuer=command.issuer.name,
            result="refused" if why else "done",
            why=why,
        )
        said = draft("command.result/1", body, self._clock.now())
        stored = {f"cmd/{command.id}": msgspec.json.encode(body)}
        if why or isinstance(event, str):
            await self._journal.append([said], state=stored)
        else:
            await self._pipeline.obey(event, [said], stored)
        return body


def _meant(command: Command) -> Acked | Order | str:
    """What a command says of its alarm, or why it says nothing."""
    if command.issuer.kind != "person":
        return "not_a_person"
    if not isinstance(command.args.get("alarm"), str):
        return "alarm_missing"
    if command.name == "alarm.ack":
        return Acked(command.args["alarm"], command.issuer.name, command.id)
    try:
        details = msgspec.convert(command.args, RescueOrder)
    except msgspec.ValidationError as err:
        return MORE_INJURED if MORE_INJURED in str(err) else f"args {err}"
    what = _ORDERS[command.name]
    if what == "close" and not (details.reason or "").strip():
        return "reason_missing"
    return Order(what, details, command.issuer.name, command.id)
