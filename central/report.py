"""Response times and their targets, per lift and per maintainer: from the hashed records alone, signed, so that none can be edited."""

import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import apsw
import msgspec
from cryptography.exceptions import InvalidSignature
from msgspec import Raw

from central.calls import part, together
from central.clocks import Clock, clocks
from central.proven import Proven, proven
from central.rescue import Member, merged, told
from central.settings import Targets
from central.store import now
from central.witnessed import worst
from model.bodies import LiftFile
from model.errors import DoorpostError, EvidenceError, SettingsError
from model.texts import text
from sync.contract.signing import fingerprint, private_key, public_key
from sync.contract.witness import Witness

FORMAT = "doorpost-rescue-report/1"
TIMES = {
    "centre": "received",
    "ack": "acked",
    "dispatch": "dispatched",
    "arrive": "arrived",
    "release": "released",
    "end": "ended",
}
"""What is measured from the call, and when it was done. `received` alone is the centre's own note, which no hash covers."""
STEPS = ("ack", "dispatch", "arrive", "release")

_SAID = (
    "incident", "alarms", "gws", "what", "suspected", "maintenance", "state", "since", "raised", "raised_utc", "received",
    "acked", "acked_by", "dispatched", "team", "tier", "arrived", "arrived_by", "released", "persons", "injured", "ended",
    "ended_by", "ended_via", "fault", "reason", "repeats", "escalated", "overdue", "times",
)  # fmt: skip


def report(
    db: apsw.Connection,
    targets: Targets,
    keys: Path,
    first: int | None = None,
    until: int | None = None,
    outside: Sequence[Witness] = (),
) -> dict[str, Any]:
    """Of the calls from `first` on and before `until` (us, UTC; None: all). `keys` and `outside` as for `witnessed.held`.

    `intact`: all of the alarms' streams, and all that was used beside, is what the gateways have signed; else `state` is the worst
    that is so of any stream in `witness`.
    """
    evidence, at = proven(db, keys, outside), now()
    rescues = sorted(
        (
            one
            for one in _rescues(evidence, targets, at)
            if (first is None or first <= one["since"]) and (until is None or one["since"] < until)
        ),
        key=lambda one: one["since"],
    )
    doubts = {doubt for one in rescues for doubt in one["unproven"]} - {"centre_clock"}
    state = worst([*(one.state for one in evidence.held.values()), *doubts])
    return {
        "format": FORMAT,
        "made": at,
        "from": first,
        "until": until,
        "targets": targets.model_dump(),
        "intact": state == "intact",
        "state": state,
        "limits": text("central.report.never_seen", "en"),
        "witness": [one.document() for one in evidence.held.values()],
        "broken": evidence.broken,
        "unaccounted": evidence.unaccounted,
        "lifts": _summed(rescues, "lift", "key"),
        "maintainers": _summed(rescues, "maintainer", "maintainer"),
        "rescues": rescues,
        "records": evidence.other,
    }


def _rescues(evidence: Proven, targets: Targets, at: int) -> Iterable[dict[str, Any]]:
    by_lift: dict[str, list[Member]] = {}
    for (alarm, gw), steps in evidence.steps.items():
        key = evidence.lifts[gw, steps[0].rescue.lift]
        by_lift.setdefault(key, []).append(part(alarm, gw, steps, [], None, steps[0].received))
    for key, members in by_lift.items():
        for group in together(members):
            steps = merged(step for m in group for step in evidence.steps[m.alarm, m.gw])
            said = told(group, steps, [])
            judged = {} if _taken_back(said) else _judged(said, targets, at)
            lifts = [(m.gw, evidence.steps[m.alarm, m.gw][0].rescue.lift) for m in group]
            files = [file for gw, lift in lifts if (file := evidence.file(gw, lift, said["since"]))]
            doubts = sorted({doubt for m in group for doubt in evidence.doubts[m.alarm, m.gw]})
            yield {
                **{name: said[name] for name in _SAID},
                "key": key,
                "lift": _said(files, "rescue") or lifts[0][1],
                "name": _said(files, "name"),
                "maintainer": _said(files, "maintainer"),
                "after": {
                    name: (said[when] - said["since"]) / 1e6 for name, when in TIMES.items() if said[when] is not None
                },
                "targets": {step: "unproven" if doubts and was == "met" else was for step, was in judged.items()},
                "unproven": doubts,
                "records": [key for m in group for key in evidence.keys[m.alarm, m.gw]],
            }


