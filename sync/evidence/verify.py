"""The check: four questions, each with an answer of its own. Pure over what `Evidence` gives.

intact    every record goes on from the one before it, and the hashes are those that were signed
complete  nothing is missing up to a number; beyond it nobody can know who has not another witness
device    all checkpoints are signed by the key
time      every record's time comes from a trusted source, or is located by an anchor
"""

from collections.abc import Collection, Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Literal, NamedTuple

from model.errors import EvidenceError
from model.record import Stream
from sync.contract.signing import fingerprint
from sync.contract.witness import Witness
from sync.evidence.chain import Found, Known, follow
from sync.evidence.clocks import Boot
from sync.evidence.entries import End, Entry, Evidence, Held, Lane, Row, lanes
from sync.evidence.moves import Moves
from sync.evidence.said import Said, Unsigned, Witnessed, heard

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

Answer = Literal["yes", "no", "unknown"]


class SealedStore(NamedTuple):
    """Of `store` nothing counts beyond `ends`. `by`: the store that has taken its place, None where nobody has said it."""

    store: str
    why: str
    by: str | None
    ends: dict[Stream, int]


class Verdict(NamedTuple):
    """`checkpoints`: how many are signed by `key`, here and at the witness; `unsigned` are not, and some of them are named.

    `partial`: it was but a piece of a store. `exported`: when it was taken from the gateway, as `Evidence` has it.
    """

    gw: str
    key: str
    exported: int | None
    intact: Answer
    complete: Answer
    device: Answer
    time: Answer
    streams: list[Found]
    boots: list[Boot]
    checkpoints: int
    unsigned: int
    unsigned_first: list[Unsigned]
    sealed: list[SealedStore]
    partial: bool

    @property
    def good(self) -> bool:
        return (self.intact, self.complete, self.device, self.time) == ("yes",) * 4


def verify(evidence: Evidence, key: "Ed25519PublicKey", witness: Witness | None = None) -> Verdict:
    """Raises EvidenceError when this cannot be read, or the witness is of another gateway."""
    if witness and witness.gw != evidence.gw:
        raise EvidenceError("witness_of_other", gateway=evidence.gw, found=witness.gw)
    said = heard(evidence, key)
    seen = Witnessed(witness, evidence, key)
    found = list(_Check(evidence, said, seen).run().values())
    boots = said.clocks.told()
    stores = {one.lane[0] for one in found if one.records}
    good = [said.signed.good.get(store, 0) + seen.signed.good.get(store, 0) for store in stores]
    unsigned = said.signed.bad + seen.signed.bad
    partial = any(one.partial for one in evidence.stores)
    return Verdict(
        gw=evidence.gw,
        key=fingerprint(key),
        exported=evidence.exported,
        intact="no" if any(one.bad for one in found) else "yes",
        complete="unknown" if partial else _complete(found),
        device="no" if unsigned else "yes" if good and all(good) else "unknown",
        time=_worst([boot.answer for boot in boots]),
        streams=found,
        boots=boots,
        checkpoints=sum(good),
        unsigned=unsigned,
        unsigned_first=[*said.signed.bad_first, *seen.signed.bad_first],
        sealed=_sealed(evidence, said),
        partial=partial,
    )


def _complete(found: list[Found]) -> Answer:
    if any(one.missing for one in found):
        return "no"
    told = all(one.vouched or not one.last for one in found) and not any(one.unsaid or one.younger for one in found)
    return "yes" if told and any(one.records for one in found) else "unknown"


def _sealed(evidence: Evidence, said: Said) -> list[SealedStore]:
    """By their seals, or by the word of the stores after them."""
    whys: dict[str, tuple[str, str | None]] = {
        one.store: (one.sealed.why, None) for one in evidence.stores if one.sealed
    }
    forked = _forked(evidence)
    whys |= {store: told for store, told in said.sealed.items() if store not in forked or told[0] == "fork"}
    ends = _ends(evidence, said)
    return [
        SealedStore(store, why, by, {stream: end for (of, stream), end in ends.items() if of == store})
        for store, (why, by) in whys.items()
    ]


