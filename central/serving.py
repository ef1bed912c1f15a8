"""The commands that run until they are told to end: the server, and workers beside it."""

import asyncio
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from central.show import Show
from model.errors import SettingsError
from sync.contract.topics import valid_gateway

if TYPE_CHECKING:
    from sync.mqtt import MqttSettings


def worker_name(context: click.Context, param: click.Parameter, value: str) -> str:
    """A worker's name is part of its client id and of a file's name."""
    if not valid_gateway(value):
        raise click.BadParameter(value, context, param)
    return value


def run(show: Show, *, data: Path, shared: bool, **wire: Any) -> int:
    from central.locks import alone
    from central.server import Server

    mqtt = _wire(data, **wire)
    with alone(data, "central"):
        server = Server(data, mqtt, lambda: show.document({"ready": True, "broker": mqtt.url}), shared=shared)
        asyncio.run(server.run())
    return 0


def worker(show: Show, *, data: Path, name: str, **wire: Any) -> int:
    from central.locks import alone
    from central.worker import Worker

    mqtt = _wire(data, **wire)
    with alone(data, f"worker-{name}"):
        worker = Worker(data, mqtt, lambda: show.document({"ready": True, "broker": mqtt.url}), name)
        asyncio.run(worker.run())
    return 0


def desk(show: Show, *, data: Path, listen: str, cert: Path | None, key: Path | None) -> int:
    from central.desk.access import is_loopback
    from central.desk.listen import Tls, serve

    _log()
    if (cert is None) != (key is None):
        raise SettingsError("desk_tls_half")
    tls = Tls(cert, key) if cert and key else None

    def ready(host: str, url: str) -> None:
        if tls is None and not is_loopback(host):
            print(show.words("central.desk.plain"), file=sys.stderr, flush=True)
        show.document({"ready": True, "url": url})

    asyncio.run(serve(data, listen, show.lang, tls, ready))
    return 0


def _log() -> None:
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(message)s")


def _wire(
    data: Path,
    *,
    broker: str | None,
    config: Path | None,
    password_file: Path | None,
    ca: Path | None,
    cert: Path | None,
    key: Path | None,
) -> "MqttSettings":
    """The way to the broker as the options say, else the settings file. Raises SettingsError."""
    from central.settings import USER, load
    from sync.mqtt import MqttSettings

    _log()
    sync = load(config or data / "central.toml", required=config is not None).sync
    url = broker or sync.broker
    if url is None:
        raise SettingsError("central_broker", data=data)
    mqtt = MqttSettings(
        url=url,
        username=USER,
        password_file=password_file or sync.password_file,
        ca=ca or sync.ca,
        cert=cert or sync.cert,
        key=key or sync.key,
        protocol=sync.protocol,
    )
    mqtt.address()
    return mqtt
