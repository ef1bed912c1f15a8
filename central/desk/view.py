"""The desk's view: which incidents, in which order, with which clocks and which steps are open. Words come with
the templates."""

from dataclasses import dataclass
from typing import Any

from central.clocks import Clock, clocks
from central.desk.watch import Seen
from central.settings import Targets

AMBER = 0.7


@dataclass(frozen=True)
class Card:
    """One incident. `facts` as `queries.incidents` has it; `steps` is what may be ordered now."""

    facts: dict[str, Any]
    clocks: list[Clock]
    steps: tuple[str, ...]

    @property
    def unanswered(self) -> bool:
        """Nobody has answered, or no answer holds: its gateway rings."""
        return bool(self.facts["unanswered"])

    @property
    def refused(self) -> list[dict[str, Any]]:
        """Orders of a person that a gateway has not obeyed, each step once."""
        failed = (o for o in self.facts["orders"] if o["result"] in {"refused", "failed", "expired"} and not o["auto"])
        return list({order["what"]: order for order in failed}.values())

    @property
    def waiting(self) -> list[dict[str, Any]]:
        """Orders of a person that no gateway has taken yet, each step once; of the answer and the close the card says so itself."""
        waiting = (o for o in self.facts["orders"] if o["result"] in {None, "accepted"} and not o["auto"])
        return list({order["what"]: order for order in waiting if order["what"] not in {"ack", "close"}}.values())


@dataclass(frozen=True)
class Desk:
    open: list[Card]
    closed: list[Card]
    lifts: list[dict[str, Any]]
    unheard: list[tuple[str, int | None]]

    @property
    def unanswered(self) -> int:
        return sum(card.unanswered for card in self.open)


def desk(seen: Seen, targets: Targets) -> Desk:
    """Open incidents: those without an answer first, the oldest on top. Closed ones: the newest first."""
    cards = [Card(one, clocks(one, targets, seen.at), _steps(one)) for one in seen.incidents]
    return Desk(
        open=sorted(
            (card for card in cards if card.facts["ended"] is None),
            key=lambda card: (not card.unanswered, card.facts["since"]),
        ),
        closed=sorted(
            (card for card in cards if card.facts["ended"] is not None), key=lambda card: -card.facts["ended"]
        ),
        lifts=[one for one in seen.lifts if one["test"] in {"failed", "overdue"}],
        unheard=[(gw, there.heard) for gw, there in sorted(seen.gateways.items()) if there.state != "online"],
    )


def level(clock: Clock) -> str:
    """Green, amber and red; none where a later step has made it pointless."""
    if not clock.running and not clock.done:
        return ""
    return "bad" if clock.late else "ok" if clock.seconds < AMBER * clock.target else "warn"


def duration(seconds: float) -> str:
    """`0:07`, `12:30`, `1:02:03`."""
    minutes, s = divmod(int(seconds), 60)
    hours, m = divmod(minutes, 60)
    return f"{hours}:{m:02}:{s:02}" if hours else f"{m}:{s:02}"


def _steps(incident: dict[str, Any]) -> tuple[str, ...]:
    """What may be ordered now: first the answer, then each step until it is done; another team until all are out. Where the answer
    is not taken, it may be given again beside them.
    """
    if incident["ended"] is not None:
        return ()
    steps = ["ack"] if incident["unanswered"] else []
    if incident["unanswered"] and not incident["ack_pending"]:
        return tuple(steps)
    if incident["released"] is None:
        steps += ["dispatch"] if incident["arrived"] is not None else ["dispatch", "arrive"]
        steps += ["release"]
    return (*steps, *([] if incident["closing"] else ["close"]))
