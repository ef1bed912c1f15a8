"""The generator of the table, on entries made up here."""

import pytest

from traceability.gs1.dictionary import facts

HEAD = "# A dictionary\n#\n# Release: 2031-01-31\n#\n\n"


@pytest.mark.parametrize(
    ("entry", "line"),
    [
        ("01   *?  N14,csum     ex=02 dlpkey=10,21|235   # TITLE", "01;fa;N14.csum;;02;10,21|235;TITLE"),
        ("3100-3105  *  N6      req=01,02 ex=310n        # WEIGHT (kg)", "3100-3105;f;N6;01,02;310n;;WEIGHT (kg)"),
        ("99        X..90", "99;;X1-90;;;;"),
        ("00   ?  N18           dlpkey                   # SSCC", "00;a;N18;;;-;SSCC"),
        ("7000   N6,a,b [N..4],c  req=01+21,02 req=37   # A # B", "7000;;N6.a.b ?N1-4.c;01+21,02 37;;;A # B"),
        ("8030   Z..90                                   # SIGN", "8030;;Z1-90;;;;SIGN"),
    ],
)
def test_an_entry_becomes_a_line(entry: str, line: str) -> None:
    made: dict[str, str] = {}
    exec(facts(HEAD + entry + "\n"), made)
    assert made["FACTS"] == line + "\n"
    assert "release 2031-01-31" in made["__doc__"]


@pytest.mark.parametrize(
    "entry",
    [
        "01",
        "1  N2",
        "01  W14",
        "01  N",
        "01  N14  new=1",
        "01  N14  dlpkey dlpkey=10",
        "01  N14  # A;B",
        "01 ! N14",
    ],
)
def test_what_is_not_understood_is_told(entry: str) -> None:
    """A new kind of fact in a new release must not be lost in silence."""
    with pytest.raises(ValueError, match="not understood"):
        facts(HEAD + entry)
