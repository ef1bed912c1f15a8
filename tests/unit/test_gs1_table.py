"""The table of application identifiers against the one of biip, made by other people from GS1's own pages."""

import re

import pytest
from biip.gs1_application_identifiers import _GS1_APPLICATION_IDENTIFIERS as PEER
from biip.gs1_application_identifiers import GS1ApplicationIdentifier

from support.gs1 import CHARACTERS
from traceability.gs1.checks import CHECKS
from traceability.gs1.table import ONE_OF, at, covers, find, lengths, table

TOKEN = re.compile(r"(\[?)\+?([NXYZ]|-)(?:1\.\.N)?(\.\.)?(\d*)\]?")


def peer_lengths(known: GS1ApplicationIdentifier) -> tuple[int, int]:
    """Fewest and most characters of a value: of `N4+N6[+N4]` 6 and 10."""
    least = most = 0
    for optional, _, upto, digits in TOKEN.findall(known.format.split("+", 1)[1]):
        length = int(digits or 1)
        least += 0 if optional else 1 if upto else length
        most += length
    return least, most


def test_it_has_the_same_ais_as_the_peer() -> None:
    assert len(table()) == 541
    assert list(table()) == sorted(PEER)


def test_its_ais_are_as_the_peer_has_them() -> None:
    ours = {ai.code: (ai.predefined, (ai.least, ai.most)) for ai in table().values()}
    theirs = {known.ai: (not known.separator_required, peer_lengths(known)) for known in PEER.values()}
    for code in ("423", "425"):  # the peer wants a digit of the second country
        assert ours.pop(code) == (False, (3, 15))
        assert theirs.pop(code) == (False, (4, 15))
    assert ours == theirs


def test_each_check_is_known_and_used() -> None:
    named = {check for ai in table().values() for component in ai.components for check in component.checks}
    assert named == set(CHECKS)


def test_associations_name_ais_that_exist() -> None:
    patterns = set[str]()
    for ai in table().values():
        members = [member for group in ai.required for alternative in group for member in alternative]
        qualifiers = [qualifier for sequence in ai.primary or () for qualifier in sequence]
        patterns.update(members, ai.excluded, qualifiers)
    assert [pattern for pattern in patterns if not any(covers(pattern, code) for code in table())] == []


@pytest.mark.parametrize(
    ("pattern", "code", "covered"),
    [
        ("310n", "3103", True),
        ("31nn", "3169", True),
        ("310n", "3113", False),
        ("310n", "310", False),
        ("01", "01", True),
        ("01", "010", False),
    ],
)
def test_a_pattern_covers(pattern: str, code: str, *, covered: bool) -> None:
    assert covers(pattern, code) is covered


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("0106901234567892", "01"),
        ("10A", "10"),
        ("253", "253"),
        ("3103", "3103"),
        ("3199", None),
        ("31", None),
        ("05", None),
        ("", None),
        ("1", None),
        ("AB", None),
        ("٠١", None),  # digits, but not ours
    ],
)
def test_which_ai_begins_there(text: str, code: str | None) -> None:
    found = at(f"##{text}", 2)
    assert (found and found.code) == code


def test_character_sets() -> None:
    """One by one. Set 64 is without the `=` that fills it up; digits are no others than ours."""
    wanted = CHARACTERS | {"Z": CHARACTERS["Z"].replace("=", "")}
    tried = [*map(chr, range(256)), "٠"]
    assert {kind: {one for one in tried if re.fullmatch(ONE_OF[kind], one)} for kind in ONE_OF} == {
        kind: set(characters) for kind, characters in wanted.items()
    }


def test_codes_of_the_same_two_digits_are_of_one_length() -> None:
    assert all(len(code) == lengths()[code[:2]] for code in table())


def test_what_the_notation_means() -> None:
    """One AI with each kind of fact."""
    gtin, grai, digsig, place = (find(code) for code in ("01", "8003", "8030", "414"))
    assert gtin and grai and digsig and place
    assert (gtin.title, gtin.predefined, gtin.attribute, gtin.least, gtin.most) == ("GTIN", True, True, 14, 14)
    assert gtin.primary == (("22", "10", "21"), ("235",))
    assert gtin.excluded == ("255", "37")
    assert [(part.kind, part.least, part.most, part.optional, part.checks) for part in grai.components] == [
        ("N", 1, 1, False, ("zero",)),
        ("N", 13, 13, False, ("csum", "gcppos1")),
        ("X", 1, 16, True, ()),
    ]
    assert (grai.least, grai.most, grai.primary) == (14, 30, ((),))
    assert digsig.required[0][:2] == (("00",), ("01", "21"))
    assert digsig.primary is None
    assert place.primary == (("254",), ("7040",))
