"""Whether a separator of an element string was lost."""

from datetime import date, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.gs1 import element_lists
from traceability.gs1.elements import GS, write
from traceability.gs1.lost import lost_separator
from traceability.identity import Elements

GTIN = "0106901234567892"
DRUG = "010690123456789217150707"


@pytest.mark.parametrize(
    "text",
    [
        DRUG + "10A213B1211234",  # lot, then serial number
        "10A213B1211234",
        GTIN + "21ABC12310LOT7",
        GTIN + "10LOT7" + "17270131",  # lot, then expiry date
        GTIN + "21123456" + "17270131" + "10LOT7",  # digits alone, but a date behind them
        GTIN + "10A117270630" + "21S1",  # lot, then expiry date and a short serial number
        GTIN + "10LOT7" + "3103000123",  # lot, then weight
        "0206901234567892" + "10LOT7" + "3712",  # the count that belongs to the contents
        GTIN + "10LOT7" + "800826092113",  # lot, then a time of production
        "10LOT7" + GTIN,
        "42215610LOT7",  # a country is three digits
        "10" + "A" * 21,
        GTIN + GS + "10" + "X" * 21,
        GTIN + "10" + "X" * 15 + "2199999" + GS + "17270131",  # too long, though another one came
    ],
)
def test_lost(text: str) -> None:
    """Too long, or running on into what reads as further elements."""
    assert lost_separator(text)


@pytest.mark.parametrize(
    "text",
    [
        DRUG + "10A213B1" + GS + "211234",
        DRUG + "10A213B1" + GS + "21A21X11270131",  # a separator has come: this scanner sends them
        GTIN + "10LOT7" + GS,
        GTIN + GS + "17270131",  # allowed, though not needed
        GTIN + "1020260921",
        "010690636995311421G961025159",  # digits behind a 10, in a serial number
        "0106948885527493217773811960730",  # no date of this century
        GTIN + "21123410567890",  # the serial number of one in ten
        "10LOT7" + "0106901234567890",  # no check digit
        GTIN + "10LOT7" + "8008260921" + "99",  # no hour
        GTIN + "10LOT7" + "17271331",  # there is no 13th month
        GTIN + "10LOT7" + "0106901234567892",  # is there already
        "8110061414112345630502010123",  # no coupon where it would be cut
        "00069012345000000011",
        "6901234567892",
        "https://example.com/01/06901234567892",
        "",
    ],
)
def test_not_lost(text: str) -> None:
    """Whole, or no element string at all."""
    assert not lost_separator(text)


@given(element_lists())
def test_a_string_with_its_separators_is_never_doubted(elements: Elements) -> None:
    """Whatever the elements and their order: with one behind the last, or, if another one came, without."""
    text = write(elements)
    assert not lost_separator(text + GS)
    if GS in text:
        assert not lost_separator(text)


def test_a_lot_with_a_date_is_whole() -> None:
    """As makers number their lots, on each day of these years."""
    day = date(2026, 1, 1)
    for n in range(3 * 365):
        assert not lost_separator(f"{GTIN}10L{day + timedelta(n):%Y%m%d}")
        assert not lost_separator(f"{GTIN}10{day + timedelta(n):%y%m%d}A")


@given(
    st.lists(st.sampled_from(["01", "10", "21", "17", "37", "422", "3103"]), max_size=8),
    st.text(max_size=9),
)
def test_what_nearly_is_an_element_string(ais: list[str], more: str) -> None:
    """Never raises, whatever stands behind."""
    lost_separator("".join(ai + "1021" * 4 for ai in ais) + more)


@pytest.mark.parametrize(("alphabet", "most"), [("0123456789", 0.02), ("ABCDEFGHJKLMNPQRSTUVWXYZ0123456789", 0.02)])
@pytest.mark.parametrize("ai", ["10", "21"])
def test_false_alarms_are_rare(ai: str, alphabet: str, most: float) -> None:
    """A last lot or serial number without any separator before it: few look by chance as if they ran on."""
    random = Random(5)
    lots = ["".join(random.choices(alphabet, k=random.randint(4, 14))) for _ in range(2000)]
    assert sum(lost_separator(f"{GTIN}{ai}{lot}") for lot in lots) < most * len(lots)
