"""PDUs of short messages: published examples byte for byte, and any text by way of a decoder that shares nothing with ours."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.modem.alphabet import septets_of
from drivers.modem.pdu import Part, Submit, deliver, joined, submit
from firmware_sim.modem_pdu import EXTENSION, TABLE, delivers, sender, submitted

NUMBER = "+8613800138000"
TIMES = st.sampled_from([1, 7, 40])
"""Long texts of short ones: hypothesis draws few that take several parts."""
GSM7 = st.builds(str.__mul__, st.text(st.sampled_from([*TABLE, *EXTENSION]), max_size=40), TIMES)
TEXTS = st.builds(str.__mul__, st.text(st.characters(exclude_categories=["Cs"]), max_size=40), TIMES)
NUMBERS = st.from_regex(r"\+[1-9][0-9]{5,14}", fullmatch=True)


def over(number: str, text: str) -> list[tuple[str, str, int, int, int]]:
    """What a network makes of our PDUs."""
    parts = submit(number, text, 200)
    assert all(one.length == len(one.hex) // 2 - 1 for one in parts)
    got = [submitted(bytes.fromhex(one.hex)[1:]) for one in parts]
    return [(one.number, one.text, one.ref, one.total, one.n) for one in got]


def test_the_documents_example() -> None:
    """冷库超温 to a number in China, as the document has it."""
    assert submit(NUMBER, "冷库超温", 0) == [Submit("0001000D91683108108300F000080851B75E938D856E29", 22)]


def test_a_published_example_of_seven_bits() -> None:
    """`hellohello` packed, as each description of the alphabet shows it."""
    assert submit("+46708251358", "hellohello", 0)[0].hex == "0001000B916407281553F800000AE8329BFD4697D9EC37"


@given(NUMBERS, TEXTS)
def test_any_text_arrives(number: str, text: str) -> None:
    """Whatever it is, in as many parts as it takes."""
    got = over(number, text)
    assert "".join(one[1] for one in got) == text
    assert {one[0] for one in got} == {number}
    assert [one[3:] for one in got] == [(len(got), n) for n in range(1, len(got) + 1)]


@given(GSM7)
def test_seven_bits_where_the_text_allows(text: str) -> None:
    """160 septets in one part, 153 in each of several, and no character is cut in two."""
    characters = septets_of(text)
    assert characters is not None
    got = over(NUMBER, text)
    assert "".join(one[1] for one in got) == text
    septets = sum(map(len, characters))
    assert (len(got) == 1) == (septets <= 160)
    assert all(len(one.hex) // 2 - 1 <= 140 + 14 for one in submit(NUMBER, text, 0))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        *(("a" * 160, 1), ("a" * 161, 2), ("a" * 306, 2), ("a" * 307, 3)),
        *(("€" * 80, 1), ("€" * 81, 2), ("€" * 153, 3)),
        *(("冷" * 70, 1), ("冷" * 71, 2), ("冷" * 134, 2), ("冷" * 135, 3)),
        *(("😀" * 35, 1), ("😀" * 36, 2), ("😀" * 67, 3)),
    ],
)
def test_where_a_message_is_cut(text: str, parts: int) -> None:
    """By septets and by UTF-16 units; what takes two of them stays whole."""
    got = over(NUMBER, text)
    assert (len(got), "".join(one[1] for one in got)) == (parts, text)


def test_too_long() -> None:
    """A header counts to 255."""
    assert len(submit(NUMBER, "冷" * 67 * 255, 0)) == 255
    with pytest.raises(ValueError, match="256 parts"):
        submit(NUMBER, "冷" * (67 * 255 + 1), 0)


@given(st.one_of(NUMBERS, st.from_regex(r"[0-9]{3,15}", fullmatch=True)), st.one_of(TEXTS, GSM7))
def test_any_message_that_comes(number: str, text: str) -> None:
    """Of any number, international or as the network has it at home."""
    came = [deliver(pdu.hex()) for pdu in delivers(number, text, 77)]
    assert joined([one.text for one in came]) == text
    assert {one.number for one in came} == {number}
    parts = [None] if len(came) == 1 else [Part(False, 77, len(came), n) for n in range(1, len(came) + 1)]
    assert [one.part for one in came] == parts


@pytest.mark.parametrize("word", ["China Mobile", "abcdefg", "x", "12345678a"])
def test_a_sender_with_a_name(word: str) -> None:
    """Its septets do not always fill their octets."""
    assert deliver(delivers(word, "hi", 0)[0].hex()).number == word


def test_a_published_message() -> None:
    """From a description of the format: sender, text and time in it are said there."""
    came = deliver("07911326040000F0040B911346610089F60000208062917314080CC8F71D14969741F977FD07")
    assert (came.number, came.text) == ("+31641600986", "How are you?")


def test_the_time_zone_is_taken_off() -> None:
    """99-03-29 15:16:59, two hours ahead of UTC; behind it, bit 3 of the first digit says so."""
    pdu = "07911326040000F0040B911346610089F60000{}0CC8F71D14969741F977FD07"
    assert deliver(pdu.format("99309251619580")).sent == datetime(2099, 3, 29, 13, 16, 59, tzinfo=UTC)
    assert deliver(pdu.format("99309251619588")).sent == datetime(2099, 3, 29, 17, 16, 59, tzinfo=UTC)
    assert deliver(pdu.format("00000000000000")).sent is None


def received(first: str, coding: str, data: str) -> str:
    return f"00{first}{sender(NUMBER).hex()}00{coding}62112281000023{data}"


@pytest.mark.parametrize(
    ("first", "coding", "data", "text"),
    [
        ("04", "04", "03AB00FF", "AB00FF"),  # 8-bit data
        ("04", "F5", "03AB00FF", "AB00FF"),
        ("04", "20", "03AB00FF", "AB00FF"),  # compressed
        ("04", "18", "0451B75E93", "冷库"),  # a class beside the alphabet
        ("04", "E0", "0451B75E93", "冷库"),  # a message that waits
        ("44", "08", "0B06080400C8020151B75E93", "冷库"),  # a reference of two octets
        ("44", "08", "0803240103" + "51B75E93", "51B75E93"),  # another country's letters
        ("04", "00", "02FF3F", "àà"),
        ("04", "00", "029B32", "€"),
        ("04", "00", "029B20", "A"),  # an escape in front of what its table does not have
    ],
)
def test_codings(first: str, coding: str, data: str, text: str) -> None:
    """By the groups of 23.038; what is not text is hex."""
    assert deliver(received(first, coding, data)).text == text


def test_a_reference_of_two_octets() -> None:
    """Parts of it are those of no other message."""
    assert deliver(received("44", "08", "0B06080400C8020151B75E93")).part == Part(True, 200, 2, 1)


def test_a_character_cut_in_two_by_its_sender() -> None:
    """Both halves together are one."""
    halves = [deliver(received("04", "08", f"02{half}")).text for half in ("D83D", "DE00")]
    assert joined(halves) == "😀"
    assert joined(halves[:1]) == "\ufffd"


@given(st.binary(max_size=180))
def test_any_bytes_are_a_message_or_none(data: bytes) -> None:
    """And nothing else comes of them."""
    try:
        deliver(data.hex())
    except ValueError:
        pass


@given(st.data())
def test_a_piece_of_a_message_is_none(data: st.DataObject) -> None:
    """Its length says where it ends."""
    pdu = delivers(NUMBER, "hello 冷库", 0)[0]
    cut = data.draw(st.integers(0, len(pdu) - 1))
    with pytest.raises(ValueError, match=r"short|length"):
        deliver(pdu[:cut].hex())