def _ends(evidence: Evidence, said: Said) -> dict[Lane, int]:
    """Where the streams of sealed stores end."""
    outdated = {store for store in _forked(evidence) if said.sealed.get(store, ("fork",))[0] != "fork"}
    return {lane: end.seq for lane, end in _seals(evidence).items()} | {
        lane: end for lane, end in said.ends.items() if lane[0] not in outdated
    }


def _forked(evidence: Evidence) -> set[str]:
    """By their seals: whoever called one of them damaged did so before."""
    return {one.store for one in evidence.stores if one.sealed and one.sealed.why == "fork"}


def _seals(evidence: Evidence) -> dict[Lane, End]:
    return {
        (one.store, stream): end for one in evidence.stores if one.sealed for stream, end in one.sealed.ends.items()
    }


def _worst(answers: Collection[Answer]) -> Answer:
    return "no" if "no" in answers else "unknown" if "unknown" in answers or not answers else "yes"


class _Check:
    """Follows every stream that is here, and those of which there is only word."""

    def __init__(self, evidence: Evidence, said: Said, seen: Witnessed) -> None:
        self._evidence = evidence
        self._said = said
        self._seen = seen
        self._held = {(one.store, stream.stream): stream for one in evidence.stores for stream in one.streams}
        self._seals = _seals(evidence)
        self._ends = _ends(evidence, said)
        self._moves = Moves(self._ends)
        self._partial = any(one.partial for one in evidence.stores)
        # what was said in audit records that were dropped is not known any more
        self._forgetful = any(h.first > 1 for (_, stream), h in self._held.items() if stream is Stream.AUDIT)

    def run(self) -> dict[Lane, Found]:
        expected = lanes(self._evidence.stores)
        if len(expected) != len(self._held):
            raise EvidenceError("evidence_order", store="?", stream="?")
        found = {}
        groups = groupby(self._evidence.entries(), key=lambda entry: (entry.store, entry.stream))
        ahead = next(groups, None)
        for lane in expected:
            here = ahead is not None and ahead[0] == lane
            found[lane] = self._follow(lane, ahead[1] if ahead and here else iter(()))
            if here:
                ahead = next(groups, None)
        if ahead:
            raise EvidenceError("evidence_order", store=ahead[0][0], stream=ahead[0][1])
        if not self._partial:
            said = {*self._ends, *self._said.signed.hashes, *self._seen.signed.hashes, *self._seen.upto}
            for lane in sorted(said - found.keys()):
                found[lane] = self._absent(lane)
        for lane, seq in (*self._said.signed.contradicted, *self._seen.signed.contradicted):
            if lane in found:
                found[lane].wrong(seq, "checkpoint")
        self._moves.settle(found, [stream for stream in Stream if self._whole(stream)])
        return found

    def _follow(self, lane: Lane, entries: Iterator[Entry]) -> Found:
        held = self._held.get(lane, Held(lane[1], 1, 0))
        declared = self._said.declared.get(lane, [])
        # the newest loss of audit records is always told by those that are left
        told = lane[1] is not Stream.AUDIT or any(one.last == held.first - 1 for one in declared)
        known = Known(
            declared=declared,
            signed=self._said.signed.hashes.get(lane, {}),
            witnessed=self._seen.signed.hashes.get(lane, {}),
            upto=self._seen.upto.get(lane, 0),
            due=self._seen.due.get(lane, 0),
            began=self._said.signed.begins.get(lane, 1),
            forgetful=self._forgetful and told,
            partial=self._partial,
            end=self._ends.get(lane),
            seal={self._seals[lane].seq: bytes.fromhex(self._seals[lane].hash)} if lane in self._seals else {},
        )
        return follow(lane, self._evidence.gw, held, self._watched(entries), known)

    def _watched(self, entries: Iterator[Entry]) -> Iterator[Entry]:
        for entry in entries:
            if isinstance(entry, Row):
                self._said.clocks.seen(entry)
                self._moves.seen(entry)
            yield entry

    def _absent(self, lane: Lane) -> Found:
        """Of a store that is not here: dropped, or taken away."""
        found = self._follow(lane, iter(()))
        if self._forgetful:
            found.unsaid, found.missing = [(one.first, one.last) for one in found.missing], []
        return found

    def _whole(self, stream: Stream) -> bool:
        """Whether nothing was dropped from the beginning of this stream, in any store."""
        return all(held.first == 1 for (_, one), held in self._held.items() if one is stream)
