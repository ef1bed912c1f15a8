"""From pydantic's findings to errors of the catalogue, in plain words and with "did you mean"."""

import json
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from drivers.common.config import Id, Name
from drivers.scanner.config import Ascii, Bytes
from gateway.rules.site import Lift, Person, Phone, Pin
from gateway.settings.locate import KeyPath
from gateway.settings.schema import Gateway, Output, Store, Sync, Web
from model.errors import DoorpostError, SettingsError
from model.texts import words
from traceability.schemes import rows

_WRONG_TYPE = {
    "bool": "setting_not_bool",
    "dict": "setting_not_table",
    "float": "setting_not_number",
    "frozen": "setting_not_list",  # frozen_set
    "int": "setting_not_integer",
    "list": "setting_not_list",
    "model": "setting_not_table",
    "path": "setting_not_text",
    "string": "setting_not_text",
    "tuple": "setting_not_list",
}
_LIMIT = {
    "greater_than": ("setting_more_than", "gt"),
    "greater_than_equal": ("setting_at_least", "ge"),
    "less_than": ("setting_less_than", "lt"),
    "less_than_equal": ("setting_at_most", "le"),
    "string_too_long": ("setting_too_long", "max_length"),
    "string_too_short": ("setting_too_short", "min_length"),
    "too_long": ("setting_too_many", "max_length"),
    "too_short": ("setting_too_few", "min_length"),
}
_PATTERNS = {
    get_args(Id)[1].pattern: "setting_id",
    get_args(Name)[1].pattern: "setting_name",
    get_args(Ascii)[1].pattern: "setting_ascii",
    get_args(Bytes)[1].pattern: "setting_bytes",
    get_args(rows.Name)[1].pattern: "setting_scheme_name",
    get_args(rows.UrlName)[1].pattern: "setting_url_name",
    get_args(rows.Host)[1].pattern: "setting_host",
    get_args(rows.Carrier)[1].pattern: "setting_carrier",
    get_args(rows.Namespace)[1].pattern: "setting_namespace",
    get_args(Phone)[1].pattern: "setting_phone",
    get_args(Pin)[1].pattern: "setting_pin",
}
_VALUE_SHOWN = 60
_HEADED = 2
"""Keys of a place whose table has a heading, `[gateway]` or `[[bus]]`; what lies deeper is written in braces."""


def explained(found: ErrorDetails, model: type[BaseModel], path: KeyPath = ()) -> tuple[DoorpostError, str | None]:
    """The error for one finding on the `model` that stands at `path`, and what was perhaps meant.

    A validator of a driver names its own code of the catalogue by raising PydanticCustomError.
    """
    kind, value, context = found["type"], shown(found["input"]), found.get("ctx", {})
    if kind == "missing":
        return SettingsError(_missing(model, found["loc"], path), key=found["loc"][-1]), None
    if kind == "extra_forbidden":
        return _unknown(str(found["loc"][-1]), _keys(model, found["loc"][:-1]))
    if kind in ("literal_error", "enum"):
        allowed = context["expected"].replace(" or ", ", ").replace("'", "")
        similar = closest(str(found["input"]), allowed.split(", "))
        return SettingsError("setting_not_one_of", value=value, allowed=allowed), similar
    if kind == "string_pattern_mismatch":
        pattern = context["pattern"]
        code = _PATTERNS.get(pattern, "setting_hex" if "[0-9A-Fa-f]{2}" in pattern else "setting_pattern")
        return SettingsError(code, value=value, pattern=pattern), None
    if kind in _LIMIT:
        code, limit = _LIMIT[kind]
        return SettingsError(code, value=value, limit=context[limit]), None
    if kind.startswith("date_"):
        return SettingsError("setting_date", value=value), None
    if kind == "list_type" and isinstance(found["input"], dict):
        return SettingsError("setting_not_many", key=found["loc"][-1]), None
    if kind.endswith(("_type", "_parsing", "_from_float")) and kind.split("_")[0] in _WRONG_TYPE:
        return _wrong_type(kind.split("_")[0], value, (*path, *found["loc"])), None
    if kind in words("error"):
        return SettingsError(kind, **{"value": value, **context}), None
    return SettingsError("setting_invalid", value=value, why=context.get("error", found["msg"])), None


def closest(name: str, known: Iterable[str]) -> str | None:
    """The one of `known` that was perhaps meant by `name`: one much like it, or of which it is the beginning."""
    names = {one.lower(): one for one in sorted(known)}
    begun = [one for one in names if name and one.startswith(name.lower())]
    similar = get_close_matches(name.lower(), names, n=1) or begun
    return names[similar[0]] if similar else None


def _unknown(key: str, known: Iterable[str]) -> tuple[SettingsError, str | None]:
    """A key that its table does not have: another's, or a slip."""
    similar = closest(key, known)
    if similar is None and (tables := _tables_with(key)):
        return SettingsError("setting_elsewhere", key=key, tables=", ".join(tables)), None
    return SettingsError("setting_unknown", key=key), similar


def _tables_with(key: str) -> list[str]:
    """The headings of tables that have this setting. (What devices, buses and rules have depends on their kind.)"""
    tables: dict[str, type[BaseModel]] = {"[gateway]": Gateway, "[sync]": Sync, "[store]": Store, "[web]": Web}
    many: dict[str, type[BaseModel]] = {"[[output]]": Output, "[[person]]": Person, "[[lift]]": Lift}
    return [heading for heading, model in (tables | many).items() if key in model.model_fields]


def _wrong_type(kind: str, value: str, place: KeyPath) -> SettingsError:
    code = _WRONG_TYPE[kind]
    if code == "setting_not_table" and len(place) > _HEADED:
        return SettingsError("setting_not_inline", value=value, key=place[-1])
    return SettingsError(code, value=value)


def _missing(model: type[BaseModel], key: KeyPath, path: KeyPath) -> str:
    """The code for a missing key: a table has a heading, but inside of an array of tables it is written in braces."""
    field = model.model_fields.get(str(key[0])) if len(key) == 1 else None
    annotation = field.annotation if field else None
    if get_origin(annotation) is dict:
        return "setting_inline_missing" if path else "setting_table_missing"
    if get_origin(annotation) in (list, tuple) and any(_models(annotation)):
        return "setting_tables_missing"
    return "setting_missing" if len(path) + len(key) - 1 <= _HEADED else "setting_brace_missing"


def _keys(model: type[BaseModel], path: tuple[str | int, ...]) -> list[str]:
    """The keys that are allowed at `path` below `model`; of all models of a union."""
    models = [model]
    for part in path:
        if isinstance(part, str):
            fields = (m.model_fields[part].annotation for m in models if part in m.model_fields)
            models = [inner for annotation in fields for inner in _models(annotation)] or models
    return [field.alias or name for m in models for name, field in m.model_fields.items()]


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)


def shown(value: object) -> str:
    """A value about as it stands in the file."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _VALUE_SHOWN else text[:_VALUE_SHOWN] + "…"
