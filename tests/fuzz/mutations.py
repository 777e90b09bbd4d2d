"""Random damage to files: to any bytes, and to such whose own checksums are made right again afterwards."""

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from random import Random
from typing import Any, TypeAlias

Mutation: TypeAlias = Callable[[Random, bytes], bytes]

_INTEGERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)
_SCALARS: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        0,
        -1,
        1,
        1.5,
        -0.0,
        1e308,
        10**30,
        2**63,
        "",
        " ",
        "0",
        "../x",
        "\x00",
        "\x1b[2J",
        "é",
        "\ud800",
    ),
    *("a" * 300, [], {}, [[]], {"a": 1}, [1, "a"], float("nan"), float("inf")),
)
_TEXTS = (
    *(
        "~",
        "null",
        "true",
        "on",
        "0016E5",
        "1_0",
        "+1",
        "0x1F",
        "1e400",
        "-",
        "- ",
        ": ",
        "!!python/object:os.system",
        "!x",
    ),
    *(
        "&a",
        "*a",
        "<<: *a",
        "{",
        "}",
        "[",
        "]",
        '"',
        "'",
        "\t",
        "\r",
        "\x00",
        "\ufeff",
        "#",
        "%",
        "---\n",
        "|",
        ">",
        "=",
        "🙂",
    ),
    *(
        "9" * 5000,
        "[" * 400,
        "{" * 400,
        "a: &a [*a]\n",
        "\n",
        "\n\n ",
        "é",
        "\u202e",
        "..",
        "/",
        "inf",
        "nan",
        "12:30:45",
    ),
)


def flip_bits(random: Random, data: bytes) -> bytes:
    """Flip one to eight bits."""
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 8))):
        if changed:
            changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def cut_off(random: Random, data: bytes) -> bytes:
    """Leave out the end."""
    return data[: random.randrange(len(data) + 1)]


def cut_out(random: Random, data: bytes) -> bytes:
    """Leave out some bytes."""
    start = random.randrange(len(data) + 1)
    return data[:start] + data[start + random.choice((1, 2, 16, 300)) :]


def put_in(random: Random, data: bytes) -> bytes:
    """Put random bytes in, or repeat some."""
    start, count = random.randrange(len(data) + 1), random.choice((1, 4, 64))
    more = random.randbytes(count) if random.random() < 0.5 else data[start : start + count]
    return data[:start] + more + data[start:]


def set_integer(random: Random, data: bytes) -> bytes:
    """Overwrite one to eight bytes by an integer that programs are afraid of."""
    width = random.choice((1, 2, 4, 8))
    if len(data) < width:
        return data
    start = random.randrange(len(data) - width + 1)
    number = random.choice(_INTEGERS) & (256**width - 1)
    return data[:start] + number.to_bytes(width, random.choice(("little", "big"))) + data[start + width :]


def replace_all(random: Random, data: bytes) -> bytes:
    """Write something else altogether."""
    return random.choice(
        (b"", b"\0" * 100, random.randbytes(200), b"PK\x03\x04", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"{}")
    )


BYTES: tuple[Mutation, ...] = (flip_bits, flip_bits, flip_bits, cut_off, cut_out, put_in, set_integer, replace_all)


def damage_bytes(random: Random, data: bytes) -> bytes:
    """Damage a file once or twice."""
    for _ in range(random.choice((1, 1, 2))):
        data = random.choice(BYTES)(random, data)
    return data


def png_chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """Return the kinds and contents of the chunks of a PNG."""
    chunks, place = [], 8
    while place + 8 <= len(data):
        (length,) = struct.unpack_from(">I", data, place)
        chunks.append((data[place + 4 : place + 8], data[place + 8 : place + 8 + length]))
        place += 12 + length
    return chunks


def png_of(chunks: list[tuple[bytes, bytes]]) -> bytes:
    """Return a PNG with right checksums."""
    parts = [b"\x89PNG\r\n\x1a\n"]
    for kind, content in chunks:
        checksum = zlib.crc32(kind + content)
        parts.append(struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum))
    return b"".join(parts)


