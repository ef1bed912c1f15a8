"""The steps of one alarm as its gateway recorded them one after another, and where they lie in time: none before another."""

from collections.abc import Sequence
from typing import Any

from central.rescue import Place, Step

AGE_MAX_US = 366 * 86_400_000_000
"""Of what comes from a gateway that does not know the time; a count that says more is no clock's."""


def aligned(steps: Sequence[Step]) -> list[Step]:
    """In the order of the stream, in which the clocks have no say; those without a record yet by boot and its counter.

    `at` never goes back. Where a clock says that it does, the step lies as far behind the one before it as the boot has counted
    since, and is marked with `doubt`. A call that came after an hour without network is an hour old.
    """
    boots = _boots(steps)
    laid = [_laid_out(steps, boot) for boot in boots]
    for n in reversed(range(len(laid))):
        laid[n] = _before(laid[n], laid[n + 1][0] if n + 1 < len(laid) else None)
    return _never_back([step for boot in laid for step in boot])


def _boots(steps: Sequence[Step]) -> list[str]:
    """In their order. One of which no record has come: the one that raised the alarm is the first, and of another the clock has
    to say; where nobody had set that it is the last, since records come in their order.
    """
    stored = [step for _, step in _stored(steps)]
    found = list(dict.fromkeys(s.boot for s in stored))
    begun = {boot: min(s.at for s in steps if s.boot == boot) for boot in {s.boot for s in steps}}
    for boot in sorted(begun.keys() - set(found), key=lambda boot: (begun[boot], boot)):
        known = all(s.placed for s in steps if s.boot == boot)
        later = [n for n, other in enumerate(found) if known and begun[other] > begun[boot]]
        found.insert(later[0] if later else len(found), boot)
    raised = next((s.boot for s in (*stored, *steps) if s.kind == "raised"), None)
    return sorted(found, key=lambda boot: boot != raised) if raised else found


def _stored(steps: Sequence[Step]) -> list[tuple[Place, Step]]:
    """Those with a record, by its place."""
    return sorted(((s.place, s) for s in steps if s.place), key=lambda one: one[0])


def _laid_out(steps: Sequence[Step], boot: str) -> list[Step]:
    """Those of one boot: of one store by number, of two by the boot's counter, which no power cut has set back. Without a
    record: behind all at which it had counted no further, but an alarm is raised first. One that the journal took late lies
    where that counter says.
    """
    mine = [s for s in steps if s.boot == boot]
    keys: list[tuple[tuple[Any, ...], Step]] = []
    counted: dict[int, int] = {}
    for place, step in _stored(mine):
        counted[place.lane] = max(step.mono, counted.get(place.lane, 0))
        # its number says when the disk took it: an answer may have been quicker, and is not forgotten for that
        lies = step.mono if step.said.unjournalled else counted[place.lane]
        keys.append(((lies, 1, place), step))
    keys += [((s.mono, 0 if s.kind == "raised" else 2, s.kind, s.said.n or 0), s) for s in mine if s.place is None]
    return [step for _, step in sorted(keys, key=lambda one: one[0])]


def _before(steps: list[Step], following: Step | None) -> list[Step]:
    """A gateway that does not know the time still counts it: its steps lie as far apart as its clock says. The one that came
    quickest says where, and none lies behind the beginning of the boot that followed.
    """
    origins = [s.received - s.mono for s in steps if not s.placed]
    if not origins:
        return steps
    if following:
        origins.append(following.at - _counted(following.mono) - max(s.mono for s in steps if not s.placed))
    return [s if s.placed else s._replace(at=max(s.mono + min(origins), s.received - AGE_MAX_US)) for s in steps]


def _never_back(steps: list[Step]) -> list[Step]:
    found: list[Step] = []
    for one in steps:
        found.append(_behind(found[-1], one) if found else one)
    return found


def _behind(last: Step, one: Step) -> Step:
    since = _counted(one.mono - last.mono if one.boot == last.boot else one.mono)
    # once behind, all of that boot's clock is
    doubt = one.at < last.at or (last.doubt and last.boot == one.boot and one.at < last.at + since)
    return one._replace(at=last.at + since if doubt else one.at, doubt=doubt, counted=last.counted + since)


def _counted(mono: int) -> int:
    return min(max(mono, 0), AGE_MAX_US)
