"""A centre without a broker: what it takes of lifts, what a person orders there, what goes out, and its gateways' results."""

from pathlib import Path
from typing import Any

from central import commands, queries
from central.ingest import Ingest
from central.store import Store, reader, second_writer
from model.bodies import RescueOrder
from support.centre_lifts import LiftGateway, Message
from support.source import T0
from sync.contract.messages import Command, CommandResult, decode, encode
from sync.contract.topics import up_result


class Centre:
    def __init__(self, data: Path) -> None:
        self.data = data
        self.store = Store(data)
        self.ingest = Ingest(self.store)

    def take(self, *messages: Message) -> None:
        self.ingest.take(messages)

    @property
    def incidents(self) -> list[dict[str, Any]]:
        """The one that began first on top."""
        return sorted(queries.incidents(reader(self.data), 300), key=lambda one: one["since"])

    @property
    def only(self) -> dict[str, Any]:
        (one,) = self.incidents
        return one

    def order(self, what: Any, person: str = "Li Na", **details: Any) -> commands.Ordered:
        """Of the first incident."""
        db, incident = second_writer(self.data), self.incidents[0]["incident"]
        try:
            return commands.order(db, incident, what, person, RescueOrder(alarm="", **details))
        finally:
            db.close()

    def sent(self, gw: str) -> list[tuple[str, str, dict[str, Any]]]:
        """(name, issuer, arguments) of what is in the outbox for a gateway, in its order."""
        found = [
            decode(cmd, Command) for (cmd,) in self.store.rows("SELECT cmd FROM command WHERE gw = ? ORDER BY made", gw)
        ]
        return [(one.name, one.issuer.name, one.args) for one in found]

    def result(self, gw: str, name: str, result: str, why: str | None = None) -> None:
        """The gateway's answer to its last command of that name."""
        (id_,) = self.store.rows(
            "SELECT id FROM command WHERE gw = ? AND name = ? ORDER BY made DESC LIMIT 1", gw, name
        )[0]
        self.take((up_result(gw), encode(CommandResult(v=1, id=id_, result=result, why=why, sent=T0))))  # type: ignore[arg-type]


def pair(centre: Centre) -> tuple[LiftGateway, LiftGateway]:
    """Two gateways whose files say that they have the same lift."""
    one, two = LiftGateway("gw-1"), LiftGateway("gw-2")
    centre.take(one.anchored(), two.anchored(), one.file(rescue="330106"), two.file(rescue="330106"))
    return one, two
