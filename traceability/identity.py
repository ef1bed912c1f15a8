"""The one identity of an item: the same for each carrier that it was read from.

A GS1 identity is a canonical Digital Link URI on id.gs1.org that has the finest key only: of a GTIN, a lot and a serial number
the instance is GTIN and serial number, as a tag holds them, and the lot is a level above.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple
from urllib.parse import quote

Elements = tuple[tuple[str, str], ...]
"""(application identifier, value) in the order of the code; values as they are, without percent-encoding or padding."""

GS1 = "https://id.gs1.org"


class Level(StrEnum):
    """`CLASS`: a kind of item. `LOT`: a batch of it. `INSTANCE`: one item, place, party or document."""

    CLASS = "class"
    LOT = "lot"
    INSTANCE = "instance"


class Identity(NamedTuple):
    """`uri` is that of the finest level, which `level` names; the coarser ones stand beside it where the code tells them."""

    level: Level
    uri: str
    class_uri: str | None = None
    lot_uri: str | None = None


class _Key(NamedTuple):
    """What read points call it, and what else of an element string makes the identity of a primary key finer.

    `instance`: AIs of which the first that is there names one item. `lot`, `variant`: AI of the lot, of a variant of the class.
    `serial_from`: where in the key's own value a serial number begins that may be absent. `none`: the value of the `instance` that
    says that there is none.
    """

    scheme: str
    level: Level = Level.INSTANCE
    instance: tuple[str, ...] = ()
    lot: str | None = None
    variant: str | None = None
    serial_from: int | None = None
    none: str | None = None


_KEYS = {
    "00": _Key("gs1.sscc"),
    "8006": _Key("gs1.itip", Level.CLASS, instance=("21",), lot="10", variant="22"),
    "01": _Key("gs1.gtin", Level.CLASS, instance=("21", "235"), lot="10", variant="22"),
    "8003": _Key("gs1.grai", Level.CLASS, serial_from=14),
    "253": _Key("gs1.gdti", Level.CLASS, serial_from=13),
    "255": _Key("gs1.gcn", Level.CLASS, serial_from=13),
    "8010": _Key("gs1.cpid", Level.CLASS, instance=("8011",)),
    "8004": _Key("gs1.giai"),
    "8017": _Key("gs1.gsrnp", instance=("8019",)),
    "8018": _Key("gs1.gsrn", instance=("8019",)),
    "401": _Key("gs1.ginc"),
    "402": _Key("gs1.gsin"),
    "8013": _Key("gs1.gmn", Level.CLASS),
    "414": _Key("gs1.gln", instance=("254",), none="0"),  # as tags have it: a place that is no part of another one
    "417": _Key("gs1.party"),
    "415": _Key("gs1.payment", instance=("8020",)),
}
"""The primary keys of GS1 Digital Link. A code that has several is about the one that stands first here: a pallet (00) and not
its contents, an item (01) and not the place (414) that is told with it."""


GS1_ELEMENTS = "gs1.elements"
"""The scheme of an element string that has no key."""
GS1_SCHEMES = (*(key.scheme for key in _KEYS.values()), GS1_ELEMENTS)


def gs1_scheme(elements: Elements) -> str:
    """By the key that they are about."""
    key = _key(elements)
    return _KEYS[key].scheme if key else GS1_ELEMENTS


def _key(elements: Elements) -> str | None:
    there = {ai for ai, _ in elements}
    return next((key for key in _KEYS if key in there), None)


def gs1_identity(elements: Elements) -> Identity | None:
    """What the elements are about, or None where they have no key. They are taken to be right."""
    key = _key(elements)
    if key is None:
        return None
    values, finer = dict(elements), _KEYS[key]
    value = values[key]
    base = gs1_uri([(key, value)])
    if finer.level is Level.INSTANCE:
        rest = next(((ai, values[ai]) for ai in finer.instance if values.get(ai) not in (None, "", finer.none)), None)
        return Identity(Level.INSTANCE, f"{base}/{rest[0]}/{segment(rest[1])}" if rest else base)
    if finer.serial_from is not None:
        if len(value) > finer.serial_from:
            return Identity(Level.INSTANCE, base, class_uri=gs1_uri([(key, value[: finer.serial_from])]))
        return Identity(Level.CLASS, base, class_uri=base)
    lot = f"{base}/{finer.lot}/{segment(values[finer.lot])}" if finer.lot and values.get(finer.lot) else None
    for ai in finer.instance:
        if values.get(ai):
            return Identity(Level.INSTANCE, f"{base}/{ai}/{segment(values[ai])}", class_uri=base, lot_uri=lot)
    if lot:
        return Identity(Level.LOT, lot, class_uri=base, lot_uri=lot)
    variant = values.get(finer.variant) if finer.variant else None
    return Identity(Level.CLASS, f"{base}/{finer.variant}/{segment(variant)}" if variant else base, class_uri=base)


def gs1_uri(path: Iterable[tuple[str, str]]) -> str:
    """The canonical Digital Link of these AIs and values, in this order."""
    return GS1 + "".join(f"/{ai}/{segment(value)}" for ai, value in path)


def segment(value: str) -> str:
    """A value as it stands in a path: all but letters, digits and `-._~` percent-encoded, as GS1's own tools write it."""
    return quote(value, safe="")
