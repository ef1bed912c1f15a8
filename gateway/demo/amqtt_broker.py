"""The embedded broker for machines without mosquitto: `python -m gateway.demo.amqtt_broker CONFIG.json`.

amqtt with file authentication and the same access list as mosquitto. Says "amqtt running" on standard error once it
listens; ends on SIGTERM, or with exit code 1 where it cannot listen. CONFIG has `port`, `users` with their passwords,
`access_list` (a path in mosquitto's format) and `tls` (amqtt's listener options, or empty).

Measured with amqtt 0.12.1 and paho 2.2, and held by tests/contract/test_broker.py where it is good: retained messages,
wills, and a persistent session that queued 1100 QoS 1 messages in order while its client was away. Where it is weaker
than mosquitto: it never answers an MQTT 5 CONNECT (clients must speak 3.1.1, or wait for their time-out first); it
acknowledges a refused publish like any other; it writes nothing to disk: an orderly stop also loses sessions and
retained messages; it takes no user name from a client certificate; after a reconnect of a persistent session it keeps
the retain flag of the old will (read in its source).
"""

import asyncio
import json
import logging
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amqtt.broker import Broker
from amqtt.contexts import Action, BaseContext
from amqtt.errors import BrokerError
from amqtt.plugins.base import BaseTopicPlugin
from amqtt.session import Session
from pwdlib.hashers.argon2 import Argon2Hasher


class AccessList(BaseTopicPlugin):  # type: ignore[misc]
    """Reads mosquitto's ACL file: `pattern` lines hold for everyone, `topic` lines for the `user` above them."""

    @dataclass
    class Config:
        path: str

    def __init__(self, context: BaseContext) -> None:
        super().__init__(context)
        self._rules: list[tuple[str | None, str, str]] = []
        user = None
        for line in Path(self.config.path).read_text(encoding="utf-8").splitlines():
            match line.split():
                case ["user", name]:
                    user = name
                case ["pattern", access, topic]:
                    self._rules.append((None, access, topic))
                case ["topic", access, topic]:
                    self._rules.append((user, access, topic))

    async def topic_filtering(
        self, *, session: Session | None = None, topic: str | None = None, action: Action | None = None
    ) -> bool:
        """Unlike mosquitto this refuses a foreign SUBSCRIBE: amqtt does not filter retained messages at delivery."""
        name = session.username if session else None
        wanted = "write" if action is Action.PUBLISH else "read"
        return bool(name and topic) and any(
            user in (None, name) and wanted in access and covers(allowed.replace("%u", str(name)), str(topic))
            for user, access, allowed in self._rules
        )


def covers(allowed: str, asked: str) -> bool:
    """True where every topic that the filter or topic `asked` matches is also matched by the filter `allowed`."""
    allowed_levels, asked_levels = allowed.split("/"), asked.split("/")
    for i, level in enumerate(allowed_levels):
        if level == "#":
            return len(asked_levels) >= i
        if i >= len(asked_levels) or asked_levels[i] == "#" or level not in ("+", asked_levels[i]):
            return False
    return len(allowed_levels) == len(asked_levels)


class Embedded(Broker):  # type: ignore[misc]
    async def _publish_retained_messages_for_subscription(
        self, subscription: tuple[str, int], session: Session
    ) -> None:
        """amqtt 0.12.1 sends a client at connect what is retained under anyone's subscriptions: here only its own."""
        if any(own is session for own, _ in self.subscriptions.get(subscription[0], [])):
            await super()._publish_retained_messages_for_subscription(subscription, session)


async def main(config: dict[str, Any], directory: Path) -> None:
    hasher = Argon2Hasher()
    passwords = directory / "passwords"
    passwords.write_text("".join(f"{user}:{hasher.hash(word)}\n" for user, word in config["users"].items()))
    listener = {"type": "tcp", "bind": f"127.0.0.1:{config['port']}"} | config["tls"]
    broker = Embedded(
        {
            "listeners": {"default": listener},
            "plugins": {
                "amqtt.plugins.authentication.FileAuthPlugin": {"password_file": str(passwords)},
                f"gateway.demo.amqtt_broker.{AccessList.__name__}": {"path": config["access_list"]},
            },
        }
    )
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await broker.start()
    print("amqtt running", file=sys.stderr, flush=True)
    await stop.wait()
    await broker.shutdown()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("transitions").setLevel(logging.WARNING)
    try:
        path = Path(sys.argv[1])
        asyncio.run(main(json.loads(path.read_text(encoding="utf-8")), path.parent))
    except BrokerError as err:
        sys.exit(str(err))
