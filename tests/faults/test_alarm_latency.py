"""An alarm while a backlog drains over a slow link (docs/faults.md): it overtakes all but what is already under way.

How long it takes is measured by `bench/alarm.py`; here it is counted what goes before it.
"""

import os
from pathlib import Path

import msgspec

from firmware_sim.mqtt_proxy_faults import Fault, Way
from firmware_sim.mqtt_proxy_packets import Packet
from gateway.demo.broker import Broker
from model.record import Draft, Stream
from support.journals import GW, KIND
from support.proxy import chain
from support.source import at
from sync.contract.topics import up_stream

RATE = 256_000 / 8
ROUND_TRIP_S = 0.3
LATENCY_S = 2.0
"""What an alarm may take on such a link."""
AHEAD_MAX = RATE * (LATENCY_S - ROUND_TRIP_S)
BACKLOG = 600
ALARMS = 5


class Tap(Fault):
    """Does nothing to any packet, and counts the bytes of what the gateway has sent that came to the end of the line."""

    def __init__(self) -> None:
        super().__init__("hold", way="up")
        self.bytes = 0
        self.before_alarms: list[int] = []

    def takes(self, packet: Packet, way: Way, version: int) -> bool:
        if packet.topic == up_stream(GW, Stream.ALARM):
            self.before_alarms.append(self.bytes)
        if way == self.way:
            self.bytes += len(packet.raw)
        return False


def backlog() -> list[Draft]:
    """Readings that do not get smaller by packing: more than the line carries while the alarms come."""
    return [
        Draft(KIND[Stream.READING], msgspec.json.encode({"x": os.urandom(1000).hex()}), at()) for _ in range(BACKLOG)
    ]


async def test_alarms_overtake_a_backlog_on_a_slow_link(broker: Broker, tmp_path: Path) -> None:
    """19: each is stored while the backlog still waits, with no more before it than the link carries in its time."""
    async with chain(broker, tmp_path) as way:
        way.near.link(rate=RATE, delay_ms=1000 * ROUND_TRIP_S / 2)
        tap = Tap()
        way.near.add(tap)
        await way.gateway.journal.append(backlog())
        await way.gateway.until(lambda: way.gateway.uplink.counts(Stream.READING).acknowledged > 0)
        for number in range(1, ALARMS + 1):
            sent = len(tap.before_alarms)
            await way.gateway.raise_alarm()
            durable = tap.bytes
            await way.gateway.settled(Stream.ALARM)
            stored = way.counts()
            assert stored["alarm"]["rows"] == number
            assert stored["reading"]["rows"] < BACKLOG
            assert tap.before_alarms[sent] - durable < AHEAD_MAX
        way.near.link()
        await way.settled()
        await way.assert_exactly_once()
