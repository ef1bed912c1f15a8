"""Makes `facts.py` out of the GS1 Barcode Syntax Dictionary: `make gs1 ARGS=gs1-syntax-dictionary.txt`."""

import re
import sys

_ENTRY = re.compile(r"(?P<codes>\d{2,4}(?:-\d{2,4})?) +(?P<flags>[*?]*) +(?P<rest>\S[^#]*?)(?: *# *(?P<title>.*?))? *")
_COMPONENT = re.compile(r"(?P<kind>[NXYZ])(?P<upto>\.\.)?(?P<most>\d+)")
_RELEASE = re.compile(r"# Release: (.+)")

_HEAD = '''"""The application identifiers of GS1. Made by `make gs1` out of the GS1 Barcode Syntax Dictionary, release {release}:
Copyright (c) GS1 AISBL, BWIPP project, Zint project; Apache License 2.0 (see NOTICE). Do not edit.

A line each: codes; f = of predefined length, a = attribute in a Digital Link; data; needs; never with; key; title.
Data is components: kind, least and most characters, checks (`X1-17`, `N14.csum`); `?` in front: may be absent.
Needs: each of the groups; of a group one alternative (`,`); of an alternative all (`+`); `n` is any digit.
Key: of a Digital Link, with the qualifiers that may follow in their order, or `-`.
"""

FACTS = """\\
'''


def facts(dictionary: str) -> str:
    """The source of `facts.py`. ValueError tells of a line that is not understood."""
    release = _RELEASE.search(dictionary)
    lines = [_line(line) for line in dictionary.splitlines() if line.strip() and not line.startswith("#")]
    return _HEAD.format(release=release[1] if release else "UNSET") + "\n".join(lines) + '\n"""\n'


def _line(line: str) -> str:
    entry = _ENTRY.fullmatch(line)
    if not entry or ";" in line:
        raise ValueError(f"not understood: {line}")
    components = [word for word in entry["rest"].split() if "=" not in word and word != "dlpkey"]
    attributes = [word for word in entry["rest"].split() if word not in components]
    named = [word.partition("=") for word in attributes]
    key = [value or "-" for name, _, value in named if name == "dlpkey"]
    if {name for name, _, _ in named} - {"req", "ex", "dlpkey"} or len(key) > 1:
        raise ValueError(f"not understood: {line}")
    return ";".join((
        entry["codes"],
        entry["flags"].replace("*", "f").replace("?", "a"),
        " ".join(_component(word) for word in components),
        " ".join(value for name, _, value in named if name == "req"),
        ",".join(value for name, _, value in named if name == "ex"),
        "".join(key),
        entry["title"] or "",
    ))  # fmt: skip


def _component(word: str) -> str:
    """`[N..12],zero` of the dictionary is `?N1-12.zero` here."""
    shape, *checks = word.split(",")
    component = _COMPONENT.fullmatch(shape.strip("[]"))
    if not component:
        raise ValueError(f"not understood: {word}")
    length = f"1-{component['most']}" if component["upto"] else component["most"]
    return ".".join(("?" * shape.startswith("[") + component["kind"] + length, *checks))


if __name__ == "__main__":
    sys.stdout.write(facts(sys.stdin.read()))
