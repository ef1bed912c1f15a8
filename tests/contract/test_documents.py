"""The published contract says what the types say, and can tell right from wrong."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from support.asyncapi import CONTRACT, validate
from sync.contract import document, topics

VECTORS = json.loads((CONTRACT / "vectors.json").read_text(encoding="utf-8"))
BATCH = VECTORS["batch"]


def test_the_documents_are_those_of_the_types(tmp_path: Path) -> None:
    """`make contract` would change nothing; no file of a type that is gone is left."""
    document.main(tmp_path)
    made = {path.relative_to(tmp_path): path.read_text(encoding="utf-8") for path in tmp_path.rglob("*.json")}
    kept = {
        path.relative_to(CONTRACT): path.read_text(encoding="utf-8")
        for path in CONTRACT.rglob("*.json")
        if path.name != "vectors.json"
    }
    assert kept == made


@pytest.mark.parametrize("path", [p for p, _ in document.documents() if p.startswith("schemas/")])
def test_each_schema_stands_alone(path: str) -> None:
    """Every file is a valid draft-07 schema whose references lead somewhere within it."""
    schema = json.loads((CONTRACT / path).read_text(encoding="utf-8"))
    Draft7Validator.check_schema(schema)
    assert not Draft7Validator(schema).is_valid("no message")


def test_the_golden_messages_are_valid() -> None:
    """Batch and command of the vectors pass on their topics."""
    validate("v1/gw/gw-demo-1/up/reading", BATCH.encode())
    validate("v1/gw/gw-demo-1/down/cmd", VECTORS["command"]["payload"].encode())


def test_a_will_and_a_birth_share_their_topic() -> None:
    """One of a channel's messages is enough."""
    will = '{"v":1,"state":"down","session":"3f2b8c1e-7a54-4d0b-9e61-0c5d2f8a7b90"}'
    validate(topics.up_status("gw-1"), will.encode())


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("v1/gw/gw-demo-1/up/readings", BATCH),
        ("v1/gw/gw-demo-1/up/reading/x", BATCH),
        ("v1/gw/gw-demo-1/up/status", BATCH),
        ("v1/gw/gw-demo-1/up/reading", BATCH.replace('"first":1', '"first":0')),
        ("v1/gw/gw-demo-1/up/reading", BATCH.replace('"v":[41,655]', '"v":"41"')),
        ("v1/gw/gw-demo-1/up/reading", BATCH.replace('["ntp",12]', '["sundial",12]')),
        ("v1/gw/gw-demo-1/down/cmd", VECTORS["command"]["payload"].replace("alarm.ack", "door.open")),
        ("v1/gw/gw-demo-1/down/ack/3f2b8c1e-7a54-4d0b-9e61-0c5d2f8a7b90/reading", '{"upto":3}'),
    ],
)
def test_what_breaks_the_contract_is_refused(topic: str, payload: str) -> None:
    """Unknown topics, wrong numbers, bodies of a known kind with another shape."""
    with pytest.raises(AssertionError):
        validate(topic, payload.encode())
