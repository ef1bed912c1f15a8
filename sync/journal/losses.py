"""Ranges of a store that were never acknowledged and can no longer be sent, as they stand in the journal's state."""

from collections.abc import Mapping

import msgspec

from model.record import Stream

LostRange = tuple[int, int, str]


def lost(state: Mapping[str, bytes], store: str, stream: Stream) -> list[LostRange]:
    """What stands in the state for a store. Where that cannot be read, what is not held shows it: too low, or damaged."""
    try:
        return msgspec.json.decode(state.get(f"lost/{store}/{stream}", b"[]"), type=list[LostRange])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return []


def lost_state(state: Mapping[str, bytes], store: str, stream: Stream, more: LostRange) -> dict[str, bytes]:
    """What of the state changes with another range."""
    return {f"lost/{store}/{stream}": msgspec.json.encode(with_lost(lost(state, store, stream), more))}


def with_lost(ranges: list[LostRange], more: LostRange) -> list[LostRange]:
    """Another range at its place; what one of them says already is not said again, and what goes on is one."""
    first, last, reason = more
    parts: list[LostRange] = []
    for a, b, _ in ranges:
        if a > first:
            parts.append((first, min(last, a - 1), reason))
        first = max(first, b + 1)
    parts.append((first, last, reason))
    joined: list[LostRange] = []
    for a, b, why in sorted([*ranges, *(p for p in parts if p[0] <= p[1])]):
        if joined and (joined[-1][1] + 1, joined[-1][2]) == (a, why):
            joined[-1] = (joined[-1][0], b, why)
        else:
            joined.append((a, b, why))
    return joined
