"""The composition root: everything is made and wired here, and nowhere else."""

import asyncio
import hashlib
import logging
import os
import signal
import sys
from collections.abc import Coroutine, Mapping
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Raw, json

from gateway.checkpoints import Checkpoints
from gateway.clock import SystemClock
from gateway.commands import Commands
from gateway.control import ControlServer
from gateway.datadir import claimed
from gateway.frames import Frames
from gateway.messenger import Messenger
from gateway.outputs import Outputs
from gateway.pipeline import Pipeline
from gateway.projection.follow import Projection
from gateway.retention import RETENTIONS
from gateway.rules.base import Rule, RuleConfig, Sent
from gateway.rules.registry import RULES
from gateway.rules.site import Site
from gateway.rules.store import WATCHED, StoreRule, filled
from gateway.settings.schema import Settings
from gateway.sms_trial import SmsTrial
from gateway.status import StoreNow
from gateway.storekeeper import Storekeeper, segment_max_bytes
from gateway.supervisor import Supervised
from gateway.views import Views
from gateway.web.listen import WebServer
from model.bodies import AlarmBody, ClockStep, DeviceStateBody, GatewayStart, GatewayStop, StoreDamage, TimeAnchor
from model.errors import ContractError, SettingsError, StoreError
from model.observation import Observation, Poll, Scan
from model.ports import Health
from model.record import STREAMS, Draft, Stream, draft
from model.time import Stamp
from sync.contract.messages import CommandResult, DeviceState, Urgent
from sync.journal.journal import Journal
from sync.mqtt import MqttSettings
from sync.uplink import Uplink

if TYPE_CHECKING:
    from gateway.vitals import Vitals

VERSION = version("doorpost")
CLOCK_CHECK_S = 1.0
KEY_FILE = "gateway.key"
LAST_WORDS_S = 5.0
"""How long an orderly stop waits for the centre."""

log = logging.getLogger("doorpost")


