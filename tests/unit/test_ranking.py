"""Which reading of a code counts: by checks and by what the place expects, never by guess."""

from traceability.finding import Candidate, Finding, Grade, Sureness, Verdict
from traceability.ranking import Expected, ranked

WRONG = Finding("wrong")
DOUBT = Finding("doubt", Grade.WARNING)
NOTE = Finding("note", Grade.NOTE)


def candidate(scheme: str, sureness: Sureness, *findings: Finding) -> Candidate:
    return Candidate(scheme, sureness, findings)


def test_nothing_is_unknown() -> None:
    """And what was noted of the scan stays."""
    answer = ranked([], (NOTE,))
    assert (answer.verdict, answer.best, answer.findings) == (Verdict.UNKNOWN, None, (NOTE,))


def test_what_a_check_says_beats_what_only_looks_like_it() -> None:
    """Whatever the order in which they were found; a wrong one comes last."""
    checked = candidate("checked", Sureness.CHECKED, DOUBT)
    shaped = candidate("shaped", Sureness.SHAPED)
    wrong = candidate("wrong", Sureness.CARRIER, WRONG)
    answer = ranked([wrong, shaped, checked], ())
    assert answer.candidates == (checked, shaped, wrong)
    assert (answer.verdict, answer.best) == (Verdict.WARNING, checked)


def test_two_that_are_equally_sure_leave_it_open() -> None:
    """Both are told; the place may decide."""
    one, two = candidate("one", Sureness.SHAPED), candidate("two", Sureness.SHAPED)
    open_ = ranked([one, two], ())
    assert (open_.verdict, open_.best, open_.candidates) == (Verdict.WARNING, None, (one, two))
    assert [(finding.code, finding.params) for finding in open_.findings] == [("ambiguous", {"schemes": "one, two"})]
    decided = ranked([one, two], (), Expected(("tw*",)))
    assert (decided.verdict, decided.best, decided.candidates) == (Verdict.VALID, two, (two, one))


def test_two_that_are_equally_wrong_are_wrong() -> None:
    """There is nothing to choose."""
    answer = ranked([candidate("one", Sureness.SHAPED, WRONG), candidate("two", Sureness.SHAPED, WRONG)], ())
    assert (answer.verdict, answer.findings) == (Verdict.INVALID, ())


def test_what_the_place_does_not_expect_is_told() -> None:
    """The code is what it is, and it is at the wrong place. What is expected and wrong does not stand before it."""
    drug = candidate("cn.drug", Sureness.SHAPED)
    lot = candidate("cn.lot", Sureness.CHECKED, WRONG)
    answer = ranked([lot, drug], (), Expected(("gs1.*",)))
    assert (answer.verdict, answer.best) == (Verdict.WARNING, drug)
    assert [finding.code for finding in answer.findings] == ["not_expected_here"]


def test_what_is_expected_and_wrong_is_not_something_else_that_no_check_proves() -> None:
    """A misread retail number at the gate is no detonator, though it has a date in it."""
    misread = candidate("gs1.gtin", Sureness.LENGTH, Finding("check_digit_wrong"))
    detonator = candidate("cn.detonator", Sureness.SHAPED)
    assert ranked([misread, detonator], (), Expected(("gs1.*",))).best == misread
    somewhere = ranked([misread, detonator], ())
    assert (somewhere.verdict, somewhere.best) == (Verdict.WARNING, detonator)
    assert [(finding.code, finding.params) for finding in somewhere.findings] == [
        ("or_misread", {"schemes": "gs1.gtin"})
    ]
    assert ranked([misread, detonator], (), Expected(("cn.detonator",))).verdict is Verdict.VALID


def test_what_is_wrong_and_not_expected_is_unknown() -> None:
    """Of any number one could say that it is a wrong something. What a symbol says stays."""
    wrong = candidate("cn.equipment", Sureness.SHAPED, WRONG)
    assert ranked([wrong], (), Expected(("gs1.*",))).verdict is Verdict.UNKNOWN
    for sureness in (Sureness.CARRIER, Sureness.CHECKED, Sureness.OPAQUE):
        assert ranked([candidate("gs1.gtin", sureness, WRONG)], (), Expected(("cn.*",))).verdict is Verdict.INVALID


def test_only_a_length_is_no_proof_unless_it_is_expected() -> None:
    """Any digits have some length."""
    number = candidate("city.lift", Sureness.LENGTH)
    assert [finding.code for finding in ranked([number], ()).findings] == ["only_length"]
    assert ranked([number], ()).verdict is Verdict.WARNING
    assert ranked([number], (), Expected(("city.lift",))).verdict is Verdict.VALID


def test_a_place_may_be_lenient() -> None:
    """With the findings that it names, and with no others."""
    found = (Finding("gtin_missing"), NOTE, WRONG)
    assert Expected().eased(found) is found
    assert Expected(lenient=frozenset({"other"})).eased(found) is found
    eased = Expected(lenient=frozenset({"gtin_missing", "note"})).eased(found)
    assert eased == (Finding("gtin_missing", Grade.WARNING), NOTE, WRONG)


def test_a_tag_of_somebody_s_own_is_unknown() -> None:
    """It has a name, so that it can be counted; more is not known of it."""
    raw = candidate("epc.raw", Sureness.OPAQUE)
    answer = ranked([raw], ())
    assert (answer.verdict, answer.best) == (Verdict.UNKNOWN, raw)
