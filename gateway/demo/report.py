"""The end of a story in numbers: what `doorpost demo --json` prints last, whatever was told."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from gateway.demo.evidence import Row
from gateway.demo.judge import Problem
from gateway.demo.site import GATEWAY, Site


class Evidence(NamedTuple):
    """`snapshot` is the gateway's when nothing waited, `durable` what is on its disk after its end.

    All others are what the centre answers then.
    """

    snapshot: dict[str, Any]
    durable: Mapping[str, int]
    rows: Sequence[Row]
    counts: dict[str, Any]
    audit: dict[str, Any]
    alarms: Sequence[dict[str, Any]]
    incidents: Sequence[dict[str, Any]]


async def gathered(site: Site, snapshot: dict[str, Any]) -> Evidence:
    """The edge must have stopped."""
    durable, rows = await site.durable(), await site.rows()
    counts, audit, alarms = [await site.ask_central(question) for question in ("counts", "audit", "alarms")]
    return Evidence(snapshot, durable, rows, counts, audit, alarms["alarms"], alarms["incidents"])


def report(evidence: Evidence, problems: Sequence[Problem]) -> dict[str, Any]:
    """Streams, alarms and hashes; `problems` are what the story's own judge has found."""
    lanes = [
        _Lane(stream, evidence.durable[stream["stream"]], evidence.rows, evidence.counts)
        for stream in evidence.snapshot["streams"]
    ]
    problems = [*problems, *(problem for lane in lanes for problem in lane.problems())]
    audit, counts = evidence.audit, evidence.counts
    if audit["broken"] or audit["unaccounted"]:
        problems.append(Problem("rehash", GATEWAY, f"broken {audit['broken']}, unaccounted {audit['unaccounted']}"))
    if counts["quarantine"] or counts["refused_messages"]:
        refused = f"quarantine {counts['quarantine']}, refused messages {counts['refused_messages']}"
        problems.append(Problem("refused", GATEWAY, refused))
    return {
        "streams": {lane.name: lane.document() for lane in lanes},
        "alarms": [_alarm(one) for one in evidence.alarms],
        "rehash": {"rows": audit["rows"], "ok": audit["rows"] - audit["broken"]},
        "ok": not problems,
        "problems": [{"what": one.what, "device": one.device, "detail": one.detail} for one in problems],
    }


class _Lane:
    """A stream at the gateway and at the centre."""

    def __init__(self, stream: dict[str, Any], durable: int, rows: Sequence[Row], counts: dict[str, Any]) -> None:
        self.name = stream["stream"]
        self._stream = stream
        self._durable = durable
        store = stream["store"]
        self._at_centre = sorted(row.seq for row in rows if (row.store, row.stream) == (store, self.name))
        gateway = counts["gateways"].get(GATEWAY, {"stores": {}})
        self._lane = gateway["stores"].get(store, {}).get(self.name, {})

    def document(self) -> dict[str, int]:
        """The gateway's counts when nothing waited; `on_disk` and `at_centre` after its end, which made some more."""
        told = {name: self._stream[name] for name in ("captured", "acknowledged", "waiting", "lost", "refused")}
        return told | {
            "duplicates_removed": self._lane.get("duplicates_removed", 0),
            "on_disk": self._durable,
            "at_centre": len(self._at_centre),
        }

    def problems(self) -> list[Problem]:
        """All that is on the gateway's disk is at the centre, each number once; nothing was given up."""
        wrong = {
            name: self._lane[name] for name in ("missing", "lost", "refused", "quarantined") if self._lane.get(name)
        }
        if self._at_centre != list(range(1, self._durable + 1)):
            wrong |= {"on_disk": self._durable, "at_centre": len(self._at_centre)}
        return [Problem("count", self.name, f"{name} {number}") for name, number in wrong.items()]


def _alarm(one: dict[str, Any]) -> dict[str, Any]:
    """Times in UTC microseconds, and seconds since it was raised."""

    def since(name: str) -> float | None:
        return None if one[name] is None else round((one[name] - one["raised"]) / 1e6, 3)

    return {
        "what": one["what"],
        "state": one["state"],
        "raised": one["raised"],
        "acknowledged": one["acked"],
        "acknowledged_by": one["acked_by"],
        "to_centre_s": since("received"),
        "to_acknowledged_s": since("acked"),
        "to_over_s": since("ended") if one["ended"] else since("cleared"),
    }
