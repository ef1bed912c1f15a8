"""A whole site on this machine: broker, centre and gateway, each the real program with settings as a user writes them."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import model
from bench.process import Process, python, until
from gateway.client import ask
from gateway.demo.broker import Broker
from model.errors import DoorpostError

GW = "gw-1"
ROOMS = ("model", "gateway", "drivers", "sync", "central", "firmware_sim")
_DOORPOST = "from gateway.cli import main; main()"


def checkout(directory: Path) -> Path:
    """This checkout once more, as links, with device profiles and rule profiles of the benchmarks' own beside the shipped."""
    ours = Path(model.__file__).parent.parent
    directory.mkdir()
    for room in ROOMS:
        (directory / room).symlink_to(ours / room)
    for part in (ours / "config").iterdir():
        own = Path(__file__).parent / "config" / part.name
        target = directory / "config" / part.name
        if own.is_dir():
            target.mkdir(parents=True)
            for file in (*part.iterdir(), *own.iterdir()):
                (target / file.name).symlink_to(file)
        else:
            target.parent.mkdir(exist_ok=True)
            target.symlink_to(part)
    return directory


class Site:
    """All files are under `directory`."""

    def __init__(self, directory: Path, gateways: Sequence[str] = (GW,)) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        users = {user: f"{user}-secret" for user in ("central", *gateways)}
        for user, secret in users.items():
            file = directory / f"{user}.password"
            file.touch(0o600)  # as an installation has it: there is nothing to warn of
            file.write_text(secret)
        self.broker = Broker(users, directory / "broker", program="mosquitto")
        self.centre_data = directory / "centre"

    @cached_property
    def _root(self) -> Path:
        return checkout(self.directory / "checkout")

    def data(self, gw: str = GW) -> Path:
        return self.directory / gw

    def run(self, log: str, *args: str | Path) -> Process:
        """`doorpost ARGS`."""
        path = {"PYTHONPATH": str(self._root), "PYTHONSAFEPATH": "1"}
        return Process(python("-c", _DOORPOST, *args), self.directory / f"{log}.log", env=path)

    @contextmanager
    def brokered(self) -> Iterator[Broker]:
        self.broker.start()
        try:
            yield self.broker
        finally:
            self.broker.stop()

    @contextmanager
    def centre(self) -> Iterator[Process]:
        """`doorpost central run`, ready."""
        password = self.directory / "central.password"
        with self.run(
            "centre", "central", "run", "--data", self.centre_data, "--broker", self.broker.url,
            "--password-file", password,
        ) as process:  # fmt: skip
            process.line()
            yield process

    def gateway(self, settings: str = "", gw: str = GW, broker: str | None = None) -> Process:
        """`doorpost run` with these settings beside its name and the way to the centre."""
        file = self.directory / f"{gw}.toml"
        file.write_text(
            f'schema = 1\n[gateway]\nid = "{gw}"\nlanguage = "en"\n[web]\nlisten = "127.0.0.1:0"\n'
            f'[sync]\nbroker = "{broker or self.broker.url}"\npassword_file = "{gw}.password"\n{settings}'
        )
        return self.run(gw, "run", "--config", file, "--data", self.data(gw))

    def acknowledged(self, stream: str, gw: str = GW) -> int:
        """What the gateway itself counts as acknowledged; 0 before it answers."""
        try:
            (snapshot,) = ask(self.data(gw), "snapshot")
        except DoorpostError:
            return 0
        return sum(s["acknowledged"] for s in snapshot["streams"] if s["stream"] == stream)

    def wait_online(self, gw: str = GW) -> None:
        def online() -> bool:
            try:
                (snapshot,) = ask(self.data(gw), "snapshot")
                return bool(snapshot["link"]["state"] == "online")
            except DoorpostError:
                return False

        until(online, "the gateway is online", poll_s=0.05)


class Committed:
    """What the centre has committed, read from its database beside it."""

    def __init__(self, site: Site) -> None:
        self._db = sqlite3.connect(f"{(site.centre_data / 'central.db').as_uri()}?mode=ro", uri=True, timeout=10)

    def upto(self, stream: str, gw: str = GW) -> int:
        """The watermark of the gateway's only store."""
        row = self._db.execute("SELECT sum(upto) FROM lane WHERE gw = ? AND stream = ?", (gw, stream)).fetchone()
        return row[0] or 0

    def count(self, kind: str, gw: str = GW) -> int:
        """How many records of a kind are there."""
        return sum(1 for _ in self.bodies(kind, gw))

    def bodies(self, kind: str, gw: str = GW) -> Iterator[tuple[int, int, bytes]]:
        """Number, time and body of all records of a kind, in order."""
        return self._db.execute(
            "SELECT place & 0xFFFFFFFFFF, t, body FROM record JOIN lane ON lane.id = place >> 40 JOIN word ON word.id = kind"
            " WHERE gw = ? AND text = ? ORDER BY place",
            (gw, kind),
        )

    def close(self) -> None:
        self._db.close()


def numbers(bodies: Iterator[tuple[int, int, bytes]], *, every: bool = False) -> Iterator[int]:
    """The numbers that the Modbus server gave its answers: in the first two registers, or in every point."""
    for _, _, body in bodies:
        values = json.loads(body)["v"]
        if every:
            yield from (value for value in values if value is not None)
        elif values[0] is not None:
            yield values[0] << 16 | values[1]
