"""A real MQTT broker as a subprocess on 127.0.0.1: mosquitto where all of it is installed, else the embedded amqtt."""

import getpass
import json
import queue
import random
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gateway.demo.processes import leashed
from model.shipped import shipped

Program = Literal["mosquitto", "amqtt"]

START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 10.0
PORT_TRIES = 10
# Below the range that Linux hands out by itself (32768 on): otherwise, while the broker is down, its port could be
# taken by any outgoing connection, even by a client that then connects to itself.
PORTS = range(15000, 32000)
ACCESS_LIST = shipped("broker", "mosquitto.acl")
# both brokers say so on standard error once they listen
READY = b" running"


class BrokerFailed(Exception):
    """The broker did not start; the text is the end of its log."""


@dataclass(frozen=True)
class Tls:
    """Paths of PEM files. With `client_certificates` a client must show one, and its common name is its user name."""

    ca: Path
    cert: Path
    key: Path
    client_certificates: bool = False


class Broker:
    """Knows the passwords of `users` and the shipped access list; keeps all its files and its log in `directory`.

    With port 0 the first `start` finds a free one, and later ones keep it.
    """

    def __init__(
        self,
        users: dict[str, str],
        directory: Path,
        *,
        port: int = 0,
        tls: Tls | None = None,
        program: Program | None = None,
    ) -> None:
        self.program: Program = program or ("mosquitto" if mosquitto_installed() else "amqtt")
        self.port = port
        self.log = directory / "broker.log"
        self._users = users
        self._directory = directory
        self._tls = tls
        self._process: subprocess.Popen[bytes] | None = None
        self._pump: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"{'mqtts' if self._tls else 'mqtt'}://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process that listens. Raises BrokerFailed where none runs."""
        if self._process is None or self._process.poll() is not None:
            raise BrokerFailed(self._tail())
        return self._process.pid

    def start(self) -> None:
        """Return once our own process listens. Raises BrokerFailed."""
        self._directory.mkdir(parents=True, exist_ok=True)
        prepare = self._mosquitto if self.program == "mosquitto" else self._amqtt
        for port in [self.port] if self.port else random.sample(PORTS, PORT_TRIES):
            if self._run(prepare(port)):
                self.port = port
                return
            if "in use" not in self._tail():
                break
        raise BrokerFailed(self._tail())

    def kill(self) -> None:
        """kill -9: whatever it held in memory is gone."""
        self._end(subprocess.Popen.kill)

    def stop(self) -> None:
        """In good order: mosquitto saves sessions and retained messages, amqtt cannot."""
        self._end(subprocess.Popen.terminate)

    def _run(self, command: list[str]) -> bool:
        """True when the process has said that it listens, False when it has ended or kept silent."""
        outcome: queue.SimpleQueue[bool] = queue.SimpleQueue()
        # The process is known by its own words, not by a port that answers: that may be a stranger's.
        process = subprocess.Popen(
            leashed(*command), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
        )
        pump = threading.Thread(target=_copy, args=(process, self.log, outcome), daemon=True)
        pump.start()
        self._process, self._pump = process, pump
        try:
            listens = outcome.get(timeout=START_TIMEOUT_S)
        except queue.Empty:
            listens = False
        if not listens:
            self.kill()
        return listens

    def _end(self, how: Callable[[subprocess.Popen[bytes]], None]) -> None:
        if self._process is None or self._pump is None:
            return
        how(self._process)
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._pump.join()
        self._process = self._pump = None

    def _tail(self) -> str:
        return "".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)[-5:])

    def _mosquitto(self, port: int) -> list[str]:
        passwords = self._write("passwords", "".join(f"{u}:{p}\n" for u, p in self._users.items()))
        subprocess.run([_found("mosquitto_passwd"), "-U", passwords], check=True, capture_output=True)
        lines = [
            shipped("broker", "mosquitto.conf").read_text(encoding="utf-8"),
            f"acl_file {self._write('acl', ACCESS_LIST.read_text(encoding='utf-8'))}",
            f"password_file {passwords}",
            "persistence true",
            f"persistence_location {self._directory.resolve()}",
            "log_dest stderr",
            # started by root it would become the user `mosquitto`, who cannot read a private directory
            f"user {getpass.getuser()}",
            f"listener {port} 127.0.0.1",
        ]
        if self._tls:
            lines += [f"cafile {self._tls.ca}", f"certfile {self._tls.cert}", f"keyfile {self._tls.key}"]
            if self._tls.client_certificates:
                lines += ["require_certificate true", "use_identity_as_username true"]
        return [_found("mosquitto"), "-c", str(self._write("mosquitto.conf", "\n".join(lines) + "\n"))]

    def _amqtt(self, port: int) -> list[str]:
        if self._tls and self._tls.client_certificates:
            raise BrokerFailed("the embedded broker takes no user name from a client certificate; install mosquitto")
        tls = {"ssl": True, "certfile": str(self._tls.cert), "keyfile": str(self._tls.key)} if self._tls else {}
        config = {"port": port, "users": self._users, "access_list": str(ACCESS_LIST), "tls": tls}
        return [sys.executable, "-m", "gateway.demo.amqtt_broker", str(self._write("amqtt.json", json.dumps(config)))]

    def _write(self, name: str, text: str) -> Path:
        path = self._directory.resolve() / name
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
        return path


def find(program: str) -> str | None:
    """Where the program is; Debian puts mosquitto where a plain user's path does not look."""
    return shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")


def mosquitto_installed() -> bool:
    """Broker and mosquitto_passwd: on some systems they are two packages."""
    return all(map(find, ("mosquitto", "mosquitto_passwd")))


def _found(program: str) -> str:
    path = find(program)
    if path is None:
        raise BrokerFailed(f"{program} is not installed")
    return path


def _copy(process: subprocess.Popen[bytes], path: Path, outcome: queue.SimpleQueue[bool]) -> None:
    """Keep the broker's words; the first outcome is True at the ready line, False where there never was one."""
    assert process.stderr
    with process.stderr as words, open(path, "ab", buffering=0) as log:
        for line in words:
            log.write(line)
            if READY in line:
                outcome.put(True)
    outcome.put(False)
