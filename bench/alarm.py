"""From the end of an alarm's debouncing at the gateway to its commit at the centre: idle, under a backlog, on a thin link."""

import json
import shutil
import time
from contextlib import ExitStack
from pathlib import Path

from bench.acknowledgements import Acknowledgements
from bench.drain import READING, backlog
from bench.load import SETTLE_S
from bench.modbus import ModbusServer, devices
from bench.options import Options
from bench.polls import polls
from bench.process import until
from bench.report import Line, Report, Target, percentile, ratios
from bench.site import GW, Committed, Site

CONTACTS = 16
POLLED_EVERY_S = 0.05
LINK = {"do": "link", "rate": 256_000 / 8, "delay_ms": 150}
"""256 kbit/s with 300 ms from here to there and back."""


def _devices(buttons: int) -> int:
    return -(-buttons // CONTACTS)


def buttons(port: int, count: int) -> str:
    """Settings: so many lift alarms, each with a button of its own."""
    rules = "".join(
        f'[[rule]]\nid = "lift{n:03}"\nrule = "lift"\nalarm = "dev{1 + n // CONTACTS:03}.c{n % CONTACTS:02}"\n'
        f'end = "dev001.key"\nprofile = "lift-default"\n'
        for n in range(count)
    )
    return devices(port, _devices(count), "bench-contacts", POLLED_EVERY_S) + rules


def press(servers: list[ModbusServer], first: int, count: int, pace_s: float) -> None:
    """One button after the other at an even pace, the same at each gateway."""
    start = time.monotonic()
    for n in range(count):
        for server in servers:
            server.press(1 + (first + n) // CONTACTS, (first + n) % CONTACTS)
        time.sleep(max(0.0, start + (n + 1) * pace_s - time.monotonic()))


def latencies(committed: Committed, heard: Acknowledgements, gw: str = GW) -> list[tuple[int, float]]:
    """When each alarm was raised (us, UTC), and the milliseconds to its commit: its stamp is the end of debouncing."""
    found = []
    for seq, t, _ in committed.bodies("alarm.raised/1", gw):
        at = heard.of(gw, seq)
        assert at is not None
        found.append((t, (at - t) / 1000))
    return found


def at_a_site(options: Options, count: int, backlog_of: tuple[Path, int] | None) -> list[float]:
    """Latencies of `count` alarms: while a backlog of so many records drains, or with nothing else to do."""
    directory = options.directory / "alarm"
    site = Site(directory)
    with ExitStack() as stack:
        stack.enter_context(site.brokered())
        stack.enter_context(site.centre())
        server = stack.enter_context(ModbusServer(_devices(count), directory / "modbus.log"))
        committed = Committed(site)
        stack.callback(committed.close)
        heard = stack.enter_context(Acknowledgements(site))
        if backlog_of:
            shutil.copytree(backlog_of[0], site.data())
        stack.enter_context(site.gateway(buttons(server.port, count)))
        if backlog_of:
            until(lambda: committed.upto(READING), "the drain has begun")
        else:
            site.wait_online()
            time.sleep(SETTLE_S)
        press([server], 0, count, 0.03)
        drained = None
        if backlog_of:
            until(lambda: committed.upto(READING) >= backlog_of[1], "the backlog is drained", 300)
            drained = time.time_ns() // 1000
        until(lambda: committed.count("alarm.raised/1") >= count, "all alarms at the centre")
        heard.all(GW, committed.upto("alarm"))
        found = latencies(committed, heard)
    shutil.rmtree(directory)
    return [ms for t, ms in found if drained is None or t < drained]


def on_a_thin_link(options: Options, gateways: int, template: Path, count: int) -> list[list[float]]:
    """Latencies of `count` alarms at each of several gateways, each with a backlog on a link of its own."""
    names = [f"gw-{n}" for n in range(1, gateways + 1)]
    site = Site(options.directory / "thin", names)
    with ExitStack() as stack:
        broker = stack.enter_context(site.brokered())
        stack.enter_context(site.centre())
        committed = Committed(site)
        stack.callback(committed.close)
        heard = stack.enter_context(Acknowledgements(site))
        servers = []
        for name in names:
            link = stack.enter_context(
                site.run(f"link-{name}", "sim", "mqtt-proxy", "--to", f"127.0.0.1:{broker.port}")
            )
            url = json.loads(link.line())["endpoint"]
            link.ask(json.dumps(LINK))
            server = stack.enter_context(ModbusServer(_devices(count), site.directory / f"modbus-{name}.log"))
            servers.append(server)
            shutil.copytree(template / name, site.data(name))
            stack.enter_context(site.gateway(buttons(server.port, count), name, url))
        until(lambda: all(committed.upto(READING, name) for name in names), "the drains have begun")
        press(servers, 0, count, 0.15)
        until(
            lambda: all(committed.count("alarm.raised/1", name) >= count for name in names), "all alarms at the centre"
        )
        for name in names:
            heard.all(name, committed.upto("alarm", name))
        return [[ms for _, ms in latencies(committed, heard, name)] for name in names]


def run(options: Options) -> Report:
    count = options.pick(160, 20)
    size, thin_size = options.pick((600_000, 30_000), (3_000, 1_000))
    template = options.directory / "template"
    backlog(template, list(polls(size)))
    loaded, idle = [], []
    for _ in range(options.pick(5, 1)):
        idle.append(at_a_site(options, count, None))
        loaded.append(at_a_site(options, count, (template, size)))
    shutil.rmtree(template)
    for gw in range(1, options.pick(5, 1) + 1):
        backlog(options.directory / "thin-template" / f"gw-{gw}", list(polls(thin_size)), f"gw-{gw}")
    thin = on_a_thin_link(options, options.pick(5, 1), options.directory / "thin-template", count)
    p99, p99_idle = ([percentile(each, 99) for each in found] for found in (loaded, idle))
    return Report(
        name="alarm",
        title="Alarm latency: end of debouncing at the gateway to committed at the centre",
        method=(
            f"{count} lift alarms per run, each a button of its own behind Modbus TCP, debounced by the real rule. The alarm's stamp "
            "says when debouncing ended; it is committed when the centre's acknowledgement is heard at the broker.\n"
            f"With nothing else to do and while a backlog of {size:,} poll records drains, turn by turn; then again with a backlog at "
            "five gateways, each on a link of 256 kbit/s with a round trip of 300 ms."
        ),
        targets=[
            Target(ratios("alarm p99 under backlog / idle", p99, p99_idle), "at most", 3),
            Target(Line("alarm p99 under backlog", "ms", p99), "at most", 100),
            Target(
                Line("alarm p99 on the thin link, under backlog", "ms", [percentile(each, 99) for each in thin]),
                "at most",
                2000,
                every=True,
            ),
            Target(Line("alarms raised while it drained", "alarms", [float(len(e)) for e in loaded]), "at least", 150),
        ],
        lines=[
            Line("p99 idle", "ms", p99_idle),
            Line("median idle", "ms", [percentile(each, 50) for each in idle]),
            Line("median under backlog", "ms", [percentile(each, 50) for each in loaded]),
            Line("worst under backlog", "ms", [max(each, default=0.0) for each in loaded]),
            Line("median on the thin link", "ms", [percentile(each, 50) for each in thin]),
            Line("worst on the thin link", "ms", [max(each) for each in thin]),
        ],
    )
