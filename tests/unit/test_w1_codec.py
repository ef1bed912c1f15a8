"""What a DS18B20's file says, and what of it is believed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.common.checksum import dallas_crc8
from drivers.w1.codec import HIGHEST, LOWEST, Sensor
from model.observation import Quality

GOOD, COMM, FAULT = Quality.GOOD, Quality.COMM_ERROR, Quality.SENSOR_FAULT


def file(memory: str, millidegrees: int, verdict: str = "YES") -> bytes:
    """As the kernel writes it."""
    return f"{memory} : crc={memory[-2:]} {verdict}\n{memory} t={millidegrees}\n".encode()


MEASURED = file("72 01 4b 46 7f ff 0e 10 57", 23125)
POWER_ON = file("50 05 4b 46 7f ff 0c 10 1c", 85000)


def measured(sixteenths: int) -> bytes:
    """A file for that many 1/16 °C; of what is under zero the kernel cuts off towards zero."""
    memory = sixteenths.to_bytes(2, "little", signed=True) + bytes.fromhex("4b 46 7f ff 0c 10")
    millidegrees = sixteenths * 1000 // 16 if sixteenths >= 0 else -(-sixteenths * 1000 // 16)
    return file((memory + bytes((dallas_crc8(memory),))).hex(" "), millidegrees)


def test_the_document() -> None:
    """The bytes of the device's description."""
    assert dallas_crc8(bytes.fromhex("72 01 4b 46 7f ff 0e 10")) == 0x57
    assert dallas_crc8(bytes.fromhex("50 05 4b 46 7f ff 0c 10")) == 0x1C
    assert Sensor().read(MEASURED) == (23125, GOOD)


@pytest.mark.parametrize(
    ("memory", "millidegrees", "quality"),
    [
        ("00 00 00 00 00 00 00 00 00", 0, FAULT),  # its checksum is right
        ("ff ff ff ff ff ff ff ff ff", -62, COMM),  # nobody pulls the wire down: its checksum is wrong
        ("ff 07 4b 46 7f ff 01 10 2f", 127937, FAULT),
        ("10 f8 4b 46 7f ff 10 10 88", -127000, FAULT),
        ("90 fc 4b 46 7f ff 10 10 ee", -55000, GOOD),
        ("8f fc 4b 46 7f ff 01 10 68", -55062, FAULT),
        ("d0 07 4b 46 7f ff 10 10 55", 125000, GOOD),
        ("d1 07 4b 46 7f ff 0f 10 e2", 125062, FAULT),
        ("72 01 4b 46 7f ff 0e 10 58", 23125, COMM),  # a checksum that only its file calls right
        ("72 01 4b 46 7f ff 0e 10 57", 23000, COMM),  # another number than the bytes'
    ],
)
def test_no_measurement(memory: str, millidegrees: int, quality: Quality) -> None:
    """What says nothing of the temperature is no number; the sensor's limits are the last that does."""
    value, said = Sensor().read(file(memory, millidegrees))
    assert (value, said) == (millidegrees if quality is GOOD else None, quality)


@pytest.mark.parametrize(
    "text", [b"", b"\n", MEASURED[:-1], MEASURED[:40], file("72 01 4b 46 7f ff 0e 10 57", 23125, "NO")]
)
def test_a_file_that_is_not_whole(text: bytes) -> None:
    """The kernel gives an empty one where the bus failed, an older one says NO."""
    assert Sensor().read(text) == (None, COMM)


def test_85_degrees_is_what_it_says_after_a_reset() -> None:
    """On the first read and as a jump it is no measurement; nor does it make the next one believed."""
    sensor = Sensor()
    assert [sensor.read(text) for text in (POWER_ON, POWER_ON, MEASURED, POWER_ON, POWER_ON, MEASURED)] == [
        (None, FAULT), (None, FAULT), (23125, GOOD), (None, FAULT), (None, FAULT), (23125, GOOD),
    ]  # fmt: skip


def test_85_degrees_may_be_true() -> None:
    """By a ramp it is reached, and held."""
    sensor = Sensor()
    for sixteenths in (*range(20 * 16, 85 * 16, 40), 85 * 16, 85 * 16, 86 * 16):
        assert sensor.read(measured(sixteenths)) == (sixteenths * 1000 // 16, GOOD)


memories = st.binary(min_size=8, max_size=8).map(lambda m: m + bytes((dallas_crc8(m),))) | st.binary(
    min_size=9, max_size=9
)
files = st.builds(lambda memory, value: file(memory.hex(" "), value), memories, st.integers(-200_000, 200_000))


@given(st.lists(st.integers(-0x8000, 0x7FFF).map(measured) | files | st.binary(max_size=90), max_size=5))
def test_any_text(texts: list[bytes]) -> None:
    """Nothing is raised; a value that is good is what bytes with their own checksum say, within what the sensor measures."""
    sensor = Sensor()
    for text in texts:
        value, quality = sensor.read(text)
        assert (value is None) == (quality is not GOOD)
        if value is not None:
            assert dallas_crc8(bytes.fromhex(text[:26].decode())) == 0
            assert LOWEST <= value <= HIGHEST


@given(st.binary(min_size=len(MEASURED), max_size=len(MEASURED)), st.integers(0, len(MEASURED)))
def test_a_file_with_one_part_wrong(noise: bytes, at: int) -> None:
    """However the rest of the file was spoiled, no other number than the measured one comes out."""
    assert Sensor().read(MEASURED[:at] + noise[at:])[0] in (None, 23125)


@given(st.integers(-55 * 16, 125 * 16).filter(lambda n: n not in (0, 85 * 16)))
def test_any_temperature(sixteenths: int) -> None:
    """All that the sensor measures is read as the kernel writes it."""
    value, quality = Sensor().read(measured(sixteenths))
    assert quality is GOOD
    assert value is not None
    assert abs(value - sixteenths * 62.5) < 1
