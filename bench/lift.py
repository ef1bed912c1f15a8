"""A call from a lift to the lamp at its gateway and to the rescue desk: with nothing else to do, and while a week's backlog drains."""

import json
import shutil
import time
import tomllib
from contextlib import ExitStack
from pathlib import Path

from bench.desk import Desk
from bench.desk_page import Page
from bench.drain import READING, backlog
from bench.load import SETTLE_S
from bench.options import Options
from bench.polls import polls
from bench.process import until
from bench.report import Line, Report, Target, percentile
from bench.site import GW, Committed, Site

LIFTS = 8
TRIPS_A_DAY = 1000
WEEK = LIFTS * 7 * (24 * 60 + 10 * TRIPS_A_DAY)
"""Records of a week: each terminal's heartbeat every minute, and ten changes of a trip (door, direction, floor, ...)."""
BUTTONS, KEY = 7, 8
"""Inputs of the board: the alarm buttons of that many lifts, and the key that ends their alarms."""
_PROFILE = Path(__file__).parent / "config" / "rules" / "bench-lift.toml"


class Board:
    """The simulated board with contacts and lamps, on a bus of its own; `lamp` is what its log says of them."""

    def __init__(self, site: Site, stack: ExitStack, gw: str = GW) -> None:
        log = site.directory / f"board-{gw}.jsonl"
        self._sim = stack.enter_context(
            site.run("board", "sim", "modbus", "--slave", "1=waveshare-io-8ch", "--log", log)
        )
        self.endpoint = json.loads(self._sim.line())["endpoint"]
        self._log = stack.enter_context(log.open(encoding="utf-8"))
        self._switched: list[tuple[bool, int]] = []

    def contact(self, di: int, on: bool) -> None:
        self._sim.ask(json.dumps({"do": "contact", "di": di, "on": on}))

    def lamp(self) -> list[tuple[bool, int]]:
        """Whether one went on or off, and when (CLOCK_BOOTTIME us), in order: one lift calls at a time."""
        for line in self._log:
            event = json.loads(line)
            if event["event"] == "output":
                self._switched.append((event["on"], event["mono"]))
        return self._switched


def terminals(site: Site, stack: ExitStack) -> str:
    """The simulated terminals of all lifts on a bus of their own: its port."""
    slaves = [arg for unit in range(1, LIFTS + 1) for arg in ("--slave", f"{unit}=lift-gbt-1")]
    endpoint: str = json.loads(stack.enter_context(site.run("terminals", "sim", "modbus", *slaves)).line())["endpoint"]
    return endpoint


def settings(board: str, lifts: str, contacts_every_s: float, *, rules: bool = True) -> str:
    """A machine room: the board with contacts, the lifts' terminals, and for each lift its alarm, its lamp and its supervision."""
    parts = [
        (
            f'[[bus]]\nid = "contacts"\ndriver = "modbus_rtu"\nport = "{board}"\n'
            f'[[bus]]\nid = "lifts"\ndriver = "modbus_rtu"\nport = "{lifts}"\n'
            '[[device]]\nid = "board"\ndriver = "modbus"\nbus = "contacts"\nslave = 1\nprofile = "waveshare-io-8ch"\n'
            f"every_s = {contacts_every_s}\n"
        )
    ]
    for n in range(1, LIFTS + 1):
        parts.append(
            f'[[device]]\nid = "lift{n}"\ndriver = "modbus"\nbus = "lifts"\nslave = {n}\nprofile = "lift-gbt-1"\nevery_s = 1.0\n'
        )
        if rules:
            contact = f'"board.di{n}", ' if n <= BUTTONS else ""
            parts.append(
                f'[[lift]]\nid = "car{n}"\n'
                f'[[rule]]\nid = "call{n}"\nrule = "lift"\nprofile = "bench-lift"\nlift = "car{n}"\nterminal = "lift{n}"\n'
                f'alarm = [{contact}"lift{n}.alarm_button"]\nend = "board.di{KEY}"\n'
                f'[[rule]]\nid = "watch{n}"\nrule = "lift_watch"\nprofile = "lift-watch-default"\nlift = "car{n}"\n'
                f'terminal = "lift{n}"\ngateway = {str(n == 1).lower()}\n'
                f'[[output]]\nid = "lamp{n}"\ndevice = "board"\noutput = "relay{n}"\nmode = "hold"\non = ["lamp_yellow"]\n'
                f'rules = ["call{n}"]\n'
            )
    return "".join(parts)


