"""A snapshot in the words of one language: what the browser shows, without a text or a rule of its own. Pure.

`level` is the traffic light: ok, warn, bad, or idle where there is nothing to judge.
"""

from functools import partial
from string import digits
from typing import Any

from gateway.rules.store import DEVICE, POINT
from gateway.status import AlarmNow, DeviceNow, LinkNow, PointNow, Problem, ScanNow, Snapshot, StoreNow, StreamNow
from model.texts import hint, text

_LEVELS = ("idle", "ok", "warn", "bad")
_HEALTH = {"starting": "idle", "online": "ok", "degraded": "warn", "offline": "bad", "fault": "bad"}
_ALARM = {"raised": "bad", "acked": "warn"}
_LINK = {"off": "idle", "connecting": "warn", "online": "ok", "offline": "warn"}
_CENTRAL = {"up": "ok", "down": "warn", "unknown": "idle"}
_TIME = {"ntp": "ok", "gnss": "ok", "rtc": "warn", "estimated": "warn", "unknown": "warn"}

_UNITS = {"1": "", "Cel": "°C"}
"""Where people write a UCUM unit in another way."""

_SMALL = {"1", "s", "h"}
"""Contacts, codes, counters and clocks are shown small; what is measured is shown large."""

_CARRIERS = {
    "]E0": "EAN-13",
    "]E4": "EAN-8",
    "]I0": "ITF",
    "]I1": "ITF-14",
    "]C0": "Code 128",
    "]C1": "GS1-128",
    "]e0": "GS1 DataBar",
    "]d1": "Data Matrix",
    "]d2": "GS1 DataMatrix",
    "]Q1": "QR",
    "]Q3": "GS1 QR",
    "epc": "RFID",
    "card": "RFID",
}
"""AIM symbology identifiers (ISO/IEC 15424) by the names that stand in catalogues of readers."""

_HELP = ("dispatched", "on_site", "released")
"""What a rescue's state says beside whether somebody has answered."""

_CONTROL = {code: 0x2400 + code for code in range(32)}
"""Control characters as their pictures: GS shows as ␝."""


def view(now: Snapshot, lang: str) -> dict[str, Any]:
    """All parts of the page; times are microseconds UTC on the gateway's clock."""
    order = ("raised", "acked")
    alarms = sorted(now.alarms, key=lambda alarm: (order.index(alarm.state), -alarm.raised))
    return {
        "gateway": now.gateway,
        "version": now.version,
        "now": now.now,
        "time": _light(_TIME[now.time_source], text(f"page.time.{now.time_source}", lang)),
        "summary": _summary(now, lang),
        "links": _links(now.link, lang),
        "devices": [_device(device, now.now, lang) for device in now.devices],
        "alarms": [_alarm(alarm, now, lang) for alarm in alarms],
        "scans": [_scan(scan) for scan in now.scans],
        "store": [
            _store(now.store, any(alarm.what == "store_full" for alarm in now.alarms), lang),
            *(_light("warn", text(f"page.sealed.{one.why}", lang, **one.words())) for one in now.sealed),
        ],
        "streams": [_stream(stream, len({s.store for s in now.streams}) > 1, lang) for stream in now.streams],
    }


def _light(level: str, words: str, **more: Any) -> dict[str, Any]:
    return {"level": level, "text": words, **more}


def _summary(now: Snapshot, lang: str) -> dict[str, Any]:
    """The one line to read at a glance: what is wrong, worst first, or that all is well."""
    say = partial(text, lang=lang)
    raised = sum(alarm.state == "raised" for alarm in now.alarms)
    under_way = len(now.alarms) - raised
    down = [device for device in now.devices if _HEALTH[device.health] in {"warn", "bad"}]
    lines = []
    if raised:
        lines.append(_light("bad", say("page.summary.raised", count=raised)))
    if not now.store_ok:
        lines.append(_light("bad", say("page.summary.store")))
    if now.store.refusing:
        lines.append(_light("bad", say("page.summary.refusing")))
    if down:
        worst = max((_HEALTH[device.health] for device in down), key=_LEVELS.index)
        lines.append(_light(worst, say("page.summary.devices", devices=", ".join(device.id for device in down))))
    if under_way:
        lines.append(_light("warn", say("page.summary.under_way", count=under_way)))
    if now.link.state in {"connecting", "offline"} or (now.link.state == "online" and now.link.central == "down"):
        waiting = sum(stream.waiting for stream in now.streams)
        lines.append(_light("warn", say("page.summary.link", waiting=waiting)))
    if not lines:
        lines.append(_light("ok", say("page.summary.ok")))
    return {"level": max((line["level"] for line in lines), key=_LEVELS.index), "lines": lines}


def _links(link: LinkNow, lang: str) -> list[dict[str, Any]]:
    broker = _light(
        _LINK[link.state],
        text(f"page.link.{link.state}", lang, broker=link.broker),
        since=None if link.state == "online" else link.since,
        **_problem(link.problem, lang),
    )
    if link.state != "online":
        return [broker]
    return [broker, _light(_CENTRAL[link.central], text(f"page.central.{link.central}", lang))]


def _problem(problem: Problem | None, lang: str) -> dict[str, Any]:
    if problem is None:
        return {"problem": None, "hint": None}
    return {
        "problem": text(f"error.{problem.code}", lang, **problem.params),
        "hint": hint(problem.code, lang, **problem.params),
    }


