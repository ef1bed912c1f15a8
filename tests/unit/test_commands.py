"""Commands from the centre: only signed ones, only for us, each obeyed once, and the answer as durable as the deed."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.commands import Commands
from model.errors import ContractError
from model.record import Stream
from support.disk import files_end_at
from support.journals import GW
from support.site import Site, running
from support.source import new_id
from sync.contract.messages import Command, CommandResult, Issuer, encode
from sync.contract.signing import private_key, sign


class Desk:
    """The centre's side: it signs, and asks the gateway."""

    def __init__(self, site: Site, key: Ed25519PrivateKey, pinned: list[Path]) -> None:
        self.site = site
        self.key = key
        self.commands = Commands(GW, site.journal, site.pipeline, site.clock, pinned)

    def ack(self, alarm: object, *, person: str = "wang", **fields: Any) -> Command:
        given: dict[str, Any] = {"v": 1, "id": new_id(), "gw": GW, "name": "alarm.ack", "args": {"alarm": alarm}}
        return Command(**(given | {"issuer": Issuer(kind="person", name=person)} | fields))

    async def send(self, command: Command, *, key: Ed25519PrivateKey | None = None) -> CommandResult:
        return await self.commands.obey(encode(sign(command, key or self.key)))

    async def results(self) -> list[dict[str, Any]]:
        return [body for _, body in await self.site.records(Stream.AUDIT, "command.result/1")]

    async def answered(self) -> list[str]:
        """By whom alarms were acknowledged, from the records."""
        return [body["by"] for _, body in await self.site.records(Stream.ALARM, "alarm.acked/1")]


@asynccontextmanager
async def desk(stores: Path, keys: Path) -> AsyncIterator[Desk]:
    key = private_key(keys / "central.key")
    async with running(stores) as site:
        yield Desk(site, key, [keys / "central.pub"])


async def test_a_person_answers_an_alarm(tmp_path: Path) -> None:
    """Siren to green lamp; the record names the person and the command."""
    async with desk(tmp_path / "a", tmp_path) as centre:
        command = centre.ack(await centre.site.press())
        result = await centre.send(command)
        assert (result.id, result.result, result.why) == (command.id, "done", None)
        ((_, body),) = await centre.site.records(Stream.ALARM, "alarm.acked/1")
        assert (body["by"], body["command"]) == ("wang", command.id)
        await centre.site.until(lambda: centre.site.signals[-1] == {"lamp_green", "voice"})


async def test_answer_and_deed_survive_a_kill_together(tmp_path: Path) -> None:
    """What the centre was told is on the disk, and asking again gives the same answer."""
    async with desk(tmp_path / "a", tmp_path) as centre:
        command = centre.ack(await centre.site.press())
        await centre.send(command)
        shutil.copytree(tmp_path / "a", tmp_path / "b")
    async with desk(tmp_path / "b", tmp_path) as centre:
        assert await centre.answered() == ["wang"]
        assert (await centre.send(command)).result == "done"
        assert len(await centre.results()) == 1


async def test_the_same_command_again_is_the_same_answer(tmp_path: Path) -> None:
    """One after the other and all at once: one deed, one record, one answer. Also where it was refused."""
    async with desk(tmp_path / "a", tmp_path) as centre:
        command = centre.ack(await centre.site.press())
        results = await asyncio.gather(*(centre.send(command) for _ in range(5)))
        results.append(await centre.send(command))
        assert {(r.id, r.result, r.why) for r in results} == {(command.id, "done", None)}
        other = centre.ack(new_id())
        assert [(await centre.send(other)).why for _ in range(2)] == ["alarm_not_open"] * 2
        assert [b["result"] for b in await centre.results()] == ["done", "refused"]
        assert await centre.answered() == ["wang"]


async def test_who_may_not_and_what_cannot_be(tmp_path: Path) -> None:
    """Refused with the reason, on record; the alarm goes on."""
    async with desk(tmp_path / "a", tmp_path) as centre:
        alarm = await centre.site.press()
        refused: list[tuple[Command, str]] = [
            (centre.ack(alarm, issuer=Issuer(kind="service", name="robot")), "not_a_person"),
            (centre.ack(None), "alarm_missing"),
            (centre.ack(alarm, args={}), "alarm_missing"),
            (centre.ack(7), "alarm_missing"),
            (centre.ack(new_id()), "alarm_not_open"),
            (
                centre.ack(alarm, name="alarm.release", args={"alarm": alarm, "persons": 1, "injured": 2}),
                "injured_more_than_persons",
            ),
        ]
        for command, why in refused:
            result = await centre.send(command)
            assert (result.result, result.why) == ("refused", why)
        assert not await centre.answered()
        assert [(b["issuer"], b["why"]) for b in await centre.results()] == [
            (command.issuer.name, why) for command, why in refused
        ]
        assert centre.site.signals[-1] == {"lamp_yellow", "siren"}


