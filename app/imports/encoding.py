"""Which encoding a file is in.

What is no text stays in its place: each byte that could not be decoded becomes one half of a
surrogate pair, which no prompt may contain. So a damaged byte is a problem of its row, not of the
whole file, and ``visible`` can show it.
"""

import codecs
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

CHUNK = 1 << 18
DAMAGE = "bluffcheck.damage"  # the name of our error handler
_HALVES = re.compile("[\ud800-\udfff]")
_NOT_ASCII = re.compile("[^\x00-\x7f\ud800-\udfff]")
_BOMS = (  # the longer ones first: UTF-32 begins as UTF-16 does
    (codecs.BOM_UTF8, "utf-8-sig", "UTF-8 with a byte order mark"),
    (codecs.BOM_UTF32_LE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16, little-endian"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16, big-endian"),
)
_NOT_IN_CP1252 = (b"\x81", b"\x8d", b"\x8f", b"\x90", b"\x9d")


@dataclass(frozen=True)
class Encoding:
    """``codec`` is Python's name; ``warning`` says what was guessed."""

    codec: str
    title: str
    warning: str = ""


def _damage(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    broken = error.object[error.start : error.end]
    return "".join(chr(0xDC00 + byte) for byte in broken), error.end


codecs.register_error(DAMAGE, _damage)


def detect_encoding(path: Path) -> Encoding:
    """By its byte order mark, by its zeros, as UTF-8, or as a last resort one byte a character."""
    with path.open("rb") as file:
        head = file.read(4096)
    for bom, codec, title in _BOMS:
        if head.startswith(bom):
            return Encoding(codec, title)
    # Latin letters in UTF-16 have a zero in every other byte; no other text has any.
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if odd > len(head) // 5 and even * 10 < odd:
        return Encoding("utf-16-le", "UTF-16, little-endian")
    if even > len(head) // 5 and odd * 10 < even:
        return Encoding("utf-16-be", "UTF-16, big-endian")
    if _is_utf8(path):
        return Encoding("utf-8", "UTF-8")
    return _utf8_or_one_byte(path)


def open_text(path: Path, encoding: Encoding) -> TextIO:
    """The file as text, its line breaks as they are."""
    return path.open(encoding=encoding.codec, errors=DAMAGE, newline="")


def is_damaged(text: str) -> bool:
    return not text.isascii() and _HALVES.search(text) is not None


def visible(text: str) -> str:
    """What can be stored and shown: NUL as ␀, bytes that are no text as \\xff."""
    return _HALVES.sub(_escaped, text.replace("\0", "␀"))


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code - 0xDC00:02x}" if 0xDC00 <= code <= 0xDCFF else f"\\u{code:04x}"


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _utf8_or_one_byte(path: Path) -> Encoding:
    """One damaged row among a million is no reason to read all the others wrongly."""
    decoder = codecs.getincrementaldecoder("utf-8")(DAMAGE)
    good = bad = 0
    only_cp1252 = True
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            only_cp1252 = only_cp1252 and not any(byte in chunk for byte in _NOT_IN_CP1252)
            if bad < 1000 or good >= bad:
                text = decoder.decode(chunk)
                bad += len(_HALVES.findall(text))
                good += len(_NOT_ASCII.findall(text))
    if good and good >= bad:  # by chance, other encodings hardly ever look so
        return Encoding(
            "utf-8",
            "UTF-8, damaged",
            "Some bytes are not UTF-8. The rows they are in are left out.",
        )
    codec, title = ("cp1252", "Windows-1252") if only_cp1252 else ("latin-1", "Latin-1")
    return Encoding(
        codec,
        title,
        f"It is not UTF-8, so it was read as {title}, which is a guess: look at letters such as é"
        " below. If they are wrong, save the file as UTF-8.",
    )
