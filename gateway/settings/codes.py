"""A site's own table of codes, checked whole over the one that ships: each problem with its line."""

import re
from collections.abc import Iterator
from datetime import date, time
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec
from pydantic import BeforeValidator, Field, create_model
from pydantic_core import PydanticKnownError

from gateway.code_names import built_in
from gateway.settings.explain import closest, shown
from gateway.settings.load import parsed
from gateway.settings.locate import KeyPath
from gateway.settings.problem import Problem, SettingsInvalid
from gateway.settings.report import Report
from gateway.settings.schema import Part
from model.errors import SettingsError
from model.texts import words
from traceability.schemes.checks import FORMATS, KINDS
from traceability.schemes.pattern import PatternError, compiled
from traceability.schemes.rows import CheckRow, Namespace, ReadPointRow, SchemeRow, UrlRow, overlaid
from traceability.schemes.table import WHOLE, absolute, parts

_PATTERN = {
    "bad": "scheme_pattern_bad",
    "empty": "scheme_pattern_empty",
    "heavy": "scheme_pattern_heavy",
    "long": "scheme_pattern_long",
    "open": "scheme_pattern_open",
    "reference": "scheme_pattern_reference",
}
_FAMILIES = {"gs1.*", "epc.*", "url.*"}
"""Of schemes that may be expected whether a row is there or not, and that no row of a scheme is of."""
_BY_KIND = {"format", "since", "values"}
"""Keys of a check that only some take."""
_TEMPLATES = ("uri", "class_uri", "lot_uri")
_BRACES = re.compile(r"(?:\{[^{}]*\})+")
_URI = re.compile(
    r"(?:https?://[A-Za-z0-9.-]+(?::\d+)?(?=/)|urn:[a-z0-9][a-z0-9-]{1,31}:|(?![A-Za-z][A-Za-z0-9+.-]*:|/))"
    r"(?:[A-Za-z0-9._~:/?#@!$&'()*+,;=-]|%[0-9A-Fa-f]{2}|\{\})*"
)
"""A whole one, or what stands below the namespace."""
_STEPS = re.compile(r"(?i)(?:^|/)(?:\.|%2e){1,2}(?:$|[/?#])")
"""In a path, which whoever follows the URI takes out."""
_GS1 = re.compile(r"(?i)https?://id\.gs1\.org(?![\w.-])")


def load(path: Path, base: dict[str, Any]) -> dict[str, Any]:
    """The table at `path` over `base`, which is right. Raises SettingsInvalid with all problems at once."""
    text, data = parsed(path, _read(path))
    report = Report(path, text, data)
    outline: Any = report.checked((), _Outline, data)
    if outline is not None and outline.namespace:
        _namespace(report, outline.namespace)
    _texts(report, (), data)
    names = dict(_each(report, data, base)) | dict.fromkeys((*built_in(), *_FAMILIES), True)
    for name, raw_point in _tables(data.get("readpoint")):
        whole = {**base.get("readpoint", {}).get(name, {}), **raw_point}
        _readpoint(report, name, report.checked(("readpoint", name), _ReadPoint, whole), names)
    if not report.problems:
        _shared(report, data, base)
    if report.problems:
        raise SettingsInvalid(path, sorted(report.problems, key=lambda problem: problem.line or 0))
    return overlaid(base, data)


def _namespace(report: Report, namespace: str) -> None:
    code = "scheme_uri_gs1" if _GS1.match(namespace) else "setting_namespace" if _STEPS.search(namespace) else None
    if code:
        report.problem(("namespace",), SettingsError(code, value=shown(namespace)))


def _read(path: Path) -> bytes:
    try:
        if path.exists() and not path.is_file():  # a pipe would keep us waiting
            raise OSError(None, "not a regular file")
        return path.read_bytes()
    except OSError as err:
        error = SettingsError("codes_unreadable", file=path, why=err.strerror)
        raise SettingsInvalid(path, [Problem(path, None, "", "", error)]) from err


def _texts(report: Report, at: KeyPath, found: Any) -> None:
    """Dates of TOML, for which nothing here has a use: to pydantic they come as texts."""
    if isinstance(found, date | time):
        report.problem(at, SettingsError("setting_not_text", value=shown(found)))
    entries: Any = found.items() if isinstance(found, dict) else enumerate(found) if isinstance(found, list) else ()
    for key, inner in entries:
        _texts(report, (*at, key), inner)


