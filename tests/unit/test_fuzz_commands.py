"""Whatever comes as a command: it is refused, or answered once and for all; only a person's signed word answers an alarm."""

import asyncio
import itertools
from pathlib import Path

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from gateway.commands import Commands
from model.errors import ContractError
from model.record import Stream
from support import site
from support.journals import GW
from support.odd_json import odd_json
from support.source import new_id
from sync.contract.messages import Command, CommandResult, Issuer, SignedCommand, encode
from sync.contract.signing import fingerprint, private_key, sign


def test_only_a_signed_command_of_a_person_is_obeyed(tmp_path: Path) -> None:
    """Odd commands under a good signature, good ones under a bad signature, any byte changed, bytes that are nothing."""
    key = private_key(tmp_path / "central.key")
    ours = fingerprint(key.public_key())
    directories = itertools.count()
    # of these the service may not, and the others name no alarm that is open
    odd = odd_json(Command, gw=st.just(f'"{GW}"'), name=st.just('"alarm.ack"')).map(
        lambda raw: encode(SignedCommand(cmd=Raw(raw), key=ours, sig=key.sign(raw).hex()))
    )
    forged = st.binary(min_size=64, max_size=64).map(bytes.hex)

    @settings(max_examples=10)
    @given(st.lists(odd | odd_json(SignedCommand) | st.binary(max_size=50), max_size=6), forged, st.data())
    def check(payloads: list[bytes], sig: str, data: st.DataObject) -> None:
        asyncio.run(_check(payloads, sig, data))

    async def _check(payloads: list[bytes], sig: str, data: st.DataObject) -> None:
        async with site.running(tmp_path / str(next(directories))) as gateway:
            commands = Commands(GW, gateway.journal, gateway.pipeline, gateway.clock, [tmp_path / "central.pub"])
            alarm = await gateway.press()
            issuer = Issuer(kind="person", name="wang")
            good = sign(Command(v=1, id=new_id(), gw=GW, issuer=issuer, name="alarm.ack", args={"alarm": alarm}), key)
            whole = encode(good)
            start = data.draw(st.integers(0, len(whole) - 1))
            spoilt = whole[:start] + data.draw(st.binary(max_size=2)) + whole[start + 1 :]
            service = Issuer(kind="service", name="x")
            of_service = sign(
                Command(v=1, id=new_id(), gw=GW, issuer=service, name="alarm.ack", args={"alarm": alarm}), key
            )
            tried = [*payloads, encode(msgspec.structs.replace(good, sig=sig)), encode(of_service)]
            tried += [spoilt] if spoilt != whole and signed_part(spoilt) != bytes(good.cmd) else []
            answers: dict[str, str | None] = {}
            for payload in [*tried, *tried]:
                try:
                    result = await commands.obey(payload)
                except ContractError:
                    continue
                assert isinstance(result, CommandResult)
                assert (result.result, result.why) == ("refused", answers.setdefault(result.id, result.why))
            assert not await gateway.records(Stream.ALARM, "alarm.acked/1")
            assert (await commands.obey(whole)).result == "done"
            assert (await commands.obey(whole)).result == "done"
            assert len(await gateway.records(Stream.ALARM, "alarm.acked/1")) == 1
            told = [body["id"] for _, body in await gateway.records(Stream.AUDIT, "command.result/1")]
            assert len(told) == len(set(told)) == len(answers) + 1

    check()


def signed_part(payload: bytes) -> bytes | None:
    """The command in it, where that can be told: a change outside of it may leave the message as good as it was."""
    try:
        return bytes(msgspec.json.decode(payload, type=SignedCommand).cmd)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
