"""What a record tells of a lift, in words: `doorpost lift history`."""

from collections.abc import Iterator
from typing import Any

from gateway.cli.show import Show

_DAY_S = 86_400


def told(show: Show, kind: str, body: dict[str, Any]) -> str:
    """Of a record of a lift; what stands there under no name of ours is left to `--json`."""
    tell = {
        "lift.test/1": _test,
        "lift.event/1": _event,
        "lift.gap/1": _gap,
        "lift.file/1": _file,
        "lift.refused/1": _refused,
        "visit.place/1": _place,
        "visit.entry/1": _entry,
    }.get(kind, _call)
    return ", ".join(tell(show, body)) or "–"


def days_late(seconds: int) -> int:
    """Begun days after the last one that was allowed."""
    return -(-seconds // _DAY_S)


def _test(show: Show, body: dict[str, Any]) -> Iterator[str]:
    yield show.words(f"lift_told.test.{body['phase']}", took_ms=body.get("took_ms"), why=body.get("why"))


def _event(show: Show, body: dict[str, Any]) -> Iterator[str]:
    key = "lift_told.event" if body.get("on", True) else "lift_told.event_over"
    yield show.words(key, label=_label(show, body["what"], body["code"]), raw=body["raw"], codes=body["codes"])


def _gap(show: Show, body: dict[str, Any]) -> Iterator[str]:
    yield show.words("lift_told.gap", n=body["n"], before=body["before"], after=body["after"])


def _file(show: Show, body: dict[str, Any]) -> Iterator[str]:
    yield show.words(f"lift_file.{body['state']}")
    if body.get("reason"):
        yield show.words("lift_told.reason", reason=body["reason"])


def _refused(show: Show, body: dict[str, Any]) -> Iterator[str]:
    yield show.words(f"lift_told.refused.{body['what']}", device=body["device"], why=body["why"])


def _place(_: Show, body: dict[str, Any]) -> Iterator[str]:
    yield body["place"]


def _entry(show: Show, body: dict[str, Any]) -> Iterator[str]:
    yield show.words(f"lift_cycle.{body['cycle']}")
    notes = body.get("notes", {})
    for name, result in body["items"].items():
        if result == "abnormal":
            yield show.words("lift_told.abnormal", item=name, note=notes.get(name, "–"))
        elif name in notes:
            yield f"{name}: {notes[name]}"
    if body.get("photos"):
        yield show.words("lift_told.photos", n=len(body["photos"]))
    if body.get("late_s"):
        yield show.words("visit.late", days=days_late(body["late_s"]))
    if body.get("entered_late"):
        yield show.words("visit.entered_late")


def _call(show: Show, body: dict[str, Any]) -> Iterator[str]:
    """A transition of an alarm: how it came, and what it says of the rescue."""
    rescue, cause = body.get("rescue") or {}, body.get("cause")
    if via := rescue.get("via"):
        yield show.words(f"central.via.{via}")
    if cause:
        yield f"{cause['device']}.{cause['point']}"
    for name in ("suspected", "maintenance"):
        if rescue.get(name):
            yield show.words(f"lift_told.{name}")
    if rescue.get("dialler"):
        yield show.words("central.mark.dialler")
    if rescue.get("stage"):
        yield show.words(
            "lift_told.overdue", step=show.words(f"central.step.{rescue['stage']}"), limit=body.get("limit")
        )
    for name in ("team", "tier", "persons", "injured", "reason"):
        if rescue.get(name) is not None:
            yield show.words(f"lift_told.{name}", **{name: rescue[name]})
    if fault := rescue.get("fault"):
        yield show.words("lift_told.fault", fault=_cause(show, fault))


def _cause(show: Show, code: str) -> str:
    """What may have been wrong is a fault, or an event such as the mains lost."""
    from gateway.lift_codes import names  # pydantic: not for who only wants help

    return _label(show, "event" if code in names("event") else "fault", code)


def _label(show: Show, what: Any, code: str) -> str:
    from gateway.lift_codes import UNKNOWN, names

    if code == UNKNOWN:
        return show.words("lift_told.unknown")
    return show.words(f"lift_code.{what}.{code}") if code in names(what) else code
