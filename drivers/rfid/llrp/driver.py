"""A fixed UHF reader as a driver: an LLRP client that keeps one inventory running, and tells contacts on its inputs."""

import asyncio
from math import inf
from typing import Literal

from drivers.common.line import Condition, Line
from drivers.common.transport import open_transport
from drivers.rfid.llrp import commands, inputs, params, plan
from drivers.rfid.llrp.codec import CodecError, Message
from drivers.rfid.llrp.config import LlrpConfig
from drivers.rfid.llrp.params import MessageType
from drivers.rfid.llrp.replies import Event, Status, events, rospec_state, status
from drivers.rfid.llrp.reports import reads
from drivers.rfid.llrp.running import Running
from drivers.rfid.llrp.session import Session, refused
from drivers.rfid.window import Windows
from model.errors import DriverError, TransientError
from model.observation import PointMap
from model.ports import Context
from model.time import Stamp

MISSED = 2.5
"""Two keepalives that did not come, and half the time to the next."""


class LlrpDevice:
    """Gives a `TagWindow` per tag, antenna and window, and a `Poll` of the inputs at each change and each keepalive.

    What the reader has read before the inventory is ours, for a client before us or while the connection was lost, is
    left out: nobody looked at the clock then.
    """

    Config = LlrpConfig
    identifies: Literal[True] = True
    """Also where its inputs have points: a recording of it may tell who was there."""

    def __init__(self, config: LlrpConfig, context: Context) -> None:
        self._config = config
        self._context = context
        self._condition = Condition(context)
        self._windows = Windows(config.id, config.window_s)
        self._inputs = inputs.Inputs(config, context)
        self._forget()

    def _forget(self) -> None:
        """Nothing is known of a reader that has just been connected."""
        self._ours = False
        self._running = Running()
        self._state_id: int | None = None  # 0 is what a reader says that could not read the number
        self._start_id: int | None = None
        self._damaged = 0
        self._antennas: set[int] = set()
        self._torn_off: set[int] = set()
        self._closed = False
        self._inputs.reset()

    @staticmethod
    def point_map(config: LlrpConfig) -> PointMap | None:
        """The inputs. Raises SettingsError."""
        return inputs.point_map(config)

    async def run(self) -> None:
        line = await open_transport(self._config.port)
        try:
            self._forget()
            await self._serve(line)
        except TransientError:
            self._inputs.lost(self._context.clock.now())
            raise
        finally:
            self._emit_windows(inf)
            await line.close()

    async def _serve(self, line: Line) -> None:
        session = Session(line, self._context.clock, self._take)
        await session.greeted()
        try:
            await self._set_up(session)
            await self._inventory(session)
        except (DriverError, asyncio.CancelledError):
            if not self._closed:
                await session.part(stopping=self._ours)
            raise

    async def _set_up(self, session: Session) -> None:
        """From whatever a client before us has left behind to an inventory of ours."""
        config = self._config
        able = await session.capabilities()
        plan.check(config, able)
        settings = commands.set_reader_config(config.keepalive_s, self._inputs.ports)
        await session.ask(MessageType.SET_READER_CONFIG, settings)
        await session.ask(MessageType.DELETE_ACCESSSPEC, commands.EVERYTHING)
        await session.ask(MessageType.DELETE_ROSPEC, commands.EVERYTHING)
        await session.send(MessageType.ENABLE_EVENTS_AND_REPORTS)
        now = await session.config()
        self._antennas = set(config.antennas) or {antenna for antenna, there in now.connected.items() if there}
        self._torn_off = {antenna for antenna in self._antennas if not now.connected.get(antenna, True)}
        self._inputs.set(now.gpis, self._context.clock.now())
        await session.ask(MessageType.ADD_ROSPEC, commands.add_rospec(plan.inventory(config, able, now)))
        if config.tid_words:
            await session.ask(MessageType.ADD_ACCESSSPEC, commands.add_accessspec(config.tid_words))
            await session.ask(MessageType.ENABLE_ACCESSSPEC, commands.SPEC)
        self._ours, self._running = True, Running(self._context.clock.mono())
        await session.ask(MessageType.ENABLE_ROSPEC, commands.SPEC)
        self._tell_condition()

    async def _inventory(self, session: Session) -> None:
        clock = self._context.clock
        patience_us = round(MISSED * self._config.keepalive_s * 1e6)
        while True:
            dead = session.heard_us + patience_us
            due = (dead, self._windows.next_due, self._inputs.due_us, self._running.due_us)
            messages = await session.receive((min(when for when in due if when is not None) - clock.mono()) / 1e6)
            at = clock.now()
            self._emit_windows(at.mono)
            if messages:
                self._tell_condition()
            elif at.mono >= session.heard_us + patience_us:
                raise session.silence()
            if self._inputs.due_us is not None and at.mono >= self._inputs.due_us:
                self._inputs.tell(at)
            if self._running.due_us is not None and at.mono >= self._running.due_us:
                self._running.command(at.mono)
                self._state_id = await session.send(MessageType.GET_ROSPECS)
                self._start_id = await session.send(MessageType.START_ROSPEC, commands.SPEC)
            if messages:
                await session.gather()

    def _take(self, one: Message, at: Stamp) -> None:
        """What the reader says by itself. Raises TransientError `llrp_closed`."""
        try:
            match one.type:
                case MessageType.RO_ACCESS_REPORT if self._ours:
                    self._running.reported()
                    self._reported(one.body, at)
                case MessageType.KEEPALIVE:
                    self._inputs.tell(at)
                case MessageType.READER_EVENT_NOTIFICATION:
                    for event in events(one.body):
                        self._happened(event, at)
                case MessageType.GET_ROSPECS_RESPONSE:
                    self._running.stated(rospec_state(one.body, commands.SPEC_ID))
                case MessageType.START_ROSPEC_RESPONSE | MessageType.ERROR_MESSAGE:
                    self._answered(one.id, status(one.body))
        except CodecError:
            self._damage()

    def _damage(self) -> None:
        self._damaged += 1
        self._condition.wrong(TransientError("rfid_damaged", count=self._damaged))

    def _reported(self, body: bytes, at: Stamp) -> None:
        """Raises CodecError."""
        self._emit_windows(at.mono)
        for read in reads(body):
            if read is None:
                self._damage()
                continue
            if self._torn_off:  # not each reader can tell
                self._torn_off.discard(read.antenna or 0)
            if (arrived := self._windows.add(read, at)) is not None:
                self._context.emit(arrived)

    def _answered(self, number: int, said: Status) -> None:
        if number == self._start_id:
            self._running.answered(said)
        elif said.code != params.SUCCESS and number != self._state_id:  # who does not know that question may say so
            self._condition.wrong(refused(None, said))

    def _happened(self, event: Event, at: Stamp) -> None:
        """Raises TransientError `llrp_closed`."""
        match event.type:
            case params.GPI_EVENT:
                self._inputs.set({event.number: event.state}, at)
            case params.ANTENNA_EVENT:
                self._antenna(event.number, there=event.state == params.ANTENNA_CONNECTED)
            case params.ROSPEC_EVENT if event.number == commands.SPEC_ID:
                if event.state == params.ROSPEC_BEGAN:
                    self._running.began()
                else:
                    self._running.ended(at.mono)
            case params.READER_EXCEPTION_EVENT:
                self._condition.wrong(TransientError("llrp_exception", text=event.text or "-"))
            case params.REPORT_BUFFER_OVERFLOW:
                self._condition.wrong(TransientError("llrp_overflow"))
            case params.CONNECTION_ATTEMPT_EVENT if event.state == params.CONNECTION_ATTEMPTED:
                self._condition.wrong(TransientError("llrp_attempted", port=self._config.port))
            case params.CONNECTION_CLOSE_EVENT:
                self._closed = True
                raise TransientError("llrp_closed", port=self._config.port)

    def _antenna(self, number: int, *, there: bool) -> None:
        """One is missed that the settings name, or that was there once."""
        if there:
            self._torn_off.discard(number)
            if not self._config.antennas:
                self._antennas.add(number)
        elif number in self._antennas:
            self._torn_off.add(number)

    def _tell_condition(self) -> None:
        if self._torn_off:
            gone = ", ".join(map(str, sorted(self._torn_off)))
            self._condition.wrong(TransientError("llrp_antenna_gone", antennas=gone))
        elif self._running.problem:
            self._condition.wrong(self._running.problem)
        else:
            self._condition.good()

    def _emit_windows(self, mono: float) -> None:
        for window in self._windows.due(mono):
            self._context.emit(window)
