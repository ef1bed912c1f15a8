"""A verdict as the document that `doorpost verify --json` prints, which is an API: `docs/cli.md` describes it."""

from typing import Any, Literal, NamedTuple

import msgspec

from sync.evidence.chain import Found
from sync.evidence.ranges import Range
from sync.evidence.verify import Verdict


class WitnessTold(NamedTuple):
    """`checked`: its signature was held against the centre's public key."""

    made: int
    key: str
    checked: bool


def document(verdict: Verdict, witness: WitnessTold | None) -> dict[str, Any]:
    bad = [one.bad._asdict() | {"count": one.bad_count} for one in verdict.streams if one.bad]
    boots = [msgspec.structs.asdict(boot) | {"answer": boot.answer} for boot in verdict.boots]
    device = {
        "answer": "unproven" if verdict.device == "unknown" else verdict.device,
        "checkpoints": verdict.checkpoints,
        "unsigned": verdict.unsigned,
        "unsigned_first": [one._asdict() for one in verdict.unsigned_first],
    }
    document = {
        "gateway": verdict.gw,
        "key": verdict.key,
        "good": verdict.good,
        "intact": {"answer": verdict.intact, "bad": bad},
        "complete": {"answer": verdict.complete, "streams": [_stream(one) for one in verdict.streams]},
        "sealed": [one._asdict() for one in verdict.sealed],
        "device": device,
        "time": {"answer": verdict.time, "boots": boots},
        "exported": verdict.exported,
        "witness": witness and witness._asdict(),
        "cannot_know": cannot_know(verdict, witness),
    }
    built: dict[str, Any] = msgspec.to_builtins(document)
    return built


Open = Literal["no_witness", "witness_unchecked", "witness_younger", "beyond_witness", "partial", "tail"]
"""What a check leaves open, whatever its answers are. The catalogue has the words."""


def cannot_know(verdict: Verdict, witness: WitnessTold | None) -> list[Open]:
    open_: dict[Open, bool] = {
        "no_witness": witness is None,
        "witness_unchecked": witness is not None and not witness.checked,
        "witness_younger": any(one.younger for one in verdict.streams),
        "beyond_witness": witness is not None and any(_top(one.witnessed) < one.last for one in verdict.streams),
        "partial": verdict.partial,
        "tail": any(one.unproven for one in verdict.streams),
    }
    return [code for code, is_open in open_.items() if is_open]


def _top(ranges: list[Range]) -> int:
    return ranges[-1][1] if ranges else 0


def _stream(one: Found) -> dict[str, Any]:
    store, stream = one.lane
    return {
        "store": store,
        "stream": stream,
        "first": one.first,
        "last": one.last,
        "records": one.records,
        "proven": max(_top(one.signed), _top(one.witnessed)) if one.vouched else None,
        "signed": one.signed,
        "witnessed": one.witnessed,
        "unproven": one.unproven,
        "declared": one.declared,
        "missing": one.missing,
        "unsaid": one.unsaid,
        "younger": one.younger,
    }