def _said(files: Sequence[LiftFile], what: str) -> str | None:
    """By the first of its gateways' files that says it."""
    return next((value for file in files if (value := getattr(file, what))), None)


def _taken_back(said: dict[str, Any]) -> bool:
    """A suspicion that nobody had to answer."""
    return said["ended_via"] == "car" and said["acked"] is None


def _judged(said: dict[str, Any], targets: Targets, at: int) -> dict[str, str]:
    """Each step that has a target. What was never done, and begun by nothing, is `unrecorded` when all is over."""
    found = {clock.step: _verdict(clock) for clock in clocks(said, targets, at)}
    if said["ended"] is not None:
        found |= {s: "unrecorded" for s in STEPS if s not in found and getattr(targets, f"{s}_s") is not None}
    return {step: found[step] for step in STEPS if step in found}


def _verdict(clock: Clock) -> str:
    """`unrecorded`: a later step came in time, but nobody said this one; `doubtful`: it seems so, but a clock contradicts the
    order of the records.
    """
    if clock.late:
        return "missed"
    if clock.doubtful:
        return "doubtful"
    return "open" if clock.running else "met" if clock.done else "unrecorded"


def _summed(rescues: Sequence[dict[str, Any]], by: str, same: str) -> list[dict[str, Any]]:
    """By what is the `same`, which is called by another: two lifts may have one id."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for one in rescues:
        groups.setdefault(one[same] or "", []).append(one)
    return [
        {
            by: group[0][by],
            "calls": len(group),
            "suspected": sum(one["suspected"] is not None for one in group),
            "maintenance": sum(one["maintenance"] for one in group),
            "remote": sum(one["ended_via"] == "remote" for one in group),
            "times": {each: _spread([one["after"][each] for one in group if each in one["after"]]) for each in TIMES},
            "targets": {
                step: {
                    verdict: sum(one["targets"].get(step) == verdict for one in group)
                    for verdict in ("met", "unproven", "missed", "open", "unrecorded", "doubtful")
                }
                for step in STEPS
            },
        }
        for _, group in sorted(groups.items(), key=lambda item: (item[1][0][by] or "", item[0]))
    ]


def _spread(values: list[float]) -> dict[str, Any]:
    return {
        "n": len(values),
        "p50": statistics.median(values) if values else None,
        "max": max(values, default=None),
    }


class _Signed(msgspec.Struct, frozen=True):
    """`sig` is the Ed25519 signature in hex over the very bytes of `report`, by the key whose fingerprint is `key`."""

    report: Raw
    key: str
    sig: str


def write(said: dict[str, Any], data: Path, out: Path) -> None:
    """Signed with the centre's key. Raises DoorpostError where it cannot be written."""
    raw, key = msgspec.json.encode(said), private_key(data / "central.key")
    try:
        out.write_bytes(msgspec.json.encode(_Signed(Raw(raw), fingerprint(key.public_key()), key.sign(raw).hex())))
    except OSError as err:
        raise DoorpostError("evidence_unwritable", path=out, why=err.strerror) from err


def verify(file: Path, key: Path) -> dict[str, Any] | None:
    """What the file says, None where it is not what that key has signed. Raises DoorpostError for what is not, byte for byte, a
    report as `write` makes it: another program may find another `report` in it than this one.
    """
    try:
        raw = file.read_bytes()
        signed = msgspec.json.decode(raw, type=_Signed)
        if msgspec.json.encode(signed) != raw:
            raise ValueError("more than report, key and sig")
        said = msgspec.json.decode(signed.report)
        if said["format"] != FORMAT:
            raise ValueError(said["format"])
    except OSError as err:
        raise EvidenceError("evidence_unreadable", path=file, why=err.strerror) from err
    except (ValueError, LookupError, TypeError, RecursionError) as err:
        raise EvidenceError("report_unreadable", path=file, why=str(err)) from err
    try:
        centres = public_key(key)
    except SettingsError as err:
        raise EvidenceError("report_key", path=key) from err
    try:
        centres.verify(bytes.fromhex(signed.sig), bytes(signed.report))
    except (InvalidSignature, ValueError):
        return None
    return dict(said) if signed.key == fingerprint(centres) else None
