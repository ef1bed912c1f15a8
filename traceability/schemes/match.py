"""What a text may be by a table of schemes."""

import re
from urllib.parse import unquote

from traceability.finding import Candidate, Finding, Grade, Sureness, Verdict
from traceability.ranking import ANYTHING, Expected
from traceability.schemes.table import WHOLE, Scheme, Table, lower_host

LONGEST = 7089
"""Characters of a text: what a QR code can hold. Nothing longer is looked at."""


def matches(
    table: Table, text: str, aim: str | None = None, year: int | None = None, expected: Expected = ANYTHING
) -> list[Candidate]:
    """The schemes whose pattern fits, in the order of the table; `year` is the present one.

    Where checks fail, the candidate says so in its findings. It is left out where nothing speaks for the scheme, neither a check
    nor the read point: of any twenty digits one could say that they are a wrong drug code.
    """
    if len(text) > LONGEST:
        return []
    found = []
    for scheme in table.of_length(len(text)):
        fit = scheme.fits(text)
        if fit and (aim is None or not scheme.carriers or aim.startswith(scheme.carriers)):
            candidate = _candidate(scheme, fit, text, year)
            doubted = expected.schemes or candidate.verdict is Verdict.INVALID
            if candidate.sureness is not Sureness.LENGTH or not doubted or expected.takes(scheme.name):
                found.append(candidate)
    return found


def read_back(table: Table, text: str, year: int | None = None) -> Candidate | None:
    """Of a URI that the table gives to a code: that code, and by the URI its scheme is sure. None where it is no such URI, or its
    code cannot be told from it.
    """
    if len(text) > LONGEST:
        return None
    place, slash, last = lower_host(text).rpartition("/")
    scheme = table.places.get(place + slash)
    try:
        code = unquote(last, errors="strict")
    except UnicodeDecodeError:
        return None
    fit = scheme.fits(code) if scheme else None
    return _candidate(scheme, fit, code, year)._replace(sureness=Sureness.CHECKED) if scheme and fit else None


def _candidate(scheme: Scheme, fit: re.Match[str], text: str, year: int | None) -> Candidate:
    fields = {name: value for name, value in fit.groupdict().items() if value is not None}
    named = {WHOLE: fit.string} | fields
    findings = [] if fit.string == text else [Finding("scheme_spelling", Grade.NOTE, {"code": fit.string})]
    sureness = Sureness.CHECKED if scheme.unmistakable else Sureness.LENGTH
    for check in scheme.checks:
        value = named.get(check.group)
        if value is None:
            continue
        finding = check.finding(value, year)
        findings.append(finding)
        if finding is check.right and (check.sureness is Sureness.CHECKED or sureness is Sureness.LENGTH):
            sureness = check.sureness
    return Candidate(
        scheme.name,
        sureness,
        tuple(findings),
        fields=fields,
        identity=scheme.identity(named),
        evidence=scheme.evidence,
    )
