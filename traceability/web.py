"""Web addresses of platforms that are no GS1 Digital Links, by the layouts that a table of schemes names (`[[url]]`).

GB/T 33993 (2017; since 2025-07-01 the edition of 2024) knows addresses of a national service and of makers, with a GTIN and perhaps
lot and serial number among their parameters. The names of these are not public enough to ship, so they are rows of the site.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple
from urllib.parse import unquote

from traceability.finding import Candidate, Finding, Sureness
from traceability.gs1.associations import associations
from traceability.gs1.elements import judged
from traceability.identity import Elements, Identity, Level, segment
from traceability.schemes.match import LONGEST
from traceability.schemes.table import WHOLE, Url

_ADDRESS = re.compile(r"(?i:https?)://(?:[^/?#@]*@)?(?P<host>[^/?#@:]+)(?::\d*)?(?P<rest>(?:[/?#].*)?)", re.DOTALL)
_ANCHOR = re.compile(r"#(?![/!]).*", re.DOTALL)
"""A place in a page; `#/` and `#!` begin the route that pages of one file have."""
_AIS = {"gtin": "01", "lot": "10", "serial": "21"}
"""Groups of a pattern that mean the same as an AI of GS1."""


class Layout(NamedTuple):
    """What an address says by the layout of `url`: with a GTIN the elements of GS1 and what is wrong with them; `fields` are all
    other groups.
    """

    url: Url
    fields: dict[str, str]
    elements: Elements = ()
    findings: tuple[Finding, ...] = ()


def layouts(urls: Iterable[Url], text: str) -> Iterator[Layout]:
    """By each row whose host and layout fit; nothing if it is no web address."""
    found = _ADDRESS.fullmatch(text) if len(text) <= LONGEST else None
    if not found:
        return
    host, rest = found["host"].lower(), _ANCHOR.sub("", found["rest"])
    for url in urls:
        if url.is_at(host) and (fit := url.fits(rest)):
            yield _layout(url, {name: unquote(value) for name, value in fit.groupdict().items() if value})


def without_gtin(found: Layout) -> Candidate:
    """It is known whose address it is; with a `code` it has an identity of its own below the namespace."""
    url, code = found.url, found.fields.get(WHOLE)
    identity = Identity(Level.INSTANCE, f"{url.base}/{segment(code)}") if code else None
    return Candidate(url.name, Sureness.CHECKED, fields=found.fields, identity=identity, evidence=url.evidence)


def _layout(url: Url, groups: dict[str, str]) -> Layout:
    """A GTIN of 8, 12 or 13 digits gets its zeros."""
    if "gtin" not in groups:
        return Layout(url, groups)
    said = groups | {"gtin": groups["gtin"].zfill(14)}
    parsed = judged(tuple((ai, said[group]) for group, ai in _AIS.items() if group in said))
    fields = {name: value for name, value in groups.items() if name not in _AIS}
    return Layout(url, fields, parsed.elements, (*parsed.findings, *associations(parsed.elements)))
