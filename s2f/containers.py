"""Notes in finished files: PNG, JPEG, WebP, GIF and MP4 taken apart into the coded picture and what is
written about it.

The digest is over the coded picture, not over decoded pixels: decoders of lossy formats differ in the last
bit, and nothing hostile needs decoding. Each format keeps an XMP packet where its specification says, but for
GIF, whose plain comment more programs show.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

from .errors import ProvenanceError

XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
JPEG_XMP = b"http://ns.adobe.com/xap/1.0/\0"
PNG_XMP = b"XML:com.adobe.xmp\0\0\0\0\0"
WEBP_HAS_XMP = 0x04
MAX_NOTE = 60_000  # what fits into one segment of a JPEG


class Parts(NamedTuple):
    kind: str
    digest: str  # SHA-256 of the coded picture
    notes: list[str]


# Each piece of a file as (role, bytes): a "picture" is hashed, a "note" is text; the rest is left out.
Piece = tuple[str, bytes]


def take_apart(data: bytes, name: str = "the given data") -> Parts:
    """What the file is, the digest of its picture, and the notes in it."""
    kind = _kind(data, name)
    digest = hashlib.sha256()
    notes = []
    try:
        for role, piece in _PIECES[kind](data):
            if role == "picture":
                digest.update(piece)
            elif role == "note" and len(piece) <= MAX_NOTE:
                notes.append(piece.decode("utf-8", errors="replace"))
    except (struct.error, IndexError):
        raise ProvenanceError(f"{name} ends too early, expected a whole {kind}; save it again") from None
    return Parts(kind, digest.hexdigest(), notes)


def add_note(data: bytes, note: str, name: str = "the given data") -> bytes:
    """The same picture with one note more."""
    packet = note.encode("ascii")
    assert len(packet) <= MAX_NOTE, len(packet)
    return _ADD[_kind(data, name)](data, packet)


def _kind(data: bytes, name: str) -> str:
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if data[4:8] == b"ftyp":
        return "MP4"
    raise ProvenanceError(f"{name} is of no known kind, expected PNG, JPEG, WebP, GIF or MP4; convert it")


def _png_pieces(data: bytes) -> Iterator[Piece]:
    place, chunk = 8, b""
    while chunk != b"IEND":
        length, chunk = struct.unpack_from(">I4s", data, place)
        content = _whole(data, place + 8, length)
        if chunk == b"iTXt" and content.startswith(PNG_XMP):
            yield "note", content[len(PNG_XMP) :]
        elif chunk not in (b"tEXt", b"zTXt", b"iTXt", b"tIME", b"eXIf"):
            yield "picture", data[place : place + 8] + content
        place += length + 12
    yield "picture", data[place:]


def _png_add(data: bytes, packet: bytes) -> bytes:
    after_header = 8 + 12 + 13
    chunk = b"iTXt" + PNG_XMP + packet
    note = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return data[:after_header] + note + data[after_header:]


def _jpeg_pieces(data: bytes) -> Iterator[Piece]:
    place = 2
    while True:
        mark, marker, length = struct.unpack_from(">BBH", data, place)
        if (mark, marker) == (0xFF, 0xFF):  # padding
            place += 1
            continue
        if mark != 0xFF or marker == 0xDA:  # start of scan: the rest is the picture
            yield "picture", data[place:]
            return
        content = _whole(data, place + 4, length - 2)
        if marker == 0xE1 and content.startswith(JPEG_XMP):
            yield "note", content[len(JPEG_XMP) :]
        elif marker not in (0xE1, 0xED, 0xFE):  # Exif, IPTC, comment
            yield "picture", data[place : place + 4] + content
        place += 2 + max(length, 2)


def _jpeg_add(data: bytes, packet: bytes) -> bytes:
    place = 2
    if data[2:4] == b"\xff\xe0":  # JFIF wants to be first
        place += 2 + int.from_bytes(data[4:6], "big")
    segment = JPEG_XMP + packet
    return data[:place] + struct.pack(">BBH", 0xFF, 0xE1, len(segment) + 2) + segment + data[place:]


def _webp_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Every chunk, the canvas header first: a simple file has none, and is given the one it would have."""
    place, end = 12, 8 + struct.unpack_from("<I", data, 4)[0]
    if data[12:16] != b"VP8X":
        yield b"VP8X", _webp_canvas(data)
    while place < end:
        name, length = struct.unpack_from("<4sI", data, place)
        yield name, _whole(data, place + 8, length)
        place += 8 + length + length % 2
    yield b"", data[place:]