def damage_png(random: Random, data: bytes) -> bytes:
    """Change, repeat, move, leave out or add chunks of a PNG whose checksums are right."""
    chunks = png_chunks(data)
    place = random.randrange(len(chunks))
    kind, content = chunks[place]
    what = random.randrange(6)
    if what == 0:
        chunks[place] = kind, random.choice(BYTES)(random, content)
    elif what == 1 and kind == b"IDAT":
        chunks[place] = kind, zlib.compress(random.choice(BYTES)(random, zlib.decompress(content)))
    elif what == 2:
        chunks.insert(random.randrange(len(chunks) + 1), chunks[place])
    elif what == 3:
        del chunks[place]
    elif what == 4:
        random.shuffle(chunks)
    else:
        extra = (b"eXIf", b"tRNS", b"PLTE", b"acTL", b"fcTL", b"gAMA", b"sBIT", b"iCCP", b"tEXt", b"ABCD")
        chunks.insert(
            random.randrange(1, len(chunks) + 1), (random.choice(extra), random.randbytes(random.choice((0, 6, 26))))
        )
    return png_of(chunks)


def zip_members(data: bytes) -> dict[str, bytes]:
    """Return the members of a zip file."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zip_of(members: list[tuple[str, bytes]], method: int = zipfile.ZIP_STORED) -> bytes:
    """Return a zip file with right checksums."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members:
            archive.writestr(name or "nameless", content)  # zipfile writes no empty name
    return buffer.getvalue()


def damage_zip(random: Random, data: bytes) -> bytes:
    """Change, swap, leave out or add members of a zip file whose checksums are right."""
    members = list(zip_members(data).items())
    place, other = random.randrange(len(members)), random.randrange(len(members))
    name, content = members[place]
    what = random.randrange(5)
    if what == 0 and name.endswith(".json"):
        members[place] = name, damage_json(random, content)
    elif what <= 1:
        members[place] = name, random.choice(BYTES)(random, content)
    elif what == 2:
        members[place] = name, members[other][1]
        members[other] = members[other][0], content
    elif what == 3:
        del members[place]
    else:
        members.append((random.choice((f"{name}.more", "../x", "/x", "", "a\\b", "logits.npy")), content))
    if len({name for name, _ in members}) < len(members):
        members = list(dict(members).items())
    return zip_of(
        members, random.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
    )


def damage_json(random: Random, data: bytes) -> bytes:
    """Change, leave out, add or rename one value anywhere in a JSON text."""
    content = json.loads(data)
    places: list[tuple[Any, Any]] = []

    def walk(value: Any) -> None:
        for key in value if isinstance(value, dict) else range(len(value)):
            places.append((value, key))
            if isinstance(value[key], dict | list):
                walk(value[key])

    if isinstance(content, dict | list):
        walk(content)
    if not places:
        return damage_bytes(random, data)
    holder, key = random.choice(places)
    what = random.randrange(4)
    if what == 0:
        del holder[key]
    elif what == 1 and isinstance(holder, dict):
        holder[random.choice(("", "x", f"{key} ", str(key).upper()))] = holder.pop(key)
    elif what == 2 and isinstance(holder[key], int | float):
        holder[key] = holder[key] * random.choice((-1, 0, 2, 1e30)) + random.choice((0, 1, 1e-9))
    else:
        holder[key] = random.choice(_SCALARS)
    return json.dumps(content).encode()


def damage_text(random: Random, data: bytes) -> bytes:
    """Put words in, change words, repeat, move or leave out lines of a text; rarely damage its bytes."""
    if random.random() < 0.15:
        return damage_bytes(random, data)
    lines = data.decode().split("\n")
    place = random.randrange(len(lines))
    line, word = lines[place], random.choice(_TEXTS)
    what = random.randrange(6)
    if what == 0:
        start = random.randrange(len(line) + 1)
        lines[place] = line[:start] + word + line[start:]
    elif what == 1:
        key, separator, _ = line.partition(random.choice((":", "=")))
        lines[place] = f"{key}{separator} {word}"
    elif what == 2:
        lines.insert(random.randrange(len(lines) + 1), line)
    elif what == 3:
        del lines[place]
    elif what == 4:
        lines[place] = random.choice(("", " ", "  ", "\t")) + line.lstrip()
    else:
        start = random.randrange(len(line) + 1)
        lines[place] = line[:start] + line[start + random.choice((1, 2, 5)) :]
    return "\n".join(lines).encode("utf-8", "surrogatepass")
