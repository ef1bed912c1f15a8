"""The table [store] of the settings, and the profiles that it names."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from gateway.retention import RETENTIONS, Retention
from gateway.settings.load import load
from gateway.settings.problem import SettingsInvalid
from model.errors import SettingsError
from model.record import Stream
from model.shipped import shipped

GATEWAY = 'schema = 1\n[gateway]\nid = "gw-1"\n[store]\n'
NAMES = sorted(path.stem for path in shipped("retention").glob("*.toml"))


def site(folder: Path, text: str) -> Path:
    path = folder / "site.toml"
    path.write_text(GATEWAY + text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("limit", "size"),
    [
        ('"4 GiB"', 4 * 2**30),
        ('"64MiB"', 64 * 2**20),
        ('"1.5 TB"', 1_500_000_000_000),
        ('"500 MB"', 500_000_000),
        ('"63.9 MiB"', "setting_size_small"),
        ('"0 GiB"', "setting_size_small"),
        ('"4"', "setting_size"),
        ('"-4 GiB"', "setting_size"),
        ('"4 gib"', "setting_size"),
        ('"4 GiB "', "setting_size"),
        ('"1e3 GiB"', "setting_size"),
        ("4294967296", "setting_size"),
    ],
)
def test_a_limit_is_a_number_with_its_unit(tmp_path: Path, limit: str, size: int | str) -> None:
    """Anything else is told, and so is what is too small to hold a store."""
    path = site(tmp_path, f"limit = {limit}\n")
    if isinstance(size, int):
        assert load(path).store.limit == size
        return
    with pytest.raises(SettingsInvalid) as caught:
        load(path)
    assert [(problem.line, problem.error.code) for problem in caught.value.problems] == [(5, size)]


def test_without_the_table_there_is_a_limit(tmp_path: Path) -> None:
    """A gateway that was told nothing does not fill its disk."""
    store = load(site(tmp_path, "")).store
    assert (store.limit, store.retention) == (4 * 2**30, "default")


@pytest.mark.parametrize("name", ["gps", "../rules/lift-default", "GSP", ""])
def test_a_profile_must_be_one_of_ours(tmp_path: Path, name: str) -> None:
    """A name leads to no other file."""
    with pytest.raises(SettingsInvalid) as caught:
        load(site(tmp_path, f'retention = "{name}"\n'))
    assert [problem.error.code for problem in caught.value.problems] == ["retention_unknown"]


@pytest.mark.parametrize("name", NAMES)
def test_every_profile_is_whole(name: str) -> None:
    """It has its name, says where its numbers come from, and knows each class; what is proposed is marked so."""
    profile = RETENTIONS.load(name)
    assert (profile.name, profile.tag) == (name, f"{name}@1")
    assert "proposed" in profile.evidence
    assert set(profile.days) == set(Stream)
    assert profile.full.levels == [70, 85, 95]


def test_a_profile_without_a_class_is_none() -> None:
    """A class that was forgotten would go at once."""
    good = RETENTIONS.load("default").model_dump()
    for days in ({s: 1 for s in Stream if s is not Stream.EVENT}, {**good["days"], "diag": -1}):
        with pytest.raises(ValidationError):
            Retention.model_validate({**good, "days": days})


def test_an_unknown_profile_is_told_with_those_there_are() -> None:
    """As for rules."""
    with pytest.raises(SettingsError) as caught:
        RETENTIONS.load("nothing")
    assert caught.value.params["known"] == ", ".join(NAMES)
