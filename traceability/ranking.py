"""Several readings of one code: which counts, and whether there is doubt."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

from traceability.finding import Candidate, Finding, Grade, Sureness, Verdict, verdict

_SURENESS = {sureness: rank for rank, sureness in enumerate(Sureness)}
_ORDER = {Verdict.VALID: 0, Verdict.WARNING: 1, Verdict.UNKNOWN: 2, Verdict.INVALID: 3}
_CHECKSUMS = frozenset({"check_digit_wrong", "scheme_check_wrong"})
_PROVEN = (Sureness.CARRIER, Sureness.CHECKED)
_NOT_EXPECTED = Finding("not_expected_here", Grade.WARNING)
_ONLY_LENGTH = Finding("only_length", Grade.WARNING)


class Expected(NamedTuple):
    """What a read point expects: schemes, as patterns (`gs1.*`); none means any. Findings of the codes in `lenient` are
    warnings there.
    """

    schemes: tuple[str, ...] = ()
    lenient: frozenset[str] = frozenset()

    def eased(self, findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
        if not self.lenient or not any(finding.code in self.lenient for finding in findings):
            return findings
        return tuple(
            Finding(finding.code, Grade.WARNING, finding.params)
            if finding.grade is Grade.FAILED and finding.code in self.lenient
            else finding
            for finding in findings
        )

    def takes(self, scheme: str) -> bool:
        """Whether it names the scheme; with no names it names none."""
        return any(fnmatchcase(scheme, pattern) for pattern in self.schemes)

    def rules_out(self, scheme: str) -> bool:
        return bool(self.schemes) and not self.takes(scheme)


class Answer(NamedTuple):
    """`candidates`, the best first; `findings` are about the scan and not about one of them.

    Where two are equally good, none is chosen: `best` is None, and the verdict a warning.
    """

    verdict: Verdict
    candidates: tuple[Candidate, ...] = ()
    findings: tuple[Finding, ...] = ()
    best: Candidate | None = None


ANYTHING = Expected()


def ranked(candidates: Sequence[Candidate], findings: tuple[Finding, ...], expected: Expected = ANYTHING) -> Answer:
    """The surer candidate wins, and one that the read point expects before the others. One that is expected and looks misread
    comes before another one of which no check says that it is; what is wrong and not expected counts for nothing, unless a
    check or the symbol says what it is.

    Never by guess: two that are equally sure leave it open, and so does one without a check that may be a misread GTIN.
    """
    candidates = [candidate for candidate in candidates if not _beside_the_point(candidate, expected)]
    if not candidates:
        return Answer(Verdict.UNKNOWN, (), findings)
    if len(candidates) == 1:
        return _answer(candidates[0], tuple(candidates), findings, expected)
    keyed = sorted(((_key(candidate, expected), at) for at, candidate in enumerate(candidates)))
    order = tuple(candidates[at] for _, at in keyed)
    tied = [candidates[at] for key, at in keyed if key == keyed[0][0]]
    if len(tied) > 1 and order[0].verdict is not Verdict.INVALID:
        names = ", ".join(candidate.scheme for candidate in tied)
        return Answer(Verdict.WARNING, order, (*findings, Finding("ambiguous", Grade.WARNING, {"schemes": names})))
    return _answer(order[0], order, findings, expected)


def _answer(best: Candidate, order: tuple[Candidate, ...], findings: tuple[Finding, ...], expected: Expected) -> Answer:
    if best.verdict in (Verdict.INVALID, Verdict.UNKNOWN):
        return Answer(best.verdict, order, findings, best)
    if expected.rules_out(best.scheme):
        findings = (*findings, _NOT_EXPECTED)
    elif best.sureness is Sureness.LENGTH and not expected.schemes:
        findings = (*findings, _ONLY_LENGTH)
    elif best.sureness is Sureness.SHAPED and not expected.schemes and len(order) > 1:
        misread = ", ".join(other.scheme for other in order if other.scheme.startswith("gs1.") and _misread(other))
        findings = (*findings, Finding("or_misread", Grade.WARNING, {"schemes": misread})) if misread else findings
    return Answer(max(best.verdict, verdict(findings), key=_ORDER.__getitem__), order, findings, best)


def _key(candidate: Candidate, expected: Expected) -> tuple[int, int, int]:
    wrong = candidate.verdict is Verdict.INVALID
    if expected.rules_out(candidate.scheme):
        order = 5 if wrong else 1 if candidate.sureness in _PROVEN else 3
    else:
        order = 0 if not wrong else 2 if _misread(candidate) else 4
    return order, _SURENESS[candidate.sureness], _ORDER[candidate.verdict]


def _misread(candidate: Candidate) -> bool:
    """Whether nothing but a check digit is wrong: all else of a number is right only if it is one, or by a rare chance."""
    wrong = [finding.code for finding in candidate.findings if finding.grade is Grade.FAILED]
    return bool(wrong) and all(code in _CHECKSUMS for code in wrong)


def _beside_the_point(candidate: Candidate, expected: Expected) -> bool:
    return (
        candidate.sureness in (Sureness.SHAPED, Sureness.LENGTH)
        and candidate.verdict is Verdict.INVALID
        and expected.rules_out(candidate.scheme)
    )
