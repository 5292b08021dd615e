"""Damage to files: bytes in, other bytes out, a function of the random generator alone."""

import re
from collections.abc import Callable, Mapping
from random import Random
from typing import Literal, TypeAlias

Mutation: TypeAlias = Callable[[bytes, Random], bytes]

_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_NUMBERS = (
    *(b"0", b"-1", b"1", b"255", b"256", b"65536", b"2147483648", b"4294967296"),
    *(b"9223372036854775808", b"1e400", b"-1e-400", b"NaN", b"9" * 400, b"9" * 5000, b""),
)
_WORD = re.compile(rb"[A-Za-z_]{3,}")
_WORDS = (b"", b"null", b"true", b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"../../x", b"x" * 5000)


def flip(content: bytes, random: Random) -> bytes:
    """Flip one bit of one byte."""
    at = random.randrange(len(content))
    return content[:at] + bytes([content[at] ^ 1 << random.randrange(8)]) + content[at + 1 :]


def flip_near_the_start(content: bytes, random: Random) -> bytes:
    """Flip one bit where headers are."""
    return flip(content[:512], random) + content[512:]


def cut_off(content: bytes, random: Random) -> bytes:
    """Keep the beginning."""
    return content[: random.randrange(len(content))]


def remove(content: bytes, random: Random) -> bytes:
    """Leave out some bytes."""
    at = random.randrange(len(content))
    return content[:at] + content[at + 1 + random.randrange(16) :]


def insert(content: bytes, random: Random) -> bytes:
    """Put some bytes in."""
    at = random.randrange(len(content))
    return content[:at] + random.randbytes(1 + random.randrange(16)) + content[at:]


def repeat(content: bytes, random: Random) -> bytes:
    """Put a piece of the content where it does not belong."""
    start, at = random.randrange(len(content)), random.randrange(len(content))
    return content[:at] + content[start : start + 1 + random.randrange(256)] + content[at:]


def overwrite(content: bytes, random: Random) -> bytes:
    """Write over some bytes: zeros, ones or noise."""
    at, size = random.randrange(len(content)), 1 + random.randrange(8)
    noise = random.choice((bytes(size), b"\xff" * size, random.randbytes(size)))
    return content[:at] + noise + content[at + size :]


def overwrite_a_size(content: bytes, random: Random) -> bytes:
    """Write over four bytes as binary headers have them: a size that is extreme."""
    at = random.randrange(min(len(content), 256))
    size = random.choice((0, 1, 255, 65535, 65536, 1 << 24, (1 << 31) - 1, 1 << 31, (1 << 32) - 1))
    order: Literal["little", "big"] = random.choice(("little", "big"))
    return content[:at] + size.to_bytes(4, order) + content[at + 4 :]


def swap(content: bytes, random: Random) -> bytes:
    """Exchange two pieces of one length."""
    size = 1 + random.randrange(64)
    a, b = sorted(random.randrange(max(len(content) - size, 1)) for _ in range(2))
    if b < a + size:
        return content
    piece, other = content[a : a + size], content[b : b + size]
    return content[:a] + other + content[a + size : b] + piece + content[b + size :]


def change_a_number(content: bytes, random: Random) -> bytes:
    """Replace a number in the text by another."""
    return _replace(_NUMBER, _NUMBERS, content, random)


def change_a_word(content: bytes, random: Random) -> bytes:
    """Replace a word in the text by another, or by one of the same text."""
    words = [*_WORDS, *set(_WORD.findall(content[: 1 << 16]))]
    return _replace(_WORD, sorted(words), content, random)


def _replace(
    pattern: re.Pattern[bytes], others: tuple[bytes, ...] | list[bytes], content: bytes, r: Random
) -> bytes:
    found = list(pattern.finditer(content[: 1 << 16]))
    if not found:
        return flip(content, r)
    start, end = r.choice(found).span()
    return content[:start] + r.choice(others) + content[end:]


BINARY: tuple[Mutation, ...] = (
    *(flip, flip_near_the_start, cut_off, remove, insert, repeat, overwrite),
    *(overwrite_a_size, swap),
)
TEXT: tuple[Mutation, ...] = (change_a_number, change_a_number, change_a_word)

KINDS: Mapping[str, tuple[Mutation, ...]] = {
    "binary": BINARY,
    "text": (*TEXT, *BINARY),
}


def mutant(content: bytes, random: Random, kind: str = "text") -> bytes:
    """Return damaged content: one mutation, often, or up to four."""
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        if not content:
            break
        content = random.choice(KINDS[kind])(content, random)
    return content
