"""What a line may do to one frame."""


def one_damage(frame: bytes, inside: int) -> list[bytes]:
    """With a bit flipped, the end or the beginning gone, a byte more or less: each at each place.

    Of the beginning never just what stands before the bytes `inside`: nothing would tell then that it was there.
    """
    flipped = [
        frame[: bit // 8] + bytes((frame[bit // 8] ^ 1 << bit % 8,)) + frame[bit // 8 + 1 :]
        for bit in range(8 * len(frame))
    ]
    return [
        *flipped,
        *(frame[:at] for at in range(1, len(frame))),
        *(frame[at:] for at in range(1, inside - 1)),
        *(frame[:at] + frame[at + 1 :] for at in range(len(frame))),
        *(frame[:at] + b"\x5a" + frame[at:] for at in range(len(frame))),
    ]
