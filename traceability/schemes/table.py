"""A table of schemes, made ready."""

import re
from collections.abc import Callable, Iterator, Mapping
from string import Formatter, ascii_lowercase, ascii_uppercase
from typing import TYPE_CHECKING, Any

from traceability.identity import Identity, Level, segment
from traceability.ranking import Expected
from traceability.schemes.checks import Check
from traceability.schemes.pattern import compiled, lengths

if TYPE_CHECKING:  # rows are read where a table is made, and with what reads them
    from traceability.schemes.rows import File, SchemeRow, UrlRow

WHOLE = "code"
"""The name of the whole text in checks and templates, where the pattern has no group of that name."""

_LARGE = str.maketrans(ascii_lowercase, ascii_uppercase)
_BEHIND_A_LABEL = r"[ \u3000]{0,2}[:：]?[ \u3000]{0,2}"
_BEHIND_A_LABEL_MOST = 5

_ORIGIN = re.compile(r"(?i)^https?://[^/?#]*")

Fill = Callable[[Mapping[str, str]], str | None]


class Scheme:
    """One that is enabled. `fits`: the code as its pattern has it, of a text that may be printed or typed otherwise. `place`: what
    stands in front of the whole code, as one segment, in its URI, the host in small letters; None where the URI is made otherwise.
    """

    def __init__(self, row: "SchemeRow", namespace: str) -> None:
        self.name = row.name
        self.evidence = row.evidence
        self.carriers = row.carriers
        self.unmistakable = row.sureness == "checked"
        self.checks = tuple(map(Check, row.checks))
        pattern = compiled(row.pattern)
        self._exactly = pattern.fullmatch
        self.fits = self._anyhow if row.fold or row.labels else self._exactly
        least, most = lengths(row.pattern)
        self.lengths = least, most + max((len(label) + _BEHIND_A_LABEL_MOST for label in row.labels), default=0)
        self._fold = row.fold
        self._labels = tuple((re.compile(f"(?i:{re.escape(one)}){_BEHIND_A_LABEL}"), one) for one in row.labels)
        self._level = row.level
        self._uris = tuple(_filling(template, namespace) for template in (row.uri, row.class_uri, row.lot_uri))
        whole = row.uri.endswith(f"/{{{WHOLE}}}") and WHOLE not in pattern.groupindex
        place = absolute(row.uri.removesuffix(f"{{{WHOLE}}}"), namespace)
        self.place = lower_host(place) if whole and "{" not in place else None

    def identity(self, fields: Mapping[str, str]) -> Identity | None:
        """None where the table names no identity, or the code lacks a part of it."""
        uri, class_uri, lot_uri = (fill(fields) for fill in self._uris)
        if uri is None:
            return None
        return Identity(
            self._level,
            uri,
            class_uri=uri if self._level is Level.CLASS else class_uri,
            lot_uri=uri if self._level is Level.LOT else lot_uri,
        )

    def _anyhow(self, text: str) -> re.Match[str] | None:
        return next(filter(None, map(self._exactly, self._spellings(text))), None)

    def _spellings(self, text: str) -> Iterator[str]:
        """A label may be a beginning of the code, too: `SC: 106...` is `SC106...`."""
        yield text
        if self._fold:
            text = text.translate(_LARGE)
            yield text
        for pattern, label in self._labels:
            if found := pattern.match(text):
                rest = text[found.end() :]
                yield from (rest, label + rest)


class Url:
    """A layout of web addresses that is enabled. `base` is what its codes get their URIs below."""

    def __init__(self, row: "UrlRow", namespace: str) -> None:
        self.name = row.name
        self.evidence = row.evidence
        self.base = absolute(row.name, namespace)
        self.fits: Callable[[str], re.Match[str] | None] = compiled(row.path).fullmatch
        self._host = row.host

    def is_at(self, host: str) -> bool:
        """`*` is any host, `*.example.cn` each below that one."""
        wanted = self._host
        return wanted in ("*", host) or (wanted.startswith("*.") and host.endswith(wanted[1:]))


class Table:
    """`file` has all rows, `rows` all schemes and web addresses by name; `schemes` and `urls` are those that are enabled.
    `places`: schemes by what their URIs begin with, of those whose code can be read back from its URI.
    """

    def __init__(self, file: "File") -> None:
        self.file = file
        rows: tuple[SchemeRow | UrlRow, ...] = (*file.scheme, *file.url)
        self.rows = {row.name: row for row in rows}
        self.schemes = tuple(Scheme(row, file.namespace) for row in file.scheme if row.enabled)
        self.urls = tuple(Url(row, file.namespace) for row in file.url if row.enabled)
        self.places = {scheme.place: scheme for scheme in self.schemes if scheme.place}
        self.readpoints = {name: Expected(row.expect, frozenset(row.lenient)) for name, row in file.readpoint.items()}
        self._by_length: dict[int, tuple[Scheme, ...]] = {}

    def of_length(self, length: int) -> tuple[Scheme, ...]:
        """The schemes that a text of so many characters may be of."""
        found = self._by_length.get(length)
        if found is None:
            found = tuple(scheme for scheme in self.schemes if scheme.lengths[0] <= length <= scheme.lengths[1])
            self._by_length[length] = found
        return found


def compile_table(data: dict[str, Any]) -> Table:
    """Of a table as its TOML is read. Raises msgspec.ValidationError or ValueError at the first thing that is wrong: for people,
    check it before.
    """
    import msgspec

    from traceability.schemes.rows import File

    return Table(msgspec.convert(data, File))


def parts(template: str) -> list[str]:
    """The names in a template for a URI, `drug/{code}`. Raises ValueError where its braces are wrong."""
    found = list(Formatter().parse(template))
    if any(form or conversion for _, _, form, conversion in found) or any(name == "" for _, name, _, _ in found):
        raise ValueError(template)
    return [name for _, name, _, _ in found if name is not None]


def absolute(template: str, namespace: str) -> str:
    """What does not begin with a URI's scheme stands below the namespace."""
    return template if re.match(r"[a-z][a-z0-9+.-]*:", template) else f"{namespace.rstrip('/')}/{template}"


def lower_host(uri: str) -> str:
    """Of a web address; its host is the same in any case."""
    return _ORIGIN.sub(lambda found: found[0].lower(), uri)


def _filling(template: str, namespace: str) -> Fill:
    """Names become their values, percent-encoded."""
    if not template:
        return lambda _: None
    whole = absolute(template, namespace)
    names = parts(whole)

    def fill(fields: Mapping[str, str]) -> str | None:
        if not all(name in fields for name in names):
            return None
        return whole.format_map({name: segment(fields[name]) for name in names})

    return fill
