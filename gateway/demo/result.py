"""The end of the story for a person: what was sent, what arrived, and whether all is well."""

from typing import Any

from gateway.demo.teller import Teller

_COUNTS = ("captured", "acknowledged", "waiting", "lost", "duplicates_removed", "on_disk", "at_centre")


def tell(teller: Teller, document: dict[str, Any]) -> None:
    """`document` as `report` makes it."""
    teller.chapter("verdict")
    teller.table(
        ("device", "sent", "arrived", "missing", "dead_times"),
        [
            (
                device,
                one["sent"],
                one["arrived"],
                ", ".join(f"{number} {teller.words('missing.' + where)}" for where, number in one["missing"].items()),
                ", ".join(
                    f"{teller.words('dead.' + dead['why'])} {dead['seconds']:.1f}"
                    for dead in document["dead_times"]
                    if dead["device"] == device
                ),
            )
            for device, one in document["wire"].items()
        ],
    )
    teller.table(
        ("stream", *_COUNTS), [(name, *(one[count] for count in _COUNTS)) for name, one in document["streams"].items()]
    )
    for one in document["alarms"]:
        alarm = {
            name: "…" if one[name] is None else f"{one[name]:.1f}" for name in ("to_centre_s", "to_acknowledged_s")
        }
        teller.say("alarm_answered" if one["acknowledged"] else "alarm", alarm=teller.alarm(one["what"]), **alarm)
    teller.say("rehash", **document["rehash"])
    for one in document["problems"]:
        teller.wrong(teller.words(f"problem.{one['what']}", device=one["device"], detail=one["detail"]))
    if document["ok"]:
        teller.say("well")
