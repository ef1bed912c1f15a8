"""Hold captured traffic against the published contract, `docs/contract/asyncapi.json`."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import zstandard
from jsonschema import Draft7Validator
from referencing import Registry
from referencing.jsonschema import DRAFT7

CONTRACT = Path(__file__).parents[2] / "docs/contract"

_ZSTD = b"\x28\xb5\x2f\xfd"


def validate(topic: str, payload: bytes) -> None:
    """AssertionError when the topic is no channel of the contract, or the payload no message of that channel."""
    channels = [channel for address, channel in _channels() if address.fullmatch(topic)]
    assert len(channels) == 1, f"{topic} is no topic of the contract"
    text = zstandard.decompress(payload, max_output_size=1 << 20) if payload.startswith(_ZSTD) else payload
    message = json.loads(text)
    problems = {name: [e.message for e in _validator(name).iter_errors(message)] for name in channels[0]["messages"]}
    assert [] in problems.values(), f"{topic}: {problems} in {text[:2000]!r}"


@cache
def _document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads((CONTRACT / "asyncapi.json").read_text(encoding="utf-8"))
    return document


@cache
def _channels() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    return [(_pattern(channel), channel) for channel in _document()["channels"].values()]


def _pattern(channel: dict[str, Any]) -> re.Pattern[str]:
    """A parameter stands for one level of the topic, and only for its values where they are listed."""
    pattern = re.escape(channel["address"])
    for name, parameter in channel.get("parameters", {}).items():
        values = "|".join(map(re.escape, parameter["enum"])) if "enum" in parameter else "[^/+#]+"
        pattern = pattern.replace(re.escape(f"{{{name}}}"), f"({values})")
    return re.compile(pattern)


@cache
def _validator(message: str) -> Draft7Validator:
    registry: Registry[Any] = Registry().with_resource("urn:asyncapi", DRAFT7.create_resource(_document()))
    payload = _document()["components"]["messages"][message]["payload"]["$ref"]
    return Draft7Validator({"$ref": f"urn:asyncapi{payload}"}, registry=registry)
