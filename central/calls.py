"""Which alarms of a lift are one call: those of several gateways that were open at one time, beyond doubt. Pure."""

from collections.abc import Iterable, Mapping, Sequence

from central.rescue import Given, Member, Step, remembered

MS = 1000


def part(
    alarm: str, gw: str, steps: Sequence[Step], given: Iterable[Given], ended: int | None, received: int
) -> Member:
    """Of one alarm. `ended`: by the centre's own judgement, where its gateway has said nothing of an end."""
    given, own = list(given), remembered(steps)
    start = min((s.at for s in steps if s.kind == "raised"), default=None)
    if start is None:
        start = min((s.at for s in steps), default=received)
    stop = min((s.at for s in own if s.kind == "ended"), default=None)
    gone = min((s.at for s in own if s.kind == "cleared"), default=None)
    judged = gone is None and stop is None
    if own is not steps:  # nor is what was judged before
        ended = max((g.made for g in given if g.of_nothing and g.made > own[0].received), default=None)
    spans = _spans(steps, {g.id: g.made for g in given})
    sealed = [first for s, (first, _) in zip(steps, spans, strict=True) if _seals(s)]
    sealed += [g.made for g in given if not g.auto and g.what in ("ack", "close")]
    if judged and ended is not None:
        sealed.append(ended)
    return Member(
        alarm,
        gw,
        start,
        stop if stop is None else max(stop, start),
        ended if judged else gone,
        min((last for _, last in spans), default=received),
        min(sealed, default=None),
    )


def _seals(step: Step) -> bool:
    return step.kind in ("ended", "cleared") or (step.kind == "acked" and not step.auto)


def _spans(steps: Sequence[Step], made: Mapping[str, int]) -> list[tuple[int, int]]:
    """Between which times each of an alarm's steps was, by clocks with known errors, and by what follows from what: none is
    later than it was heard of, none earlier than the command that it obeys, none that says `sent` earlier than the centre had
    the call, and a boot's counter says how far apart two are. None is before the first one either: the last of that is where
    the alarm began at the latest.
    """
    here = min((s.received for s in steps if s.kind == "raised"), default=0)
    firsts: dict[str, int] = {}
    lasts: dict[str, int] = {}
    for step in steps:
        first, last = _span(step, made.get(step.said.command or "", 0), here)
        if first:
            firsts[step.boot] = max(first - step.mono, firsts.get(step.boot, first - step.mono))
        lasts[step.boot] = min(last - step.mono, lasts.get(step.boot, last - step.mono))
    found = []
    for step in steps:
        first = max(0, firsts.get(step.boot, -step.mono) + step.mono)
        last = lasts[step.boot] + step.mono
        found.append((first, last) if first <= last else (0, step.received))
    return found


def _span(step: Step, first: int, here: int) -> tuple[int, int]:
    """It was not before `first`; nor, where no clock says when it was, before `here` if it knows that the centre had the call."""
    last = step.received
    told = step.told
    at, tq = (told["t"], told["tq"]) if told["utc"] is None else (told["utc"], told["utc_tq"])
    if step.doubt or not tq or tq[0] == "unknown" or tq[1] is None:
        return max(first, here) if step.rescue.state == "sent" else first, last
    near, far = max(first, at - tq[1] * MS), min(last, at + tq[1] * MS)
    # a clock that is further off than it says itself says nothing
    return (near, far) if near <= far else (first, last)


def together(members: Iterable[Member]) -> list[list[Member]]:
    """The alarms of one lift as incidents, each by its members' begins; of one gateway never two.

    What began after somebody had answered the others, or after an end, is another call; so is what may have. Two that are
    both open and unanswered were so at one time, whatever their clocks say.
    """
    incidents: list[list[Member]] = []
    still_open: list[list[Member]] = []
    for one in sorted(members, key=lambda m: (m.latest, m.start, m.gw, m.alarm)):
        still_open = [known for known in still_open if all(_before_seal(one, m) for m in known)]
        for known in reversed(still_open):
            if all(m.gw != one.gw and _before_seal(m, one) for m in known):
                known.append(one)
                break
        else:
            incidents.append([one])
            still_open.append(incidents[-1])
    for known in incidents:
        known.sort(key=lambda m: (m.start, m.gw, m.alarm))
    return sorted(incidents, key=lambda known: (known[0].start, known[0].gw, known[0].alarm))


def _before_seal(one: Member, other: Member) -> bool:
    """Whether the one began before the other was answered or over, beyond doubt."""
    return other.sealed is None or one.latest < other.sealed