def _webp_canvas(data: bytes) -> bytes:
    if data[12:16] == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        right, bottom, alpha = bits & 0x3FFF, bits >> 14 & 0x3FFF, bits >> 28 & 1
    else:
        right, bottom = (max((side & 0x3FFF) - 1, 0) for side in struct.unpack_from("<HH", data, 26))
        alpha = 0
    return struct.pack("<I", alpha << 4) + right.to_bytes(3, "little") + bottom.to_bytes(3, "little")


def _webp_pieces(data: bytes) -> Iterator[Piece]:
    for name, content in _webp_chunks(data):
        if name == b"XMP ":
            yield "note", content
        elif name == b"VP8X":  # which also tells of the notes that come
            yield "picture", name + bytes([content[0] & ~0x0C]) + content[1:]
        elif name != b"EXIF":
            yield "picture", name + struct.pack("<I", len(content)) + content


def _webp_add(data: bytes, packet: bytes) -> bytes:
    out = b""
    for name, content in [*_webp_chunks(data)][:-1] + [(b"XMP ", packet)]:
        if name == b"VP8X":
            content = bytes([content[0] | WEBP_HAS_XMP]) + content[1:]
        out += name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)
    return b"RIFF" + struct.pack("<I", len(out) + 4) + b"WEBP" + out


def _gif_pieces(data: bytes) -> Iterator[Piece]:
    def past_palette(flags: int, place: int) -> int:
        return place + (3 << (flags & 7) + 1 if flags & 0x80 else 0)

    def past_blocks(place: int) -> int:
        while data[place]:
            place += 1 + data[place]
        return place + 1

    place = past_palette(data[10], 13)
    yield "picture", data[:place]
    while data[place] in (0x21, 0x2C):
        start = place
        if data[place] == 0x2C:  # a picture
            place = past_blocks(past_palette(data[start + 9], start + 10) + 1)
        else:  # an extension
            place = past_blocks(start + 2)
        if data[start : start + 2] == b"\x21\xfe":
            yield "note", _gif_text(data[start + 2 : place])
        else:
            yield "picture", data[start:place]
    yield "picture", data[place:]


def _gif_text(blocks: bytes) -> bytes:
    text, place = b"", 0
    while blocks[place]:
        text += blocks[place + 1 : place + 1 + blocks[place]]
        place += 1 + blocks[place]
    return text


def _gif_add(data: bytes, packet: bytes) -> bytes:
    blocks = [packet[n : n + 255] for n in range(0, len(packet), 255)]
    comment = b"\x21\xfe" + b"".join(bytes([len(block)]) + block for block in blocks) + b"\0"
    return data[:-1] + comment + data[-1:]  # the last byte ends the file


def _mp4_pieces(data: bytes) -> Iterator[Piece]:
    place = 0
    while place < len(data):
        length, name = struct.unpack_from(">I4s", data, place)
        head = 8
        if length == 1:
            length, head = struct.unpack_from(">Q", data, place + 8)[0], 16
        elif length == 0:
            length = len(data) - place
        if length < head:
            raise IndexError
        content = _whole(data, place + head, length - head)
        if name == b"mdat":  # the samples; everything else may be laid out anew without touching them
            yield "picture", content
        elif name == b"uuid" and content.startswith(XMP_UUID):
            yield "note", content[len(XMP_UUID) :]
        place += length


def _mp4_add(data: bytes, packet: bytes) -> bytes:
    content = XMP_UUID + packet
    return data + struct.pack(">I4s", len(content) + 8, b"uuid") + content


def _whole(data: bytes, start: int, length: int) -> bytes:
    if length < 0 or start + length > len(data):
        raise IndexError
    return data[start : start + length]


_PIECES: dict[str, Callable[[bytes], Iterator[Piece]]] = {
    "PNG": _png_pieces,
    "JPEG": _jpeg_pieces,
    "WebP": _webp_pieces,
    "GIF": _gif_pieces,
    "MP4": _mp4_pieces,
}
_ADD: dict[str, Callable[[bytes, bytes], bytes]] = {
    "PNG": _png_add,
    "JPEG": _jpeg_add,
    "WebP": _webp_add,
    "GIF": _gif_add,
    "MP4": _mp4_add,
}
