"""Which application identifiers must and must not stand together on one item; whatever carried them."""

from functools import lru_cache

from traceability.finding import Finding
from traceability.gs1.table import AI, covers, find
from traceability.identity import Elements

_SERIALISED = ("253", "255", "8003")
"""Keys that need their serial part where a digital signature (8030) stands beside them."""


def associations(elements: Elements) -> tuple[Finding, ...]:
    """What is wrong with all elements of an item together; they may come from several carriers. Unknown AIs say nothing."""
    values = dict(elements)
    findings = _together(tuple(values))
    if len(values) < len(elements):
        findings += tuple(
            Finding("ai_repeated", params={"ai": code})
            for code in values
            if len({value for other, value in elements if other == code}) > 1
        )
    if "8030" in values:
        findings += tuple(
            Finding("serial_missing", params={"ai": ai.code})
            for ai in map(find, _SERIALISED)
            if ai and len(values.get(ai.code, "")) == ai.least
        )
    return findings


@lru_cache(maxsize=512)
def _together(codes: tuple[str, ...]) -> tuple[Finding, ...]:
    """Kept for each set of AIs: a site has few, and values do not matter."""
    present = [ai for code in codes if (ai := find(code))]
    findings = []
    told = set[frozenset[str]]()
    for ai in present:
        for other in present:
            pair = frozenset((ai.code, other.code))
            if ai is not other and pair not in told and any(covers(one, other.code) for one in ai.excluded):
                told.add(pair)
                findings.append(Finding("ai_excluded", params={"ai": ai.code, "other": other.code}))
    for ai in present:
        findings += [_required(ai, group) for group in ai.required if not _met(group, codes)]
    return tuple(findings)


def _met(group: tuple[tuple[str, ...], ...], codes: tuple[str, ...]) -> bool:
    return any(all(any(covers(one, code) for code in codes) for one in alternative) for alternative in group)


def _required(ai: AI, group: tuple[tuple[str, ...], ...]) -> Finding:
    return Finding("ai_required", params={"ai": ai.code, "needs": ", ".join("+".join(one) for one in group)})
