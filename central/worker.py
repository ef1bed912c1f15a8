"""A worker of the centre: takes its part of what gateways send, beside the coordinating server, into the same database."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from central.intake import Intake
from central.locks import coordinated
from central.settings import USER
from sync.contract.topics import SHARED_UP
from sync.mqtt import MqttLink, MqttSettings

COORDINATOR_POLL_S = 0.2


class Worker(Intake):
    """Answers only once the server has found out whether the database is older than what was acknowledged from it."""

    def __init__(self, data: Path, mqtt: MqttSettings, on_ready: Callable[[], None], name: str) -> None:
        super().__init__(data, mqtt, on_ready)
        self._name = name

    def _new_link(self) -> MqttLink:
        return MqttLink(
            self._mqtt,
            client_id=f"{USER}-{self._name}",
            # the broker would keep its part for a worker that is away, while the others could take it
            clean_start=True,
            will=None,
            on_message=self._on_message,
        )

    async def _greet(self, link: MqttLink) -> None:
        while not coordinated(self._data):  # noqa: ASYNC110  another process says so
            await asyncio.sleep(COORDINATOR_POLL_S)
        await link.subscribe(SHARED_UP)

    def _on_message(self, topic: str, payload: bytes) -> None:
        if not topic.endswith("/up/status"):  # the server hears them all
            self._inbox.put(topic, payload)
