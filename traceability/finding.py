"""What a check of a code found, and the candidate that the findings are about."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from traceability.identity import Elements, Identity

NOTHING: Mapping[str, str] = MappingProxyType({})


class Grade(StrEnum):
    """`NOTE` is worth telling and counts for nothing; `WARNING` and `FAILED` make the verdict."""

    PASSED = "passed"
    NOTE = "note"
    WARNING = "warning"
    FAILED = "failed"


class Verdict(StrEnum):
    VALID = "valid"
    WARNING = "warning"
    INVALID = "invalid"
    UNKNOWN = "unknown"


class Sureness(StrEnum):
    """How much the code itself says that it is of a scheme, the surest first: of two candidates the surer one wins.

    `CARRIER`: the symbol or the tag says so. `CHECKED`: a check digit or checksum is right, or the syntax is unmistakable
    (a URI, a prefix in letters). `SHAPED`: parts that could be wrong are right (a date, a region, a category).
    `LENGTH`: only length and characters fit. `OPAQUE`: it can be told from others, and nothing more is known of it.
    """

    CARRIER = "carrier"
    CHECKED = "checked"
    SHAPED = "shaped"
    LENGTH = "length"
    OPAQUE = "opaque"


class Finding(NamedTuple):
    """The outcome of one check. `code` names the text, `[code]` in `config/messages/code.toml`; `params` fill it."""

    code: str
    grade: Grade = Grade.FAILED
    params: Mapping[str, str] = NOTHING


class Candidate(NamedTuple):
    """One reading of a code: its scheme (`gs1.gtin`, `cn.drug`), what was checked, and what it says.

    `elements` are those of GS1; `fields` are the named parts of other schemes. `evidence` is how well the scheme itself is
    known: `found` in a public source, `memory` of one, `unknown`. `epc` is the content of the EPC bank, hex in upper case.
    """

    scheme: str
    sureness: Sureness
    findings: tuple[Finding, ...] = ()
    elements: Elements = ()
    fields: Mapping[str, str] = NOTHING
    identity: Identity | None = None
    epc: str | None = None
    evidence: str = "found"

    @property
    def verdict(self) -> Verdict:
        of = verdict(self.findings)
        return Verdict.UNKNOWN if self.sureness is Sureness.OPAQUE and of is not Verdict.INVALID else of


def verdict(findings: tuple[Finding, ...]) -> Verdict:
    """The worst of them decides."""
    worst = Verdict.VALID
    for finding in findings:
        if finding.grade is Grade.FAILED:
            return Verdict.INVALID
        if finding.grade is Grade.WARNING:
            worst = Verdict.WARNING
    return worst
