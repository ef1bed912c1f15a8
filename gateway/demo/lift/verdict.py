"""The end of the story: the rescues as the centre has them against what the simulators logged."""

from collections.abc import Sequence
from typing import Any

from gateway.demo.evidence import Row
from gateway.demo.judge import Problem, judge
from gateway.demo.lift.invariants import Answers, broken, of_lifts, unheard
from gateway.demo.lift.site import LiftSite
from gateway.demo.lift.timeline import Line, timeline, unsaid, unseen
from gateway.demo.report import Evidence, report
from gateway.demo.result import tell
from gateway.demo.teller import Teller
from gateway.rules.lift.config import PROFILES

CLOCKS_APART_US = 2_000_000
"""How far the desk's clock may be from the gateway's count, and a press on the wire from the alarm that it raised."""


def verdict(site: LiftSite, evidence: Evidence, answered: Answers, more: Sequence[Problem] = ()) -> dict[str, Any]:
    """What `doorpost demo --json` prints; `more` problems were found elsewhere."""
    wires = site.wires()
    found = judge(evidence.rows, wires, site.wired)
    problems = [*more, *found.problems, *broken(evidence.rows, wires["modbus"], evidence.alarms, answered)]
    problems += unsaid(evidence.rows, wires)
    dead = unheard(evidence.rows, "board", wires["modbus"])
    rescues = []
    for id_, steps in of_lifts(evidence.rows).items():
        about = [row for row in evidence.rows if row.kind == "sms.sent/1" and row.body["alarm"] == id_]
        lines = timeline(steps, about, wires)
        incidents = [one for one in evidence.incidents if id_ in one["alarms"]]
        problems += [*unseen(lines, dead), *_as_at_the_centre(id_, steps, incidents), *_on_time(id_, lines, steps)]
        rescues.append(_told(id_, lines, incidents))
    return found.document() | {"rescues": rescues} | report(evidence, problems)


def show(teller: Teller, document: dict[str, Any]) -> None:
    for n, one in enumerate(document["rescues"], 1):
        teller.chapter("rescue", n=n, lift=one["lift"], alarm=one["alarm"][:8])
        teller.table(
            ("after", "step", "who", "wire", "apart"),
            [
                (
                    f"{line['after_s']:.1f}",
                    teller.step_of(line["kind"], line["stage"]),
                    line["who"] or "",
                    teller.words(f"wire.{line['wire']}") if line["wire"] else "",
                    "" if line["apart_s"] is None else f"{line['apart_s']:+.2f}",
                )
                for line in one["timeline"]
            ],
        )
        teller.say("late" if "arrive" in one["overdue"] else "in_time", arrived_s=one["arrived_s"])
    if not any(problem["what"] == "edited" for problem in document["problems"]):
        teller.say("edited")
    tell(teller, document)


def _told(id_: str, lines: Sequence[Line], incidents: Sequence[dict[str, Any]]) -> dict[str, Any]:
    begun = lines[0].mono
    arrived = next((line.mono for line in lines if line.kind == "alarm.arrived/1"), None)
    return {
        "alarm": id_,
        "lift": lines[0].body["rescue"]["lift"],
        "overdue": sorted(line.body["rescue"]["stage"] for line in lines if line.kind == "alarm.overdue/1"),
        "arrived_s": None if arrived is None else round((arrived - begun) / 1e6, 1),
        "incidents": [one["incident"] for one in incidents],
        "timeline": [
            {
                "after_s": round((line.mono - begun) / 1e6, 3),
                "kind": line.kind,
                "stage": line.body.get("rescue", {}).get("stage"),
                "who": line.body.get("by") or line.body.get("person"),
                "wire": line.wire,
                "apart_s": None if line.apart_us is None else round(line.apart_us / 1e6, 3),
            }
            for line in lines
        ],
    }


def _as_at_the_centre(id_: str, steps: Sequence[Row], incidents: Sequence[dict[str, Any]]) -> list[Problem]:
    """The desk sees one rescue, with every transition, in the order in which the gateway made them."""
    if len(incidents) != 1:
        return [Problem("rescue", "", f"{id_[:8]}: {len(incidents)} incidents at the centre")]
    desk = [line for line in incidents[0]["timeline"] if line["alarm"] == id_]
    said = [(f"alarm.{line['kind']}/1", line["by"]) for line in desk]
    made = [(row.kind, row.body.get("by")) for row in steps]
    if said != made:
        return [Problem("rescue", "", f"{id_[:8]}: the desk sees {said}, the gateway made {made}")]
    return [
        Problem("rescue", "", f"{id_[:8]}: {row.kind} is {apart / 1e6:.1f} s off at the desk")
        for line, row in zip(desk, steps, strict=True)
        if abs(apart := (line["at"] - desk[0]["at"]) - (row.mono - steps[0].mono)) > CLOCKS_APART_US
    ]


def _on_time(id_: str, lines: Sequence[Line], steps: Sequence[Row]) -> list[Problem]:
    """Whether somebody came too late follows from the button's wire and the badge's; the record says the same."""
    limit = PROFILES.load(steps[0].body["profile"].partition("@")[0]).overdue.arrive_s
    wire = {line.wire: line.mono + line.apart_us for line in reversed(lines) if line.apart_us is not None}
    if limit is None or not {"press", "badge"} <= wire.keys():
        return []
    took = (wire["badge"] - wire["press"]) / 1e6
    late = any(row.kind == "alarm.overdue/1" and row.body["rescue"]["stage"] == "arrive" for row in steps)
    if late == (took > limit) or abs(took - limit) < CLOCKS_APART_US / 1e6:
        return []
    return [Problem("rescue", "", f"{id_[:8]}: arrived after {took:.1f} s, limit {limit:g} s, overdue: {late}")]