def _device(device: DeviceNow, now: int, lang: str) -> dict[str, Any]:
    return {
        "id": device.id,
        "driver": device.driver,
        **_light(_HEALTH[device.health], text(f"health.{device.health}", lang)),
        "heard": f"· {text('page.seen', lang)}" if device.last_seen else "",
        "seen": device.last_seen,
        **_problem(device.problem, lang),
        "measures": [_point(point, now, lang) for point in device.points if point.unit not in _SMALL],
        "states": [_point(point, now, lang) for point in device.points if point.unit in _SMALL],
    }


def _point(point: PointNow, now: int, lang: str) -> dict[str, Any]:
    good = point.quality == "good" and point.value is not None
    return {
        "name": point.name,
        "label": _label(point, lang),
        "good": good,
        **(_value(point, lang) if good else {"value": text(f"quality.{point.quality}", lang), "unit": ""}),
        "at": now - round(point.age_s * 1e6),
    }


def _label(point: PointNow, lang: str) -> str:
    return point.label.get(lang[:2], point.name)


def _labels(now: Snapshot, lang: str) -> dict[tuple[str, str], str]:
    """What the points are called, by device and name; the gateway's own too."""
    labels = {(device.id, point.name): _label(point, lang) for device in now.devices for point in device.points}
    return {(DEVICE, POINT): text("cli.column.store", lang), **labels}


def _value(point: PointNow, lang: str) -> dict[str, str]:
    """A good value and its unit as people read them; for a state with a word of its own, that word."""
    assert point.value is not None
    words = _state(point.name, point.value, lang) if point.unit == "1" else None
    return {"value": words or _number(point.value, point.unit), "unit": _UNITS.get(point.unit, point.unit)}


def _number(value: float, unit: str) -> str:
    """Measured values keep at least one decimal, so that the digits stand still when a value passes a whole number."""
    number = f"{value:.15g}" if unit in _SMALL else f"{value:.1f}" if round(value, 1) == value else str(value)
    return number.replace("-", "\N{MINUS SIGN}")


def _alarm(alarm: AlarmNow, now: Snapshot, lang: str) -> dict[str, Any]:
    """`raised` is None, and `clock` says so, where its clock was not set and the one that the page goes by is."""
    where = [alarm.device]
    nobody_knows = alarm.raised_source == "unknown" and now.time_source != "unknown"
    if alarm.point is not None:
        where.append(_labels(now, lang).get((alarm.device, alarm.point), alarm.point))
    unit = alarm.unit or "1"
    number = None if alarm.value is None else f"{_number(alarm.value, unit)} {_UNITS.get(unit, unit)}".rstrip()
    state = f"page.alarm.{alarm.state}" if alarm.acked_by is None else f"page.alarm.{alarm.state}_by"
    help_ = [text(f"rescue_state.{alarm.rescue}", lang)] if alarm.rescue in _HELP else []
    return {
        "id": alarm.id,
        "what": text(f"alarm.{alarm.what}", lang),
        "where": " · ".join(where),
        "raised": None if nobody_knows else alarm.raised,
        "clock": text("page.clock_unset", lang) if nobody_knows else "",
        "value": number,
        **_light(_ALARM[alarm.state], " · ".join([text(state, lang, person=alarm.acked_by), *help_])),
        "centre": _light(
            "ok" if alarm.at_centre else "warn", text(f"page.alarm.centre_{'yes' if alarm.at_centre else 'no'}", lang)
        ),
    }


def _scan(scan: ScanNow) -> dict[str, Any]:
    return {
        "at": scan.at,
        "device": scan.device,
        "code": scan.code.translate(_CONTROL),
        "carrier": _CARRIERS.get(scan.carrier, scan.carrier) if scan.carrier else "",
    }


def _store(store: StoreNow, filling: bool, lang: str) -> dict[str, Any]:
    """`filling`: an alarm says so."""
    level = "bad" if store.refusing else "warn" if filling else "ok"
    return _light(level, text(store.text, lang, **store.words()))


def _stream(stream: StreamNow, named: bool, lang: str) -> dict[str, Any]:
    """`named`: there is more than one store, so each row says whose it is."""
    told = stream.acknowledged + stream.waiting + stream.lost + stream.refused
    if told != stream.captured:
        check = _light("bad", text("page.sum.open", lang))
    elif stream.lost or stream.refused:
        check = _light("warn", text("page.sum.losses", lang))
    else:
        check = _light("ok", text("page.sum.closes", lang))
    words = text(f"page.stream.{stream.stream}", lang)
    return {
        "stream": f"{words} ({stream.store[:8]})" if named else words,
        "captured": stream.captured,
        "acknowledged": stream.acknowledged,
        "waiting": stream.waiting,
        "lost": stream.lost,
        "refused": stream.refused,
        "sum": f"{stream.acknowledged} + {stream.waiting} + {stream.lost} + {stream.refused} = {told}",
        **check,
    }


def _state(name: str, value: float, lang: str) -> str | None:
    """The word for what a contact or relay (`di3`, `relay1`) says, or None for any other point."""
    key = f"page.state.{name.rstrip(digits)}.{value:g}"
    words = text(key, lang)
    return None if words == key else words
