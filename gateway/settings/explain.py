"""From pydantic's findings to errors of the catalogue, in plain words and with "did you mean"."""

import json
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from drivers.common.config import Id
from gateway.settings.locate import KeyPath
from model.errors import DoorpostError, SettingsError
from model.texts import catalogue

_WRONG_TYPE = {
    "bool": "setting_not_bool",
    "dict": "setting_not_table",
    "float": "setting_not_number",
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
_ID_PATTERN = get_args(Id)[1].pattern
_VALUE_SHOWN = 60
_HEADED = 2
"""Keys of a place whose table has a heading, `[gateway]` or `[[bus]]`; what lies deeper is written in braces."""


def explained(found: ErrorDetails, model: type[BaseModel], path: KeyPath = ()) -> tuple[DoorpostError, str | None]:
    """The error for one finding on the `model` that stands at `path`, and what was perhaps meant.

    A validator of a driver names its own code of the catalogue by raising PydanticCustomError.
    """
    kind, value, context = found["type"], shown(found["input"]), found.get("ctx", {})
    if kind == "missing":
        return SettingsError(_missing(model, found["loc"], inside=bool(path)), key=found["loc"][-1]), None
    if kind == "extra_forbidden":
        key = str(found["loc"][-1])
        return SettingsError("setting_unknown", key=key), closest(key, _keys(model, found["loc"][:-1]))
    if kind in ("literal_error", "enum"):
        allowed = context["expected"].replace(" or ", ", ").replace("'", "")
        similar = closest(str(found["input"]), allowed.split(", "))
        return SettingsError("setting_not_one_of", value=value, allowed=allowed), similar
    if kind == "string_pattern_mismatch" and context["pattern"] == _ID_PATTERN:
        return SettingsError("setting_id", value=value), None
    if kind == "string_pattern_mismatch":
        return SettingsError("setting_pattern", value=value, pattern=context["pattern"]), None
    if kind in _LIMIT:
        code, limit = _LIMIT[kind]
        return SettingsError(code, value=value, limit=context[limit]), None
    if kind == "list_type" and isinstance(found["input"], dict):
        return SettingsError("setting_not_many", key=found["loc"][-1]), None
    if kind.endswith(("_type", "_parsing", "_from_float")) and kind.split("_")[0] in _WRONG_TYPE:
        return _wrong_type(kind.split("_")[0], value, (*path, *found["loc"])), None
    if kind in catalogue()["error"]:
        return SettingsError(kind, **{"value": value, **context}), None
    return SettingsError("setting_invalid", value=value, why=context.get("error", found["msg"])), None


def closest(name: str, known: Iterable[str]) -> str | None:
    """The one of `known` that was perhaps meant by `name`."""
    return next(iter(get_close_matches(name, sorted(known), n=1)), None)


def _wrong_type(kind: str, value: str, place: KeyPath) -> SettingsError:
    code = _WRONG_TYPE[kind]
    if code == "setting_not_table" and len(place) > _HEADED:
        return SettingsError("setting_not_inline", value=value, key=place[-1])
    return SettingsError(code, value=value)


def _missing(model: type[BaseModel], path: KeyPath, *, inside: bool) -> str:
    """The code for a missing key: a table has a heading, but inside of an array of tables it is written in braces."""
    field = model.model_fields.get(str(path[0])) if len(path) == 1 else None
    annotation = field.annotation if field else None
    if get_origin(annotation) is dict:
        return "setting_inline_missing" if inside else "setting_table_missing"
    if get_origin(annotation) in (list, tuple) and any(_models(annotation)):
        return "setting_tables_missing"
    return "setting_missing"


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