class Room:
    """The whole way from the button to the desk, each part the real program."""

    def __init__(self, directory: Path, stack: ExitStack, template: Path | None = None) -> None:
        site = Site(directory)
        stack.enter_context(site.brokered())
        stack.enter_context(site.centre())
        self._board = Board(site, stack)
        lifts = terminals(site, stack)
        if template:
            shutil.copytree(template, site.data())
        keys = f'central_keys = ["{site.centre_data}/central.pub"]\n'
        stack.enter_context(site.gateway(keys + settings(self._board.endpoint, lifts, 0.1)))
        self.committed = Committed(site)
        stack.callback(self.committed.close)
        self._desk = Desk(site.centre_data)
        stack.callback(self._desk.close)
        self._page = Page(site, stack)
        self._calls: list[tuple[str, int, int, int]] = []
        if template is None:
            site.wait_online()
            time.sleep(SETTLE_S)

    def call(self, lift: int) -> None:
        """From the button at rest and the lamp dark, until the alarm is acknowledged and ended, and both are so again."""
        switched = len(self._board.lamp())
        self._board.contact(lift, True)
        alarm, shown = self._desk.shown()
        until(lambda: len(self._board.lamp()) > switched, "the lamp goes on")
        until(lambda: alarm in self._page.shown, "the desk's page shows it")
        self._calls.append((alarm, self._board.lamp()[switched][1], shown, self._page.shown[alarm]))
        self._board.contact(lift, False)
        self._desk.acknowledge(alarm)
        self._board.contact(KEY, True)
        self._desk.ended(alarm)
        until(lambda: len(self._board.lamp()) > switched + 1, "the lamp goes out")
        self._board.contact(KEY, False)

    def latencies(self) -> list[list[float]]:
        """Of each call: milliseconds from the end of debouncing to the lamp, to the centre's database, to the desk's page."""
        press_us = 1_000_000 * tomllib.loads(_PROFILE.read_text(encoding="utf-8"))["press_s"]
        debounced = {}
        for _, _, body in self.committed.bodies("alarm.raised/1"):
            said = json.loads(body)
            debounced[said["alarm"]] = said["cause"]["mono"] + press_us
        return [[(at - debounced[alarm]) / 1000 for at in times] for alarm, *times in self._calls]


def idle(options: Options, count: int) -> list[list[float]]:
    directory = options.directory / "idle"
    with ExitStack() as stack:
        room = Room(directory, stack)
        for n in range(count):
            room.call(1 + n % BUTTONS)
        found = room.latencies()
    shutil.rmtree(directory)
    return found


def draining(options: Options, template: Path, records: int) -> list[list[float]]:
    """Calls that came while the backlog drained."""
    directory = options.directory / "draining"
    with ExitStack() as stack:
        room = Room(directory, stack, template)
        until(lambda: room.committed.upto(READING), "the drain has begun")
        calls = 0
        while calls == 0 or room.committed.upto(READING) < records:
            room.call(1 + calls % BUTTONS)
            calls += 1
        found = room.latencies()
    shutil.rmtree(directory)
    return found


def run(options: Options) -> Report:
    records = options.pick(WEEK, 2_000)
    template = options.directory / "template"
    backlog(template, list(polls(records)))
    at_rest = idle(options, options.pick(100, 3))
    loaded = [call for _ in range(options.pick(3, 1)) for call in draining(options, template, records)]
    ends = ("lamp", "centre", "desk's page")
    calls = {
        (end, when): Line(f"a lift's call to the {end}, {when}", "ms", list(found))
        for when, all_ in {"idle": at_rest, "a week draining": loaded}.items()
        for end, found in zip(ends, zip(*all_, strict=True), strict=True)
    }
    p99 = {way: Line(f"{line.what}, p99", "ms", [percentile(line.samples, 99)]) for way, line in calls.items()}
    return Report(
        name="lift",
        title="A lift's call: end of debouncing to the lamp and to the rescue desk",
        method=(
            f"A machine room with {LIFTS} lifts: a contact board on an RS-485 bus, asked every 100 ms, with {BUTTONS} alarm buttons, "
            "key and lamp, and a second bus with the lifts' terminals; both are simulators on pseudo terminals at 9600 baud. "
            "The calls come one after the other, each acknowledged at the centre and ended with the key before the next.\n"
            "Debouncing ends `press_s` after the time in the alarm's own cause. The lamp is on when the board's log says so: a request "
            "takes 9 ms, and a transaction that is under way is waited for. The centre has it when another process, which looks "
            "every millisecond, sees it in the centre's database; the page of `doorpost central desk` when a browser's stream of "
            "events has it.\n"
            f"A week are {records:,} poll records: {LIFTS} lifts with a heartbeat a minute and {TRIPS_A_DAY:,} trips a day of ten "
            f"changes each; the calls count that came while they drained ({len(loaded)})."
        ),
        targets=[
            *(Target(p99["centre", when], "at most", 100) for when in ("idle", "a week draining")),
            *(Target(calls["lamp", when], "at most", 1000, every=True) for when in ("idle", "a week draining")),
        ],
        lines=[
            *(line for (end, _), line in calls.items() if end != "lamp"),
            *(line for (end, _), line in p99.items() if end != "centre"),
        ],
    )
