"""The peer: thingsboard-gateway from its own environment, Modbus connector, SQLite storage, on a local mosquitto.

Somebody has to stand at the other end: `Platform` answers what ThingsBoard would and notes each reading that comes out.
"""

import json
import random
import shutil
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from bench.load import SETTLE_S, Carried, Load, until_quiet
from bench.modbus import ModbusServer
from bench.options import Options
from bench.polls import POINTS
from bench.process import Process, until
from gateway.demo.broker import PORTS, find

QUIET_S = 3.0
_MAIN = "from thingsboard_gateway.tb_gateway import main; main()"
_LIMITS = {"maxPayloadSize": 65536, "maxInflightMessages": 0, "rateLimits": {}, "gatewayRateLimits": {}}


class Platform:
    """Subscribes to the telemetry. `numbers` are those of the server's answers that came out, `readings` all values."""

    def __init__(self, port: int, *, pairs: bool) -> None:
        self.numbers: set[int] = set()
        self.readings = 0
        self._pairs = pairs
        self._ready = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, "platform")
        self._client.on_connect = lambda client, *_: client.subscribe(
            [("v1/gateway/telemetry", 1), ("v1/devices/me/rpc/request/+", 1)]
        )
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._ready.wait()

    def _on_message(self, client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        if message.topic.startswith("v1/devices/me/rpc/request/"):
            client.publish(message.topic.replace("request", "response"), json.dumps(_LIMITS), 1)
            return
        for entries in json.loads(message.payload).values():
            for entry in entries:
                values = entry["values"]
                self.readings += len(values)
                if self._pairs:
                    self.numbers.update(values.values())
                elif len(values) == POINTS:
                    self.numbers.add(values["r_0"] << 16 | values["r_1"])

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def _slave(unit: int, port: int, load: Load) -> dict[str, Any]:
    if load.pairs:
        points = [
            {"tag": f"p{n}", "type": "32uint", "functionCode": 3, "objectsCount": 2, "address": 2 * n}
            for n in range(POINTS)
        ]
    else:
        points = [
            {"tag": "r_${address}", "type": "16uint", "functionCode": 3, "objectsCount": 1,
             "address": f"0-{POINTS - 1}", "maxRegistersPerRequest": POINTS}
        ]  # fmt: skip
    return {
        "host": f"127.0.0.{unit}",
        "port": port,
        "type": "tcp",
        "method": "socket",
        "unitId": unit,
        "deviceName": f"dev{unit:03}",
        "timeout": 5,
        "byteOrder": "BIG",
        "wordOrder": "BIG",
        "pollPeriod": round(load.every_s * 1000),
        "attributes": [],
        "timeseries": points,
        "attributeUpdates": [],
        "rpc": [],
    }


def configure(directory: Path, broker: int, modbus: int, load: Load) -> None:
    """Its files as its documentation wants them: SQLite storage, no limits, nothing fetched from the platform."""
    gateway = {
        "thingsboard": {
            "host": "127.0.0.1",
            "port": broker,
            "remoteShell": False,
            "remoteConfiguration": False,
            "statistics": {"enable": False},
            "checkConnectorsConfigurationInSeconds": 3600,
            "minPackSendDelayMS": 50,
            "minPackSizeToSend": 500,
            "maxPayloadSizeBytes": 65536,
            "checkingDeviceActivity": {"checkDeviceInactivity": False},
            "security": {"type": "accessToken", "accessToken": "bench"},
            "qos": 1,
            "rateLimits": "0:0,",
            "dpRateLimits": "0:0,",
            "messagesRateLimits": "0:0,",
            "deviceMessagesRateLimits": "0:0,",
            "deviceRateLimits": "0:0,",
            "deviceDpRateLimits": "0:0,",
        },
        "storage": {"type": "sqlite", "data_file_path": f"{directory}/data/", "messages_ttl_in_days": 7},
        "connectors": [{"type": "modbus", "name": "modbus", "configuration": "modbus.json"}],
    }
    slaves = [_slave(unit, modbus, load) for unit in range(1, load.devices + 1)]
    (directory / "tb_gateway.json").write_text(json.dumps(gateway))
    (directory / "modbus.json").write_text(json.dumps({"master": {"slaves": slaves}, "logLevel": "ERROR"}))
    (directory / "logs.json").write_text(
        json.dumps(
            {
                "version": 1,
                "disable_existing_loggers": False,
                "handlers": {"console": {"class": "logging.StreamHandler", "stream": "ext://sys.stderr"}},
                "root": {"level": "ERROR", "handlers": ["console"]},
                "loggers": {},
            }
        )
    )


def _broker(directory: Path, port: int) -> Process:
    conf = directory / "mosquitto.conf"
    conf.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\nmax_queued_messages 0\nlog_dest stderr\n"
    )
    program = find("mosquitto")
    assert program
    return Process([program, "-c", conf], directory / "broker.log")


def carry(options: Options, load: Load, seconds: float) -> Carried:
    """The peer under this load."""
    assert options.peer
    directory = options.directory / "peer"
    (directory / "logs").mkdir(parents=True)
    with ExitStack() as stack:
        server = stack.enter_context(ModbusServer(load.devices, directory / "modbus.log"))
        port = random.choice(PORTS)
        broker = stack.enter_context(_broker(directory, port))
        until(lambda: b" running" in broker.log.read_bytes(), "mosquitto listens")
        platform = Platform(port, pairs=load.pairs)
        stack.callback(platform.close)
        configure(directory, port, server.port, load)
        environment = {"TB_GW_CONFIG_DIR": str(directory), "TB_GW_LOGS_PATH": str(directory / "logs")}
        gateway = stack.enter_context(
            Process([options.peer, "-c", _MAIN], directory / "peer.log", env=environment, cwd=directory)
        )

        def counted() -> tuple[float, ...]:
            return time.monotonic(), server.answered(), gateway.cpu_s(), gateway.written(), platform.readings

        until(server.answered, "the peer's first poll")
        time.sleep(SETTLE_S)
        early = server.answered()
        before = counted()
        time.sleep(seconds)
        after = counted()
        took, answered, cpu_s, written, came = (b - a for a, b in zip(before, after, strict=True))
        rss = gateway.rss()
        final = server.silence()
        until_quiet(lambda: platform.readings, QUIET_S)
        lost = [number for number in range(1, final + 1) if number not in platform.numbers]
    shutil.rmtree(directory)
    per_answer = 1 if load.pairs else POINTS
    polled = answered * per_answer
    return Carried(
        load=load,
        polled_per_s=polled / took,
        readings_per_s=came / took,
        cpu_us=1e6 * cpu_s / polled,
        rss_mib=rss / 2**20,
        written=written / polled,
        behind_s=(after[1] * per_answer - after[4]) / (polled / took),
        missing=len(lost) * per_answer,
        late=sum(number > early for number in lost) * per_answer,
        profiles={},
    )
