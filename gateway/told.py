"""Observations, records and errors in JSON types, for programs. Pure."""

import base64
from typing import Any

import msgspec

from gateway.status import Problem
from model.errors import DoorpostError
from model.observation import Observation, Poll, Scan, TagWindow
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
                "text": one.data.decode("utf-8", "backslashreplace"),
                "data": base64.b64encode(one.data).decode(),
                "aim": one.symbology,
                "repeated": one.repeated,
            }
        case TagWindow():
            told: dict[str, Any] = msgspec.to_builtins(one)
            return {"kind": "tag", "at": one.at.t, **told}


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
