"""Key paths of a TOML document are found on their lines."""

import tomllib
from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.settings.locate import KeyPath, line_of, locate


def leaves(value: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, int]]:
    """Each integer of the document with its path."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from leaves(inner, (*path, i))
    elif isinstance(value, int):
        yield path, value


keys = st.one_of(
    st.from_regex(r"[A-Za-z0-9_-]{1,6}", fullmatch=True),
    st.sampled_from(['"a.b"', "'[x]'", '"q\\"=1"', '"温度"', '"\\u0041"', '""', "'#'"]),
)
decoys = st.sampled_from(
    [
        '"x = 1 # ["',
        "'it]s'",
        '"""\n[a]\nk = 1 \\""""',
        "'''\n# ' }\n[[b]]'''",
        '"\\\\"',
        '""""quoted""""',
        "1.5e3",
    ]
)
comments = st.sampled_from(["", " # [no] = 1", "  # 'quote", "\t"])


class Writer:
    """Writes a random document in which every integer is unique; keys are made unique by a number."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.text = ""
        self.number = 1_000_000

    def next(self) -> int:
        self.number += 1
        return self.number

    def key(self) -> str:
        """A key of one or two parts, the first of which no other key shares."""
        dotted = self.draw(st.sampled_from(["", ".", " . "]))
        return f"k{self.next()}x" + (dotted + self.draw(keys) if dotted else "")

    def value(self, depth: int) -> str:
        shape = self.draw(st.sampled_from(["int", "int", "decoy", "array", "lines", "table"] if depth else ["int"]))
        if shape == "decoy":
            return self.draw(decoys)
        if shape == "array":
            return "[" + ", ".join(self.value(depth - 1) for _ in range(self.draw(st.integers(0, 3)))) + "]"
        if shape == "lines":
            items = (self.value(depth - 1) + "," + self.draw(comments) for _ in range(self.draw(st.integers(0, 3))))
            return "[\n" + "".join(f"  {item}\n" for item in items) + "]"
        if shape == "table":
            pairs = (f"{self.key()} = {self.value(0)}" for _ in range(self.draw(st.integers(0, 3))))
            return "{" + ", ".join(pairs) + "}"
        return str(self.next())

    def pairs(self) -> None:
        for _ in range(self.draw(st.integers(0, 3))):
            blank = self.draw(st.sampled_from(["", "\n", "  ", "# k = 1\n"]))
            self.text += f"{blank}{self.key()} = {self.value(2)}{self.draw(comments)}\n"

    def document(self) -> str:
        self.pairs()
        for _ in range(self.draw(st.integers(0, 3))):
            name = self.key()
            if self.draw(st.booleans()):
                self.text += f"[{name}]{self.draw(comments)}\n"
                self.pairs()
                continue
            for _ in range(self.draw(st.integers(1, 3))):
                self.text += f"[[ {name} ]]{self.draw(comments)}\n"
                self.pairs()
                if self.draw(st.booleans()):
                    self.text += f"[{name}.sub]\n"
                    self.pairs()
        return self.text


documents = st.composite(lambda draw: Writer(draw).document())()


@settings(max_examples=60, deadline=None)
@given(documents, st.sampled_from(["\n", "\r\n"]))
def test_each_value_is_found_on_its_line(document: str, newline: str) -> None:
    """Every integer of a random document stands on the line that its path is mapped to."""
    document = document.replace("\n", newline)
    rows = document.split("\n")
    lines = locate(document)
    for path, value in leaves(tomllib.loads(document)):
        assert str(value) in rows[lines[path] - 1]


@settings(max_examples=40, deadline=None)
@given(documents)
def test_nothing_is_found_that_is_not_there(document: str) -> None:
    """Every mapped path leads to something in the document."""
    for path in locate(document):
        at: Any = tomllib.loads(document)
        for part in path:
            at = at[part]


def test_a_path_that_is_missing_is_shown_where_it_should_be() -> None:
    """A missing key falls back to the line of its table."""
    lines = locate('[gateway]\nid = "x"\n\n[[device]]\nid = "a"\n[[device]]\nid = "b"\n')
    assert line_of(lines, ("device", 1, "port")) == 6
    assert line_of(lines, ("device", 0, "id")) == 5
    assert line_of(lines, ("sync", "broker")) == 1
