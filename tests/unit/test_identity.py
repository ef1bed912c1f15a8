"""One item, one identity: class, lot and instance kept apart."""

import pytest

from traceability.identity import Elements, Identity, Level, gs1_identity, segment

GTIN = "https://id.gs1.org/01/06901234567892"


@pytest.mark.parametrize(
    ("elements", "identity"),
    [
        ((("01", "06901234567892"),), Identity(Level.CLASS, GTIN, GTIN)),
        ((("01", "06901234567892"), ("22", "2A")), Identity(Level.CLASS, f"{GTIN}/22/2A", GTIN)),
        ((("10", "L/1"), ("01", "06901234567892")), Identity(Level.LOT, f"{GTIN}/10/L%2F1", GTIN, f"{GTIN}/10/L%2F1")),
        (
            (("01", "06901234567892"), ("17", "271231"), ("10", "L1"), ("21", "S+1")),
            Identity(Level.INSTANCE, f"{GTIN}/21/S%2B1", GTIN, f"{GTIN}/10/L1"),
        ),
        ((("01", "06901234567892"), ("235", "T1")), Identity(Level.INSTANCE, f"{GTIN}/235/T1", GTIN)),
        (
            (("02", "06901234567892"), ("37", "24"), ("10", "L1"), ("00", "069012345000000011")),
            Identity(Level.INSTANCE, "https://id.gs1.org/00/069012345000000011"),
        ),
        (
            (("8003", "06901234567892AB"),),
            Identity(
                Level.INSTANCE, "https://id.gs1.org/8003/06901234567892AB", "https://id.gs1.org/8003/06901234567892"
            ),
        ),
        (
            (("253", "6901234567892"),),
            Identity(Level.CLASS, "https://id.gs1.org/253/6901234567892", "https://id.gs1.org/253/6901234567892"),
        ),
        (
            (("414", "6901234000009"), ("254", "DOOR-1")),
            Identity(Level.INSTANCE, "https://id.gs1.org/414/6901234000009/254/DOOR-1"),
        ),
        (
            (("8010", "6901234P1"), ("8011", "12")),
            Identity(Level.INSTANCE, "https://id.gs1.org/8010/6901234P1/8011/12", "https://id.gs1.org/8010/6901234P1"),
        ),
        ((("10", "L1"),), None),
        ((), None),
    ],
)
def test_the_finest_key_is_the_identity(elements: Elements, identity: Identity | None) -> None:
    """As EPCIS and tags have it: the serial number without the lot, the pallet and not its contents."""
    assert gs1_identity(elements) == identity


def test_a_value_stands_in_a_path_without_signs_that_mean_something_there() -> None:
    """Each character of GS1's set 82 that is no letter, digit, `-`, `.` or `_`."""
    assert segment("32a/b") == "32a%2Fb"
    assert segment("""!"%&'()*+,-./:;<=>?_""") == "%21%22%25%26%27%28%29%2A%2B%2C-.%2F%3A%3B%3C%3D%3E%3F_"
