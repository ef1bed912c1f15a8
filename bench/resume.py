"""How soon readings flow again once the broker is back, and that none of the outage is missing."""

import time
from contextlib import ExitStack

from bench.load import until_quiet
from bench.modbus import ModbusServer, devices
from bench.options import Options
from bench.process import until
from bench.report import Line, Report, Target
from bench.site import Committed, Site, numbers

GATEWAYS = 5
DEVICES = 2
EVERY_S = 0.25


def run(options: Options) -> Report:
    outage_s = options.pick(40.0, 2.0)
    names = [f"gw-{n}" for n in range(1, options.pick(GATEWAYS, 2) + 1)]
    site = Site(options.directory / "site", names)
    with ExitStack() as stack:
        broker = stack.enter_context(site.brokered())
        stack.enter_context(site.centre())
        committed = Committed(site)
        stack.callback(committed.close)
        servers = {
            name: stack.enter_context(ModbusServer(DEVICES, site.directory / f"modbus-{name}.log")) for name in names
        }
        gateways = [
            stack.enter_context(site.gateway(devices(server.port, DEVICES, "bench-20", EVERY_S), name))
            for name, server in servers.items()
        ]
        until(lambda: all(committed.upto("reading", name) for name in names), "the first readings")
        broker.kill()
        before = {name: committed.upto("reading", name) for name in names}
        time.sleep(outage_s)
        broker.start()
        back_at = time.monotonic()
        resumed: dict[str, float] = {}
        while len(resumed) < len(names):
            for name in names:
                if name not in resumed and committed.upto("reading", name) > before[name]:
                    resumed[name] = time.monotonic() - back_at
            until(lambda: True, "the programs run")
            time.sleep(0.005)
        answered = {name: server.silence() for name, server in servers.items()}
        for gateway in gateways:
            gateway.stop()
        until_quiet(lambda: sum(committed.upto("reading", name) for name in names))
        missing = [
            float(len(set(range(1, count + 1)) - set(numbers(committed.bodies("reading.poll/1", name)))))
            for name, count in answered.items()
        ]
    return Report(
        name="resume",
        title=f"After {outage_s:.0f} s without the broker",
        method=(
            f"{len(names)} gateways with {DEVICES} devices each, polled every {EVERY_S} s; the broker is killed with -9 and started "
            "again on its port. The clock runs from when it listens until the centre has committed the next readings."
        ),
        targets=[
            Target(Line("flow resumes after the broker's return", "s", list(resumed.values())), "at most", 2),
            Target(Line("polls missing after an outage", "polls", missing), "at most", 0, every=True),
        ],
        lines=[],
    )
