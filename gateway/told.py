"""Observations, records and errors in JSON types, for programs. Pure."""

import base64
import hashlib
from typing import Any

import msgspec

from gateway.status import Problem
from model.errors import DoorpostError
from model.observation import Card, Observation, Poll, Scan, TagWindow, TextMessage
from model.record import Record, Stream


def problem(error: DoorpostError | None) -> Problem | None:
    return None if error is None else Problem(error.code, {k: str(v) for k, v in error.params.items()})


def observation(one: Observation) -> dict[str, Any]:
    """An observation in JSON types, with scaled values."""
    match one:
        case Poll():
            points = {
                p.name: {"value": one.scaled(i), "unit": p.unit, "quality": one.quality_of(i).value}
                for i, p in enumerate(one.map.points)
            }
            return {"kind": "poll", "device": one.device, "at": one.at.t, "points": points}
        case Scan():
            return {
                "kind": "scan",
                "device": one.device,
                "at": one.at.t,
                "text": shown(one),
                "data": base64.b64encode(one.data).decode(),
                "aim": one.symbology,
                "repeated": one.repeated,
                "charset": one.charset,
                "doubt": one.doubt,
                "frame": None if one.frame is None else hashlib.sha256(one.frame).hexdigest(),
            }
        case Card():
            card: dict[str, Any] = msgspec.to_builtins(one)
            return {"kind": "card", **card, "at": one.at.t}
        case TextMessage():
            return {"kind": "text", **msgspec.to_builtins(one), "at": one.at.t}
        case TagWindow():
            told: dict[str, Any] = msgspec.to_builtins(one)
            return {"kind": "tag", "at": one.at.t, **told}


def shown(scan: Scan) -> str:
    """What a person is shown of it: bytes that are no text as escapes."""
    try:
        return scan.data.decode(scan.charset or "utf-8")
    except UnicodeDecodeError:
        return scan.data.decode("utf-8", "backslashreplace")


def record(stream: Stream, one: Record) -> dict[str, Any]:
    return {
        "stream": stream.value,
        "seq": one.seq,
        "kind": one.kind,
        "at": one.at.t,
        "tq": [one.at.tq.source, one.at.tq.err_ms],
        "body": msgspec.json.decode(one.body),
        "hash": one.hash.hex(),
    }