def run(settings: Settings, data: Path) -> int:
    """The daemon: runs until SIGTERM or SIGINT and then stops in order. Raises SettingsError, StoreError."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    with claimed(data):
        asyncio.run(_until_told(Daemon(settings, data).run()))
    return 0


async def _until_told(work: Coroutine[Any, Any, None]) -> None:
    """Cancel the work on the first signal; its end is the end."""
    task = asyncio.ensure_future(work)
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        return


class Daemon:
    """One gateway. `run` opens the journal, starts everything and, when cancelled, closes it in order."""

    def __init__(self, settings: Settings, data: Path) -> None:
        self._settings = settings
        self._data = data
        self._clock = SystemClock()
        self._stopping = False
        self._vitals: Vitals | None = None

    async def run(self) -> None:
        s = self._settings
        self._journal = await Journal.open(
            self._data / "stores", s.gateway.id, segment_max_bytes=segment_max_bytes(s.store.limit)
        )
        try:
            await self._run()
        finally:
            await self._journal.close()

    async def _run(self) -> None:
        s = self._settings
        self._supervised: dict[str, Supervised] = {}
        self._views = Views(
            s.gateway.id, VERSION, s.sync.broker if s.sync else "", self._clock, self._journal, self._supervised
        )
        enabled = {d.config.id for d in s.devices if d.config.enabled}
        outputs = Outputs(
            tuple(o for o in s.outputs if o.device in enabled), lambda device: self._supervised[device].driver
        )
        self._checkpoints = Checkpoints(s.gateway.id, self._journal, self._clock, self._data / KEY_FILE)
        site = Site(s.persons, {lift.id: lift for lift in s.lifts}, s.gateway.language, self._secret())
        rules: dict[Rule, list[str]] = {}
        readers: dict[str, list[Rule]] = {}
        configs: dict[Rule, RuleConfig] = {}
        for config in s.rules:
            rule = RULES[config.rule].make(config, site)
            configs[rule] = config
            rules[rule] = [*config.points(), *config.also()]
            for reader in config.readers():
                readers.setdefault(reader, []).append(rule)
        retention = RETENTIONS.load(s.store.retention)
        rules[StoreRule(retention, retention.full)] = [WATCHED]
        messenger = Messenger(self._supervised, self._message_sent)
        self._views.sms_trial = SmsTrial(s.gateway.id, site, messenger)
        self._pipeline = Pipeline(
            self._journal,
            self._clock,
            rules,
            readers,
            on_signals=outputs.show,
            on_urgent=self._urgent,
            on_observation=partial(self._observed, outputs),
            on_alarms=self._alarms_changed,
            on_messages=messenger.want,
        )
        self._views.pipeline = self._pipeline
        self._frames = Frames(self._data / "frames", s.store.frames, self._pipeline.frame_lost)
        projection = self._views.projection = Projection(self._data / "views.db", self._journal)
        stores = self._data / "stores"
        keeper = Storekeeper(self._journal, self._clock, stores, s.store.limit, retention, self._store_looked_at)
        buses: dict[str, Supervised] = {}
        for bus in s.buses:
            buses[bus.config.id] = self._supervise(bus.config.id, bus, buses)
        for device in s.devices:
            if device.config.enabled:
                self._supervise(device.config.id, device, buses)
        self._uplink = self._make_uplink()
        self._views.uplink = self._uplink
        boot = self._clock.now().boot.encode()
        self._pipeline.start(rebooted=self._note_start(boot))
        # behind the states of all rules: one that a kill leaves with the clock of the boot before is to hear of the reboot again
        self._pipeline.note([], "boot", {"boot": boot})
        self._start_lifts(site, configs)
        self._tell_sealed()
        self._numbered = self._journal.store
        self._journal.on_fork(self._store_changed)
        self._journal.on_hole(self._tell_hole)
        if self._uplink:
            self._pipeline.delivered(Stream.ALARM, self._uplink.lanes[Stream.ALARM].upto)
        async with asyncio.TaskGroup() as sending:
            if self._uplink:
                self._link_changed()
                sending.create_task(self._uplink.run(), name="uplink")
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._pipeline.run(), name="pipeline")
                    group.create_task(outputs.run(), name="outputs")
                    group.create_task(messenger.run(), name="messenger")
                    group.create_task(self._watch_clock(), name="clock")
                    group.create_task(self._checkpoints.run(self._pipeline.note), name="checkpoints")
                    group.create_task(keeper.run(), name="storekeeper")
                    if self._vitals:
                        group.create_task(self._beside("supply", self._vitals.run()), name="supply")
                    group.create_task(self._beside("frames", self._frames.run()), name="frames")
                    group.create_task(self._beside("views", projection.run()), name="views")
                    control = ControlServer(self._views, self._data)
                    group.create_task(self._beside("control socket", control.run()), name="control")
                    group.create_task(self._beside("page", self._page().run()), name="page")
                    for supervised in self._supervised.values():
                        group.create_task(supervised.keep(), name=supervised.device)
            finally:
                self._stopping = True
                await self._pipeline.settle()
                await self._stop_records()
                await self._deliver_last()

    def _start_lifts(self, site: Site, rules: Mapping[Rule, RuleConfig]) -> None:
        """Few sites have any: what they take is not loaded elsewhere."""
        if not site.lifts and not any(config.lift_id for config in rules.values()):
            return
        from gateway.lifts import Lifts
        from gateway.vitals import Vitals, paid_until

        lifts = self._views.site_lifts = Lifts(site, rules, self._pipeline, self._journal, self._clock)
        lifts.start()
        devices = [device.config for device in self._settings.devices]
        self._vitals = Vitals(self._pipeline, self._clock, rules, paid_until(devices, rules.values()))
        self._vitals.calls()

    def _secret(self) -> bytes:
        """Of this gateway alone, and the same after each start: what its key's file holds, which nobody else may read."""
        try:
            key = (self._data / KEY_FILE).read_bytes()
        except OSError:  # a disk that took no key: then of this run alone
            key = os.urandom(32)
        return hashlib.sha256(b"doorpost short message\0" + key).digest()

    def _supervise(self, name: str, configured: Any, buses: dict[str, Supervised]) -> Supervised:
        supervised = Supervised(
            name, configured, self._clock, self._pipeline.emit, self._pipeline.commit, buses, self._device_changed
        )
        self._supervised[name] = supervised
        return supervised

    def _make_uplink(self) -> Uplink | None:
        sync = self._settings.sync
        if sync is None:
            return None
        gw = self._settings.gateway.id
        mqtt = MqttSettings(sync.broker, gw, sync.password_file, sync.ca, sync.cert, sync.key, sync.protocol)
        commands = Commands(gw, self._journal, self._pipeline, self._clock, sync.central_keys)
        return Uplink(
            mqtt,
            gw,
            self._journal,
            version=VERSION,
            now=self._clock.now,
            devices=lambda: [
                DeviceState(id=d.device, driver=d.kind, health=d.state) for d in self._supervised.values()
            ],
            on_command=partial(self._command, commands),
            on_progress=self._pipeline.delivered,
            on_change=self._link_changed,
        )

    def _page(self) -> WebServer:
        s = self._settings
        return WebServer(self._views, s.web.listen, s.gateway.language, lambda url: log.info("page: %s", url))

    async def _beside(self, what: str, work: Coroutine[Any, Any, None]) -> None:
        """What only shows the gateway's work does not stop it, whatever happens to it."""
        try:
            await work
        except SettingsError as err:
            log.error("no %s: %s", what, err)
        except Exception:
            log.exception("no %s", what)

    # what happens

    def _observed(self, outputs: Outputs, observation: Observation) -> None:
        self._views.observed(observation)
        if isinstance(observation, Poll):
            outputs.seen(observation)
        elif isinstance(observation, Scan):
            self._frames.keep(observation)

    def _store_looked_at(self, now: StoreNow) -> None:
        self._views.store = now
        self._views.changed()
        self._pipeline.measured(filled(now.fill, self._clock.now()))

    def _alarms_changed(self) -> None:
        self._views.changed()
        if self._vitals:
            self._vitals.calls()

    def _link_changed(self) -> None:
        self._views.changed()
        if self._uplink and self._vitals and not self._stopping:
            self._vitals.link(up=self._uplink.state == "online")

    def _device_changed(self, device: Supervised) -> None:
        self._views.changed()
        if self._stopping:
            return
        params = {k: str(v) for k, v in device.problem.params.items()} if device.problem else None
        body = DeviceStateBody(
            device=device.device,
            health=device.state,
            error=device.problem.code if device.problem else None,
            params=params,
        )
        self._pipeline.note([draft("device.state/1", body, self._clock.now())], device.device)
        if device.points and device.state in (Health.OFFLINE, Health.FAULT):
            self._pipeline.silent(device.points)

    async def _urgent(self, kind: str, body: AlarmBody, at: Stamp) -> None:
        """Past the journal, straight to the desk: it is merged there by the alarm's id. Raises LinkError."""
        if self._uplink is None:
            return
        message = Urgent(
            v=1, alarm=body.alarm, boot=at.boot, t=at.t, tq=at.tq, mono=at.mono, kind=kind, body=Raw(json.encode(body))
        )
        await self._uplink.urgent(message)

    def _message_sent(self, rule: Rule, sent: Sent) -> None:
        self._pipeline.tell(rule, sent)

    async def _command(self, commands: Commands, payload: bytes) -> CommandResult | None:
        try:
            return await commands.obey(payload)
        except (ContractError, StoreError) as err:
            log.warning("command refused: %s", err)
            return None

    # the gateway's own records

    def _note_start(self, boot: bytes) -> bool:
        """The run's first records, owed where the disk is full: a gateway that can write nothing still guards. True after a reboot."""
        last = self._journal.state("run")
        at = self._clock.now()
        start = GatewayStart(
            version=VERSION,
            boot=at.boot,
            settings=self._settings.sha256,
            after="first" if last is None else "orderly" if last == b"stopped" else "crash",
        )
        self._pipeline.note([draft("gateway.start/1", start, at), self._anchor(at)], "gateway", {"run": b"running"})
        return self._journal.state("boot") not in (None, boot)

    def _tell_sealed(self) -> None:
        """Of each store that was sealed, at this start or by a fork, the journal says why."""
        for body in self._journal.untold:
            log.warning("store %s is sealed (%s); set aside: %s", body.store, body.why, ", ".join(body.aside) or "-")
            said = [draft("store.sealed/1", body, self._clock.now()), *self._lost_of(body.store)]
            self._pipeline.note(said, "journal", {f"sealed/{body.store}": body.why.encode()})

    def _lost_of(self, store: str) -> list[Draft]:
        """What a damaged store has lost at its ends."""
        (view,) = (view for view in self._journal.sealed if view.id == store)
        return [
            draft(
                "store.damage/1",
                StoreDamage(store=store, stream=s, first=a, last=b, why="unreadable"),
                self._clock.now(),
            )
            for s in STREAMS
            for a, b, why in view.lost(s)
            if why == "damaged"
        ]

    def _tell_hole(self, hole: StoreDamage) -> None:
        self._pipeline.note([draft("store.damage/1", hole, self._clock.now())], "journal")

    def _store_changed(self) -> None:
        if self._journal.store != self._numbered:
            self._numbered = self._journal.store
            self._pipeline.renumbered()
        self._tell_sealed()

    async def _stop_records(self) -> None:
        await self._journal.flush()
        stop = draft("gateway.stop/1", GatewayStop(version=VERSION), self._clock.now())
        try:
            await self._journal.append([*self._checkpoints.drafts(), stop], state={"run": b"stopped"})
        except StoreError as err:
            log.error("the stop could not be written: %s", err)

    async def _deliver_last(self) -> None:
        """What is durable still goes out while the centre answers, the stop itself too; the rest goes out after the next start."""
        uplink = self._uplink
        if uplink is None or uplink.central != "up":
            return
        try:
            async with asyncio.timeout(LAST_WORDS_S):
                await self._journal.flush()
                changes = self._views.changes()
                while any(uplink.counts(stream).waiting for stream in STREAMS):
                    await anext(changes)
        except TimeoutError:
            log.info("not all was acknowledged before the end")

    def _anchor(self, at: Stamp) -> Draft:
        body = TimeAnchor(boot=at.boot, mono=at.mono, utc=at.t, source=at.tq.source, err_ms=at.tq.err_ms)
        return draft("time.anchor/1", body, at)

    async def _watch_clock(self) -> None:
        """A step of the wall clock, and a source that is better or knows itself twice as well, are records: nothing is restamped."""
        known = self._clock.now().tq
        while True:
            await asyncio.sleep(CLOCK_CHECK_S)
            step = self._clock.step()  # first: a step that comes after it is the next turn's, and that anchors anew
            at = self._clock.now()
            drafts = []
            if step:
                drafts.append(draft("clock.step/1", ClockStep(boot=at.boot, mono=at.mono, step=step), at))
            if step or at.tq.source != known.source or _halved(known.err_ms, at.tq.err_ms):
                known = at.tq
                self._pipeline.note([*drafts, self._anchor(at)], "clock")


def _halved(before: int | None, now: int | None) -> bool:
    """The kernel's own bound grows and falls all the time; of a boot the best anchor counts."""
    return now is not None and (before is None or 2 * now <= before > now)
