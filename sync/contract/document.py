"""The contract as documents: AsyncAPI 3 and JSON Schemas (draft-07, which both sides' tools read), made from the types.

`python -m sync.contract.document docs/contract` writes them; a test holds them to the types.
"""

import inspect
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

import msgspec

from model.bodies import BODIES
from model.record import KINDS, Stream
from sync.contract import topics
from sync.contract.messages import (
    MESSAGE_MAX_BYTES,
    Ack,
    Batch,
    Birth,
    CentralStatus,
    Command,
    CommandResult,
    Hashes,
    HashRequest,
    SignedCommand,
    Urgent,
    Will,
)

Schema = dict[str, Any]

DIALECT = "http://json-schema.org/draft-07/schema#"

MESSAGES: tuple[type, ...] = (
    Batch,
    Urgent,
    Birth,
    Will,
    Ack,
    SignedCommand,
    Command,
    CommandResult,
    HashRequest,
    Hashes,
    CentralStatus,
)


class Channel(NamedTuple):
    """A topic as seen from the gateway, with what goes over it."""

    name: str
    address: str
    action: Literal["send", "receive"]
    retain: bool
    messages: tuple[type, ...]
    summary: str


_GW, _STORE, _STREAM = "{gw}", "{store}", cast(Stream, "{stream}")

CHANNELS = (
    Channel("batches", topics.up_stream(_GW, _STREAM), "send", False, (Batch,), "Records of one stream"),
    Channel("urgent", topics.up_urgent(_GW), "send", False, (Urgent,), "An alarm that could not be stored in time"),
    Channel("status", topics.up_status(_GW), "send", True, (Birth, Will), "The gateway's birth, and its will"),
    Channel("ack", topics.down_ack(_GW, _STORE, _STREAM), "receive", True, (Ack,), "What the centre has committed"),
    Channel("commands", topics.down_command(_GW), "receive", False, (SignedCommand,), "Signed commands"),
    Channel("results", topics.up_result(_GW), "send", False, (CommandResult,), "What became of a command"),
    Channel("hashreq", topics.up_hash_request(_GW), "send", False, (HashRequest,), "Where do our histories part?"),
    Channel("hashes", topics.down_hashes(_GW), "receive", False, (Hashes,), "The hashes that the centre has there"),
    Channel("central", topics.CENTRAL_STATUS, "receive", True, (CentralStatus,), "Whether the centre is up"),
)

_PARAMETERS: dict[str, Schema] = {
    "gw": {"description": "The gateway's id: client id, user name and certificate CN."},
    "store": {"description": "UUID of the store that the records lie in."},
    "stream": {"description": "The stream, in sending order.", "enum": [str(stream) for stream in Stream]},
}


def schemas(prefix: str) -> dict[str, Schema]:
    """Every type of the contract by its name, with references that start with `prefix`.

    What the types leave open as raw JSON is filled in: a record's body by its kind, a command by its own type.
    """
    _, components = msgspec.json.schema_components([*MESSAGES, *BODIES.values()], ref_template=prefix + "{name}")
    found = {name: cast(Schema, _draft7(schema)) for name, schema in components.items()}
    found["SignedCommand"]["properties"]["cmd"] = {"$ref": prefix + "Command"}
    for name, kind, body in (("Rec", "k", "b"), ("Urgent", "kind", "body")):
        found[name]["allOf"] = [
            {
                "if": {"properties": {kind: {"const": known}}},
                "then": {"properties": {body: {"$ref": prefix + of.__name__}}},
            }
            for known, of in BODIES.items()
        ]
    return dict(sorted(found.items()))


def _draft7(node: object) -> object:
    """Tuples as draft-07 writes them, and docstrings without their indentation."""
    if isinstance(node, list):
        return [_draft7(item) for item in node]
    if not isinstance(node, dict):
        return node
    made = {key: _draft7(value) for key, value in node.items()}
    if "prefixItems" in made:
        if "items" in made:
            made["additionalItems"] = made.pop("items")
        made["items"] = made.pop("prefixItems")
    if isinstance(description := made.get("description"), str):
        made["description"] = inspect.cleandoc(description)
    return made


def asyncapi() -> Schema:
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "doorpost gateway",
            "version": "1",
            "description": "What a doorpost gateway sends and receives over MQTT. Payloads are JSON, or zstd frames of "
            f"it where birth and centre both offer `zstd`; at most {MESSAGE_MAX_BYTES} bytes, packed or not.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {channel.name: _channel(channel) for channel in CHANNELS},
        "operations": {channel.name: _operation(channel) for channel in CHANNELS},
        "components": {
            "messages": {
                message.__name__: {"payload": {"$ref": f"#/components/schemas/{message.__name__}"}}
                for channel in CHANNELS
                for message in channel.messages
            },
            "schemas": schemas("#/components/schemas/"),
        },
    }


def _channel(channel: Channel) -> Schema:
    made: Schema = {
        "address": channel.address,
        "summary": channel.summary,
        "messages": {m.__name__: {"$ref": f"#/components/messages/{m.__name__}"} for m in channel.messages},
    }
    if parameters := {name: of for name, of in _PARAMETERS.items() if f"{{{name}}}" in channel.address}:
        made["parameters"] = parameters
    return made


def _operation(channel: Channel) -> Schema:
    return {
        "action": channel.action,
        "channel": {"$ref": f"#/channels/{channel.name}"},
        "bindings": {"mqtt": {"qos": 1, "retain": channel.retain, "bindingVersion": "0.2.0"}},
    }


def documents() -> Iterator[tuple[str, Schema]]:
    """Every generated file: its path below docs/contract and its content."""
    yield "asyncapi.json", asyncapi()
    everything = schemas("#/definitions/")
    for message in MESSAGES:
        yield f"schemas/{message.__name__}.json", _alone(message.__name__, everything)
    for kind, body in BODIES.items():
        yield _body_path(kind), _alone(body.__name__, everything)
    yield "kinds.json", {k: {"stream": stream.value, "body": _body_path(k)} for k, stream in KINDS.items()}


def _body_path(kind: str) -> str:
    return f"schemas/bodies/{kind.replace('/', '.')}.json"


def _alone(name: str, everything: dict[str, Schema]) -> Schema:
    """One type with all that it refers to."""
    needed: dict[str, Schema] = {}
    open_names = [name]
    while open_names:
        one = open_names.pop()
        if one not in needed:
            needed[one] = everything[one]
            open_names += [other for other in everything if f'"#/definitions/{other}"' in json.dumps(everything[one])]
    return {"$schema": DIALECT, "$ref": f"#/definitions/{name}", "definitions": dict(sorted(needed.items()))}


def text(document: Schema) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def main(target: Path) -> None:
    """Write all documents, and remove generated schemas whose type is gone."""
    made = {target / path: text(document) for path, document in documents()}
    for old in (target / "schemas").rglob("*.json"):
        if old not in made:
            old.unlink()
    for path, content in made.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
