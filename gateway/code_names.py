"""What people call schemes, the parts of codes, and application identifiers: by a row of the table, else by `messages/name.toml`."""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from model.texts import words

if TYPE_CHECKING:
    from traceability.schemes.rows import Label
    from traceability.schemes.table import Table

Words = Mapping[str, str]
"""`zh` and `en`."""


@cache
def built_in() -> dict[str, Words]:
    """The schemes that stand in no table, by name: those of GS1 and of EPC."""
    families = words("name")["scheme"]
    return {f"{family}.{name}": words for family, names in families.items() for name, words in names.items()}


def scheme(table: "Table", name: str) -> Words:
    row = table.rows.get(name)
    return words_of(row.label) if row else built_in().get(name) or {"zh": name, "en": name}


def part(table: "Table", scheme: str, name: str) -> Words:
    """Of a code of `scheme`; one that nobody has named is called as in its pattern."""
    row = table.rows.get(scheme)
    if row and (label := row.parts.get(name)):
        return words_of(label)
    found: Words = words("name")["part"].get(name) or {"zh": name, "en": name}
    return found


def title(ai: str, lang: str) -> str:
    """Of an application identifier; that of the standard in English, and where there is none in Chinese."""
    from traceability.gs1.table import find

    known = find(ai)
    titles: dict[str, str] = words("name")["ai"] if lang == "zh" else {}
    return titles.get(ai) or titles.get(f"{ai[:-1]}n") or (known.title if known else "")


def words_of(label: "Label") -> Words:
    return {"zh": label.zh, "en": label.en}