async def test_the_second_person_is_told_who_was_first(tmp_path: Path) -> None:
    """One answer per alarm; and none for an alarm that is over."""
    async with desk(tmp_path / "a", tmp_path) as centre:
        alarm = await centre.site.press()
        first, second = await asyncio.gather(
            centre.send(centre.ack(alarm)), centre.send(centre.ack(alarm, person="li"))
        )
        assert (first.result, second.result, second.why) == ("done", "refused", "acked_by wang")
        assert await centre.answered() == ["wang"]
        centre.site.board(key=1)
        await centre.site.until(lambda: not centre.site.pipeline.alarms())
        assert (await centre.send(centre.ack(alarm))).why == "alarm_not_open"


Forgery = Callable[[Desk, Command], bytes]


def _cut(desk: Desk, command: Command) -> bytes:
    return encode(sign(command, desk.key))[:-9]


def _changed(desk: Desk, command: Command) -> bytes:
    return encode(sign(command, desk.key)).replace(b'"wang"', b'"zhao"')


def _respelled(desk: Desk, command: Command) -> bytes:
    """The same JSON with a space: the signature is over the bytes."""
    return encode(sign(command, desk.key)).replace(b'"v":1', b'"v": 1')


def _stranger(desk: Desk, command: Command) -> bytes:
    return encode(sign(command, Ed25519PrivateKey.generate()))


def _under_our_name(desk: Desk, command: Command) -> bytes:
    forged = sign(command, Ed25519PrivateKey.generate())
    return encode(msgspec.structs.replace(forged, key=sign(command, desk.key).key))


def _for_another(desk: Desk, command: Command) -> bytes:
    return encode(sign(msgspec.structs.replace(command, gw="gw-2"), desk.key))


def _unknown(desk: Desk, command: Command) -> bytes:
    raw = encode(command).replace(b"alarm.ack", b"relay.set")
    return encode(msgspec.structs.replace(sign(command, desk.key), cmd=msgspec.Raw(raw), sig=desk.key.sign(raw).hex()))


def _rubbish(desk: Desk, command: Command) -> bytes:
    return b"\xff\x00{"


@pytest.mark.parametrize(
    ("forgery", "why"),
    [
        (_cut, "message_malformed"),
        (_changed, "command_signature"),
        (_respelled, "command_signature"),
        (_stranger, "command_key_unknown"),
        (_under_our_name, "command_signature"),
        (_for_another, "command_for_other"),
        (_unknown, "message_malformed"),
        (_rubbish, "message_malformed"),
    ],
)
async def test_what_is_no_command_of_the_centres_changes_nothing(tmp_path: Path, forgery: Forgery, why: str) -> None:
    """No effect and no record: nobody may fill our disk by sending. Its id stays free for the real one."""
    async with desk(tmp_path / "a", tmp_path) as centre:
        command = centre.ack(await centre.site.press())
        before = centre.site.journal.last(Stream.AUDIT)
        with pytest.raises(ContractError, match=why):
            await centre.commands.obey(forgery(centre, command))
        assert centre.site.journal.last(Stream.AUDIT) == before
        assert not await centre.answered()
        assert (await centre.send(command)).result == "done"


async def test_without_pinned_keys_nobody_commands(tmp_path: Path) -> None:
    """No key in the settings: not even the centre."""
    async with running(tmp_path / "a") as site:
        centre = Desk(site, private_key(tmp_path / "central.key"), [])
        with pytest.raises(ContractError, match="command_key_unknown"):
            await centre.send(centre.ack(await site.press()))


async def test_no_answer_before_it_is_durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a disk that refuses the lamp turns green, for a person has answered; the centre hears of it when it is stored."""
    monkeypatch.setattr("gateway.owed.RETRY_S", 0.05)
    async with desk(tmp_path / "a", tmp_path) as centre:
        command = centre.ack(await centre.site.press())
        with files_end_at(0):
            waiting = [asyncio.ensure_future(centre.send(command)) for _ in range(2)]
            await centre.site.until(lambda: centre.site.signals[-1] == {"lamp_green", "voice"})
            assert not any(w.done() for w in waiting)
        assert [(await w).result for w in waiting] == ["done", "done"]
        assert await centre.answered() == ["wang"]
        assert len(await centre.results()) == 1
