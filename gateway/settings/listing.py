"""What can be set in a table of the settings file, from its class and the catalogue."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from model.texts import size, text

if TYPE_CHECKING:  # who only wants help needs no pydantic
    from pydantic import BaseModel

_LIMITS = ("minimum", "exclusiveMinimum", "maximum", "pattern")
_ELSEWHERE = {"title", "description", "default", "properties", "additionalProperties", "required"}


@dataclass(frozen=True)
class Setting:
    """`path`: from the part's name to the setting's, with NAME where a name of one's own stands. `schema`: of its value, as
    JSON Schema. `default` is None where there is none.
    """

    path: tuple[str, ...]
    required: bool
    default: Any
    schema: dict[str, Any]
    value: dict[str, Any]
    """Of its values, where it is a table of names."""

    @property
    def key(self) -> str:
        return ".".join(self.path[1:])

    @property
    def bounds(self) -> dict[str, Any]:
        """The schema without what is said elsewhere: the settings of a table inside it follow it."""
        elsewhere = _ELSEWHERE | ({"patternProperties"} if "properties" in self.value else set())
        return {key: value for key, value in self.schema.items() if key not in elsewhere}

    def value_text(self, lang: str) -> str:
        """Its type, what is allowed, and what holds where it is left out."""
        words = _words(self.schema, lang)
        if self.value:
            words = _limited(self.schema, text("setting_type.names", lang, of=_words(self.value, lang)), lang)
        if self.required:
            return text("setting_default.none", lang, words=words)
        if self.default is None:
            return text("setting_default.unset", lang, words=words)
        return text("setting_default.is", lang, words=words, of=json.dumps(self.default, ensure_ascii=False))

    def about(self, lang: str) -> str:
        """What it is for."""
        return next((words for key in self.text_keys() if (words := text(key, lang)) != key), self.key)

    def text_keys(self) -> Iterator[str]:
        """Where its sentence may stand: that of its own place before one that it shares."""
        part, *inner = (name for name in self.path if name != "NAME")
        yield f"setting.{'.'.join((part, *inner))}"
        yield f"setting.{part}.{inner[-1]}"
        yield f"setting.{inner[-1]}"


def listed(part: str, model: "type[BaseModel]") -> list[Setting]:
    """All settings of a driver, a bus, a rule or another table, each followed by those of a table inside it."""
    schema = model.model_json_schema()
    if "driver" in schema["properties"]:
        schema["properties"]["driver"]["const"] = part
    return list(_settings((part,), schema, schema.get("$defs", {})))


def _settings(path: tuple[str, ...], table: dict[str, Any], defs: dict[str, Any]) -> Iterator[Setting]:
    for name, given in table["properties"].items():
        schema, place = _plain(given, defs), (*path, name)
        value: dict[str, Any] = {}
        if schema["type"] == "object" and "properties" not in schema:
            [named] = schema.get("patternProperties", {"": schema.get("additionalProperties")}).values()
            value = _plain(named, defs)
        yield Setting(place, name in table.get("required", ()), _default(given, schema), schema, value)
        if "properties" in (inner := value or schema):
            yield from _settings((*place, "NAME") if value else place, inner, defs)


def _plain(schema: dict[str, Any], defs: dict[str, Any]) -> dict[str, Any]:
    """Without a reference, and without that it may be left out."""
    [schema] = (one for one in schema.get("anyOf", [schema]) if one.get("type") != "null")
    return defs[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def _default(given: dict[str, Any], schema: dict[str, Any]) -> Any:
    default: Any = given.get("default")
    if schema["type"] == "string" and isinstance(default, int):
        return size(default)
    return sorted(default) if schema.get("uniqueItems") else default  # a set has no order


def _words(schema: dict[str, Any], lang: str) -> str:
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return text("setting_type.enum", lang, of=", ".join(map(json.dumps, schema["enum"])))
    if schema["type"] == "array":
        one = schema.get("items") or schema["prefixItems"][0]
        return _limited(schema, text("setting_type.array", lang, of=_words(one, lang)), lang)
    if schema.get("format") == "date":
        return text("setting_type.date", lang)
    return _limited(schema, text(f"setting_type.{schema['type']}", lang), lang)


def _limited(schema: dict[str, Any], words: str, lang: str) -> str:
    limits = {name: schema[name] for name in _LIMITS if name in schema}
    if limits.keys() >= {"minimum", "maximum"}:
        limits = {"range": f"{limits.pop('minimum')}..{limits.pop('maximum')}", **limits}
    if "maxLength" in schema:
        limits["length"] = f"{schema.get('minLength', 0)}..{schema['maxLength']}"
    if entries := schema.get("minItems") or schema.get("minProperties"):
        limits["exactly" if schema.get("maxItems") == entries else "entries"] = entries
    for name, limit in limits.items():
        words = text(f"setting_limit.{name}", lang, words=words, of=limit)
    return words