def _each(report: Report, data: dict[str, Any], base: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    """Look through the schemes and addresses; the names of all that there are, here and in `base`, and whether each is right."""
    for table, model, look in (("scheme", _Scheme, _scheme), ("url", _Url, _url)):
        known = {row["name"]: row for row in base.get(table, ())}
        yield from ((name, True) for name in known)
        first: dict[str, int] = {}
        for index, raw in _tables(data.get(table)):
            name = raw.get("name")
            meant = name if name in list(known) else _meant(report, (table, index), model, raw, known)
            row: Any = report.checked((table, index), model, {**known.get(str(meant), {}), **raw})
            if row is not None:
                look(report, (table, index), row)
            if isinstance(name, str):
                yield name, meant == name and row is not None and row.name is not None
                if first.setdefault(name, index) != index:
                    error = SettingsError("scheme_twice", name=name, line=report.line((table, first[name], "name")))
                    report.problem((table, index, "name"), error)


def _meant(report: Report, at: KeyPath, model: type[Part], raw: dict[str, Any], known: dict[str, Any]) -> str | None:
    """The row that ships which is perhaps to be changed, by one that lacks what a row of its own needs and is called nearly so."""
    name = raw.get("name")
    lacks = [key for key, field in model.model_fields.items() if field.is_required() and key not in raw]
    similar = closest(name, known) if isinstance(name, str) and lacks else None
    if similar is None:
        return name
    report.problem((*at, "name"), SettingsError("scheme_row_unknown", name=name, keys=", ".join(lacks)), similar)
    return similar


def _shared(report: Report, data: dict[str, Any], base: dict[str, Any]) -> None:
    """Two kinds of things must not get one identity: of schemes in use, each has a place of its own below the namespace, and so
    has each layout of web addresses.
    """
    whole = overlaid(base, data)
    namespace, own = whole["namespace"], [row["name"] for row in data.get("scheme", ())]
    first = {absolute(f"{row['name']}/{{}}", namespace): row["name"] for row in whole["url"]}
    for row in sorted(whole["scheme"], key=lambda row: row["name"] in own):  # what ships is told of as the other one
        place = _BRACES.sub("{}", absolute(row.get("uri", ""), namespace))
        if not row.get("enabled", True) or not row.get("uri") or not place.startswith(namespace):
            continue
        if (other := first.setdefault(place, row["name"])) != row["name"] and row["name"] in own:
            path = ("scheme", own.index(row["name"]), "uri")
            report.problem(path, SettingsError("scheme_uri_shared", value=shown(row["uri"]), name=other))


def _tables(found: object) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Of an array or a table, by position or name; that something else stands there was told with the outline."""
    entries = enumerate(found) if isinstance(found, list) else found.items() if isinstance(found, dict) else ()
    yield from ((key, raw) for key, raw in entries if isinstance(raw, dict))


def _scheme(report: Report, at: tuple[str, int], row: Any) -> None:
    """`row`: a key that is wrong by itself is None; it was told, and hides no other."""
    if row.name is not None and any(fnmatchcase(row.name, family) for family in _FAMILIES):
        report.problem((*at, "name"), SettingsError("scheme_name_reserved", value=shown(row.name)))
    named = _pattern(report, (*at, "pattern"), row.pattern)
    groups = None if named is None else named | {WHOLE}
    if isinstance(row.checks, list):
        for index, raw in enumerate(row.checks):
            _check(report, (*at, "checks", index), raw, groups)
    elif row.checks != ():
        report.problem((*at, "checks"), SettingsError("scheme_checks_shape", value=shown(row.checks)))
    for key in _TEMPLATES:
        _template(report, (*at, key), getattr(row, key), groups)
    _parts(report, at, row, groups)


def _check(report: Report, path: KeyPath, raw: Any, groups: set[str] | None) -> None:
    if not isinstance(raw, dict):
        report.problem(path, SettingsError("scheme_checks_shape", value=shown([raw])))
        return
    check: Any = report.checked(path, _Check, raw)
    if check is None:
        return
    if groups is not None and check.group is not None and check.group not in groups:
        _no_group(report, (*path, "group"), check.group, groups)
    kind = KINDS.get(check.check)
    if kind is None:
        return
    for key in kind.must:
        if not raw.get(key):
            report.problem(path, SettingsError("scheme_check_lacks", check=check.check, key=key))
    for key in sorted(_BY_KIND & set(raw) - {*kind.must, *kind.may}):
        report.problem((*path, key), SettingsError("scheme_check_takes", check=check.check, key=key))
    if check.check == "date" and check.format and check.format not in FORMATS:
        error = SettingsError("setting_not_one_of", value=shown(check.format), allowed=", ".join(FORMATS))
        report.problem((*path, "format"), error, closest(check.format, FORMATS))
    if check.check == "form" and check.format:
        _pattern(report, (*path, "format"), check.format)


def _url(report: Report, at: tuple[str, int], row: Any) -> None:
    groups = _pattern(report, (*at, "path"), row.path)
    if groups is not None and not groups & {"gtin", WHOLE}:
        report.problem((*at, "path"), SettingsError("scheme_url_nameless", value=shown(row.path)))
    _parts(report, at, row, groups)


def _parts(report: Report, at: tuple[str, int], row: Any, groups: set[str] | None) -> None:
    for name in row.parts or ():
        if groups is not None and name not in groups:
            _no_group(report, (*at, "parts", name), name, groups)


def _pattern(report: Report, path: KeyPath, pattern: str | None) -> set[str] | None:
    """The names of its groups."""
    if pattern is None:
        return None
    try:
        return set(compiled(pattern).groupindex)
    except PatternError as err:
        report.problem(path, SettingsError(_PATTERN[err.why], value=shown(pattern), why=err.told))
        return None


def _template(report: Report, path: KeyPath, template: str | None, groups: set[str] | None) -> None:
    if not template:
        return
    try:
        names = parts(template)
    except ValueError:
        names = None
    literal = _BRACES.sub("{}", template)
    if names is None or not _URI.fullmatch(literal) or _STEPS.search(literal):
        report.problem(path, SettingsError("scheme_uri_bad", value=shown(template), whole="{code}"))
    elif _GS1.match(literal):
        report.problem(path, SettingsError("scheme_uri_gs1", value=shown(template)))
    elif not names and path[-1] != "class_uri":
        report.problem(path, SettingsError("scheme_uri_constant", value=shown(template), whole="{code}"))
    elif groups is not None:
        for name in names:
            if name not in groups:
                _no_group(report, path, name, groups)


def _no_group(report: Report, path: KeyPath, group: str, groups: set[str]) -> None:
    error = SettingsError("scheme_group_unknown", group=group, known=", ".join(sorted(groups)))
    report.problem(path, error, closest(group, groups))


def _readpoint(report: Report, name: str, row: Any, schemes: dict[str, bool]) -> None:
    """`schemes`: the names that there are, and whether each is right: what was refused is not proposed."""
    if row is None:
        return
    for index, pattern in enumerate(row.expect or ()):
        if not any(fnmatchcase(scheme, pattern) for scheme in schemes):
            error = SettingsError("readpoint_scheme_unknown", value=shown(pattern))
            similar = closest(pattern, (scheme for scheme, right in schemes.items() if right))
            report.problem(("readpoint", name, "expect", index), error, similar)
    findings = words("code")
    for index, code in enumerate(row.lenient or ()):
        if code not in findings:
            error = SettingsError("readpoint_finding_unknown", value=shown(code))
            report.problem(("readpoint", name, "lenient", index), error, closest(code, findings))


def _model(row: type[msgspec.Struct]) -> type[Part]:
    """The same table for pydantic, which tells all that is wrong and not only the first. Checks are looked at one by one."""
    hints = get_type_hints(row, include_extras=True)
    fields: dict[str, Any] = {
        field.name: (_type(hints[field.name]), _default(field)) for field in msgspec.structs.fields(row)
    }
    return create_model(row.__name__, __base__=Part, **fields)


def _default(field: msgspec.structs.FieldInfo) -> Any:
    if field.default_factory is not msgspec.NODEFAULT:
        return Field(default_factory=field.default_factory)
    return ... if field.required else field.default


def _type(hint: Any) -> Any:
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return _model(hint)
    if get_origin(hint) is dict:
        return dict[str, _type(get_args(hint)[1])]  # type: ignore[misc]
    if get_origin(hint) is tuple:
        entry = get_args(hint)[0]
        return Any if entry is CheckRow else list[_type(entry)]  # type: ignore[misc]
    if get_origin(hint) is Annotated:
        plain, meta = get_args(hint)
        return Annotated[_type(plain), Field(pattern=meta.pattern, min_length=meta.min_length, ge=meta.ge, le=meta.le)]
    return hint


def _one(value: object) -> object:
    """True and 1.0 are equal to 1, and nothing else here takes them for it."""
    if type(value) is not int:
        raise PydanticKnownError("literal_error", {"expected": "1"})
    return value


_Scheme, _Check, _Url, _ReadPoint = _model(SchemeRow), _model(CheckRow), _model(UrlRow), _model(ReadPointRow)


class _Outline(Part):
    """The file; each row is looked at by itself."""

    version: Annotated[Literal[1], Field(alias="schema"), BeforeValidator(_one)]
    namespace: Annotated[str, Field(pattern=get_args(Namespace)[1].pattern)] = ""
    scheme: list[dict[str, Any]] = Field(default_factory=list)
    url: list[dict[str, Any]] = Field(default_factory=list)
    readpoint: dict[str, dict[str, Any]] = Field(default_factory=dict)
