"""What stands in a table of schemes (`config/codes/schemes.toml`), row by row. docs/codes.md explains each key."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from traceability.identity import Level

Evidence = Literal["found", "memory", "unknown", "proposed", "site"]
"""How well something is known: read in a public source; from memory of one; not at all; proposed by this project; told by the
site that wrote the row."""

Name = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_-]{0,31}(\.[a-z0-9_-]{1,32}){0,3}$")]
UrlName = Annotated[str, Meta(pattern=r"^url(\.[a-z0-9_-]{1,32}){1,3}$")]
Host = Annotated[str, Meta(pattern=r"^(\*|(\*\.)?[^\sA-Z/:@?#*]+)$")]
Carrier = Annotated[str, Meta(pattern=r"^\][A-Za-z][0-9A-Za-z]?$")]
Namespace = Annotated[
    str, Meta(pattern=r"^https?://[A-Za-z0-9.-]+(:[0-9]+)?(/([A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*)?$")
]
Some = Annotated[str, Meta(min_length=1)]
Year = Annotated[int, Meta(ge=1900, le=2100)]


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    pass


class Label(Row, frozen=True):
    zh: str
    en: str


class CheckRow(Row, frozen=True):
    """`group` is the named group of the pattern that is checked; `code` is the whole text. `since`: the first year of dates."""

    check: Literal[
        "date", "form", "luhn", "mod10", "mod11_10", "one_of", "org_code", "region", "starts_with", "uscc"
    ]  # fmt: skip
    group: str
    format: str = ""
    values: tuple[Some, ...] = ()
    since: Year = 1950
    grade: Literal["failed", "warning"] = "failed"


class SchemeRow(Row, frozen=True):
    """`carriers`: symbology identifiers, or their beginnings, that alone carry the scheme; none where others may.

    `sureness` is what the pattern alone says: `checked` where it is unmistakable, as by letters in front. `labels`: what is printed
    in front of the code, perhaps with a colon or spaces behind it. `fold`: small letters mean the large ones. `parts`: what
    people call the named groups of the pattern.
    """

    name: Name
    label: Label
    pattern: str
    evidence: Evidence = "site"
    source: str = ""
    enabled: bool = True
    carriers: tuple[Carrier, ...] = ()
    labels: tuple[Some, ...] = ()
    fold: bool = False
    sureness: Literal["length", "checked"] = "length"
    checks: tuple[CheckRow, ...] = ()
    level: Level = Level.INSTANCE
    uri: str = ""
    class_uri: str = ""
    lot_uri: str = ""
    parts: dict[str, Label] = {}


class UrlRow(Row, frozen=True):
    """Web addresses of one layout: `host` without port, `*` for any and `*.` in front for those below it; `path` a pattern over
    path and query with named groups, which people call as `parts` says.
    """

    name: UrlName
    label: Label
    host: Host
    path: str
    evidence: Evidence = "site"
    source: str = ""
    enabled: bool = True
    parts: dict[str, Label] = {}


class ReadPointRow(Row, frozen=True):
    """`expect`: schemes, as patterns (`gs1.*`). `lenient`: codes of findings that are warnings there."""

    label: Label
    expect: Annotated[tuple[str, ...], Meta(min_length=1)]
    lenient: tuple[str, ...] = ()
    evidence: Evidence = "site"


class File(Row, frozen=True):
    namespace: Namespace
    schema: Literal[1] = 1
    scheme: tuple[SchemeRow, ...] = ()
    url: tuple[UrlRow, ...] = ()
    readpoint: dict[str, ReadPointRow] = {}


def overlaid(base: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """A table over another, both as their TOML is read: a row of a name that `base` has changes what it says of that row."""
    whole = {**base, **own}
    for kind in ("scheme", "url"):
        rows = {row["name"]: row for row in base.get(kind, ())}
        for row in own.get(kind, ()):
            rows[row["name"]] = {**rows.get(row["name"], {}), **row}
        whole[kind] = list(rows.values())
    points = base.get("readpoint", {})
    whole["readpoint"] = points | {
        name: {**points.get(name, {}), **row} for name, row in own.get("readpoint", {}).items()
    }
    return whole
