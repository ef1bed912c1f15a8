"""Commands from the centre: signed, for us, each obeyed once."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from gateway.pipeline import Pipeline
from model.bodies import CommandResultBody
from model.errors import ContractError
from model.record import draft
from model.time import Clock
from sync.contract.messages import Command, CommandResult, SignedCommand, decode
from sync.journal.journal import Journal

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


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
            return msgspec.json.decode(known, type=CommandResultBody) if known else await self._alarm_ack(command)
        finally:
            del self._obeying[command.id]

    async def _alarm_ack(self, command: Command) -> CommandResultBody:
        """Bound to the alarm's id and not to the wall clock; only a person may do it."""
        alarm = command.args.get("alarm")
        why = None
        if command.issuer.kind != "person":
            why = "not_a_person"
        elif not isinstance(alarm, str):
            why = "alarm_missing"
        else:
            why = self._pipeline.why_not_ack(alarm)
        body = CommandResultBody(
            id=command.id,
            name=command.name,
            issuer=command.issuer.name,
            result="refused" if why else "done",
            why=why,
        )
        said = draft("command.result/1", body, self._clock.now())
        stored = {f"cmd/{command.id}": msgspec.json.encode(body)}
        if why or not isinstance(alarm, str):
            await self._journal.append([said], state=stored)
        else:
            await self._pipeline.acknowledge(alarm, command.issuer.name, command.id, said, stored)
        return body
