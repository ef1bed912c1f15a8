"""docs/settings.md, made from the settings classes and the catalogue: `python -m support.settings_page`."""

from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

from pydantic import BaseModel

from gateway.rules.registry import RULES
from gateway.rules.site import Lift, Person
from gateway.settings.listing import listed
from gateway.settings.schema import Gateway, Output, Store, Sync, Web
from model.texts import text

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"
HEAD = """# Every setting

Made by `make drivers`; `doorpost driver list` and `doorpost driver show NAME` say the same, also in Chinese (`--lang zh`).

A settings file begins with `schema = 1`. `[gateway]` must be there; `[[device]]`, `[[bus]]`, `[[rule]]`, `[[output]]`, `[[person]]`
and `[[lift]]` may be there any number of times. Paths are relative to the file. Unknown settings are errors: `doorpost config check FILE`
finds every mistake.
NAME stands for a name of your own, as `curtain` in `inputs = { curtain = { gpi = 1 } }`.
Whole files with comments are in `config/examples`.
"""


def parts() -> Iterator[tuple[str, str, type[BaseModel]]]:
    """Name, heading and class of every table that a settings file may have."""
    own: dict[str, type[BaseModel]] = {"gateway": Gateway, "sync": Sync, "store": Store, "web": Web}
    yield from ((name, f"[{name}]", model) for name, model in own.items())
    for table, group in (("bus", "doorpost.buses"), ("device", "doorpost.drivers")):
        for entry in sorted(entry_points(group=group)):
            yield entry.name, f'[[{table}]] driver = "{entry.name}"', entry.load().Config
    yield from ((name, f'[[rule]] rule = "{name}"', kind.config) for name, kind in RULES.items())
    yield "output", "[[output]]", Output
    yield "person", "[[person]]", Person
    yield "lift_file", "[[lift]]", Lift


def page() -> str:
    lines = [HEAD]
    for name, heading, model in parts():
        lines += [f"## {heading}", "", f"{text(f'part.{name}', 'en')}.", ""]
        lines += ["| setting | what may stand there | what it is for |", "|---|---|---|"]
        for one in listed(name, model):
            cells = (f"`{one.key}`", one.value_text("en"), one.about("en"))
            lines.append(f"| {' | '.join(cell.replace('|', '&#124;').replace('*', '&#42;') for cell in cells)} |")
        lines.append("")
    return "\n".join(lines[:-1]) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
