"""Lifts as the centre sees them, `python -m bench.lift_clients PORT DIRECTORY CENTRAL_KEY GW...`: each speaks the contract over
a connection of its own, with its own store and chain, and is no more than that.

It prints a line when all are connected and born, then obeys one line at a time and answers each with a line of JSON: `raise`
(each has an alarm, all at once), `told` (how many are at the centre, and how many acknowledgements), `report`.
"""

import asyncio
import json
import sys
import time
import uuid
from pathlib import Path

from model.bodies import AlarmBody, Rescue
from model.record import KINDS, Draft, Stream, chain, draft, genesis
from model.time import Stamp, TimeQuality
from sync.contract.batch import build
from sync.contract.messages import (
    Ack,
    Birth,
    Command,
    CommandResult,
    SignedCommand,
    StoreState,
    StreamState,
    decode,
    encode,
)
from sync.contract.signing import fingerprint, opened, public_key
from sync.contract.topics import all_down, down_command, up_result, up_status, up_stream
from sync.mqtt import MqttLink, MqttSettings

CONNECTING = 20
"""How many connect at the same time."""
AGAIN_S, AGAIN_MAX_S = 5.0, 30.0
"""A batch without an acknowledgement is sent again after so long, and each time after twice as long."""


class Lift:
    """One gateway with one lift. `problems` are what the centre did against the contract."""

    def __init__(self, gw: str, url: str, password: Path, central_key: Path) -> None:
        self.gw = gw
        key = public_key(central_key)
        self._keys = {fingerprint(key): key}
        self._boot = str(uuid.uuid4())
        self._store = str(uuid.uuid4())
        self._heads = [genesis(self._store)]
        self._upto = 0
        self._progress = asyncio.Event()
        self._results: dict[str, CommandResult] = {}
        self._sending: set[asyncio.Task[None]] = set()
        self.alarm = str(uuid.uuid4())
        self.raised = self.at_centre = self.commanded = self.acked = 0.0
        self.again = 0
        self.problems: list[str] = []
        settings = MqttSettings(url, gw, password, protocol="5")
        self._link = MqttLink(settings, client_id=gw, clean_start=True, will=None, on_message=self._on_message)

    async def connect(self) -> None:
        await self._link.connect()
        await self._link.subscribe(all_down(self.gw))
        mark = StreamState(last=0, upto=0, low=1, head=self._heads[0].hex())
        birth = Birth(
            v=1,
            state="up",
            session=str(uuid.uuid4()),
            version="bench",
            boot=self._boot,
            sent=_now().t,
            kinds=list(KINDS),
            encodings=["json"],
            stores=[StoreState(store=self._store, streams={"alarm": mark})],
            devices=[],
        )
        await self._link.publish(up_status(self.gw), encode(birth), retain=True)

    async def raise_alarm(self) -> None:
        self.raised = time.monotonic()
        await self._say("alarm.raised/1", Rescue(lift=self.gw, state="raised"))
        self.at_centre = time.monotonic()

    async def _say(self, kind: str, rescue: Rescue, by: str | None = None, command: str | None = None) -> None:
        """Until the centre has it."""
        body = AlarmBody(
            alarm=self.alarm,
            rule="lift",
            what="lift_alarm",
            device="board",
            point="di1",
            profile="bench@1",
            by=by,
            command=command,
            rescue=rescue,
        )
        said: Draft = draft(kind, body, _now(self._boot))
        seq, prev = len(self._heads), self._heads[-1]
        (record,) = chain(prev, self.gw, self._store, "alarm", seq, [said])
        self._heads.append(record.hash)
        batch = build(self.gw, self._store, Stream.ALARM, [record], prev=prev, low=1, lost=(), sent=said.at.t)
        pause = AGAIN_S
        while True:
            _ = self._link.publish(up_stream(self.gw, Stream.ALARM), encode(batch))
            try:
                async with asyncio.timeout(pause):
                    while self._upto < seq:
                        self._progress.clear()
                        await self._progress.wait()
                    return
            except TimeoutError:
                self.again += 1
                pause = min(2 * pause, AGAIN_MAX_S)

    def _on_message(self, topic: str, payload: bytes) -> None:
        if topic == down_command(self.gw):
            task = asyncio.ensure_future(self._obey(opened(decode(payload, SignedCommand), self._keys)))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)
            return
        ack = decode(payload, Ack)
        if ack.upto and (ack.upto >= len(self._heads) or ack.head != self._heads[ack.upto].hex()):
            self.problems.append(f"{topic}: acknowledges what was not sent: {ack}")
        self._upto = max(self._upto, ack.upto)
        self._progress.set()

    async def _obey(self, command: Command) -> None:
        """Once, and a repeated command is given the same answer; as a gateway, which acknowledges no alarm twice."""
        if command.id not in self._results:
            ours = command.gw == self.gw and (command.name, command.args.get("alarm")) == ("alarm.ack", self.alarm)
            if not ours or self.commanded:
                self.problems.append(f"a command that is not expected: {command}")
            self._results[command.id] = CommandResult(
                v=1, id=command.id, result="done" if ours and not self.commanded else "refused", sent=_now().t
            )
            if ours and not self.commanded:
                self.commanded = time.monotonic()
                rescue = Rescue(lift=self.gw, state="acked", via="centre")
                said = asyncio.ensure_future(self._say("alarm.acked/1", rescue, command.issuer.name, command.id))
                await self._link.publish(up_result(self.gw), encode(self._results[command.id]))
                await said
                self.acked = time.monotonic()
                return
        await self._link.publish(up_result(self.gw), encode(self._results[command.id]))

    def raise_now(self) -> None:
        self._sending.add(asyncio.ensure_future(self.raise_alarm()))


def _now(boot: str = "") -> Stamp:
    mono = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
    return Stamp(boot, time.time_ns() // 1000, TimeQuality("ntp", 10), mono)


def _obeyed(lifts: list[Lift], line: str) -> object:
    if line == "raise":
        for lift in lifts:
            lift.raise_now()
        return True
    if line == "told":
        return [sum(bool(lift.at_centre) for lift in lifts), sum(bool(lift.acked) for lift in lifts)]
    return [
        [lift.alarm, lift.raised, lift.at_centre, lift.commanded, lift.acked, lift.again, lift.problems]
        for lift in lifts
    ]


async def main(port: str, directory: str, central_key: str, *gateways: str) -> None:
    where = Path(directory)
    url = f"mqtt://127.0.0.1:{port}"
    lifts = [Lift(gw, url, where / f"{gw}.password", Path(central_key)) for gw in gateways]
    turn = asyncio.Semaphore(CONNECTING)

    async def connected(lift: Lift) -> None:
        async with turn:
            await lift.connect()

    await asyncio.gather(*map(connected, lifts))
    print("ready", flush=True)
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    while line := await commands.readline():
        print(json.dumps(_obeyed(lifts, line.decode().strip())), flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
