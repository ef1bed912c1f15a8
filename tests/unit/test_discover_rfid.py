"""What a search for readers asks, and whom it leaves alone."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from drivers.common.ports import find_ports
from gateway.cli import discover_rfid, tree
from gateway.cli.discover_rfid import free
from gateway.reader_questions import QUESTIONS, Question, order
from support.serial_tree import SerialTree, pi_with_four_adapters

HARMLESS = {
    "BB 00 03 00 01 00 04 7E",
    "AA 00 03 00 01 00 04 DD",
    "00 00 FF 02 FE D4 02 2A 00",
    "A0 03 FF 72 EC",
    "04 FF 21 19 95",
}
"""Who are you, in each language, as documents write it."""

ANSWERS = {
    "m100": "BB 01 03 00 10 00 4D 31 30 30 20 32 36 64 42 6D 20 56 31 2E 30 92 7E",
    "pn532": "00 00 FF 00 FF 00 00 00 FF 06 FA D5 03 32 01 06 07 E8 00",
    "r2000": "A0 05 01 72 01 09 DE",
}
OTHERS = {
    "m100": "BB 01 FF 00 01 15 16 7E BB 02 22 00 11 C9 34 00 30 75 1F EB 70 5C 59 04 E3 D5 0D 70 3A 76 EF 7E",
    "pn532": "00 00 FF 00 FF 00 00 00 FF 02 FE D5 15 16 00 00 00 FF 01 FF 7F 81 00",
    "r2000": "A0 04 01 72 41 A8 A0 03 FF 72 EC A0 05 01 77 01 09 D9",
    "uhfreader": "15 00 01 03 01 01 0C 00 00 00 00 00 00 00 00 00 00 03 13 6B B1 A5 04 FF 21 19 95",
}
"""Frames that hold but are no answer: an error, a tag, another answer, our own question as an echo."""


def question(protocol: str) -> Question:
    return next(one for one in QUESTIONS if one.protocol == protocol)


def says(one: Question, raw: str) -> list[str]:
    return [answer.says for frame in one.parser().feed(bytes.fromhex(raw)) if (answer := one.judge(frame))]


def test_nothing_but_harmless_questions() -> None:
    """Each byte that goes out is one of a document, and changes nothing; the PN532 is woken first."""
    assert {one.asked.hex(" ").upper() for one in QUESTIONS} == HARMLESS
    assert {one.before.hex(" ").upper() for one in QUESTIONS} == {
        "",
        "55 55 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 FF 03 FD D4 14 01 17 00",
    }


def test_the_usual_rates_come_first() -> None:
    """Each question at each of its baud rates, once."""
    asked = [(rate, one.protocol, one.asked) for rate, questions in order() for one in questions]
    assert [rate for rate, _ in order()] == [57600, 115200, 9600, 38400, 19200]
    assert len(asked) == len(set(asked)) == sum(len(one.baudrates) for one in QUESTIONS)


@pytest.mark.parametrize(("protocol", "words"), [("m100", "M100 26dBm V1.0"), ("pn532", "1.6"), ("r2000", "1.9")])
def test_answers_of_documents_and_traces(protocol: str, words: str) -> None:
    """Are understood; with one bit changed they are none."""
    one, raw = question(protocol), ANSWERS[protocol]
    assert says(one, raw) == [words]
    spoilt = bytearray(bytes.fromhex(raw))
    spoilt[-4] ^= 1
    assert says(one, spoilt.hex()) == []


@pytest.mark.parametrize("protocol", sorted(OTHERS))
def test_a_frame_that_holds_need_be_no_answer(protocol: str) -> None:
    """Only the answer to that question counts."""
    parser = question(protocol).parser()
    assert parser.feed(bytes.fromhex(OTHERS[protocol])), "no frame at all"
    assert says(question(protocol), OTHERS[protocol]) == []


def test_held_ports_are_left_alone(tmp_path: Path) -> None:
    """Those of other programs, those of a gateway, and those that may not be opened."""
    site = pi_with_four_adapters(tmp_path)
    site.process(4712, "doorpost", "ttyUSB0")
    site.consoles("ttyAMA0")
    serial = site.dev / "serial"
    assert free(find_ports(site.machine)) == [
        str(serial / "by-id/usb-Maker_Barcode_Scanner_SN-77-if00"),
        str(serial / "by-path/platform-usb-usb-0:1.2:1.0-port0"),
    ]
    denied = SerialTree(tmp_path / "denied", lambda _: False)
    denied.adapter("ttyUSB0", "1.1", "0403:6001", "FT232R_USB_UART", "A50285BI")
    assert free(find_ports(denied.machine)) == []


@pytest.mark.parametrize("json", [[], ["--json"]])
def test_without_a_word_nothing_is_asked(monkeypatch: pytest.MonkeyPatch, json: list[str]) -> None:
    """Nobody is there who could be asked: the free ports are named, and none is opened."""
    monkeypatch.setattr(discover_rfid, "free", lambda _: ["/dev/serial0", "/dev/ttyUSB7"])
    told = CliRunner().invoke(tree("en"), ["discover", "rfid", *json])
    assert (told.exit_code, told.stdout) == (2, "")
    assert "    /dev/serial0\n    /dev/ttyUSB7\n" in told.stderr


def test_no_port_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then it is said where to look."""
    monkeypatch.setattr(discover_rfid, "free", lambda _: [])
    told = CliRunner().invoke(tree("en"), ["discover", "rfid"])
    assert (told.exit_code, told.stdout) == (3, "")
    assert "discover serial" in told.stderr
