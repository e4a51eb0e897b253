"""Flash images as the boot ROM takes them: UF2 files, and the checksum of the second stage."""

import struct

FLASH = 0x1000_0000
STAGE_2 = 252
FAMILY = 0xE48B_FF56


class BadImage(Exception):
    """A file that the boot ROM would not take, as one sentence."""


def stage_2_checksum(content):
    """CRC-32 of polynomial 0x04C11DB7, most significant bit first, begun with all ones, not
    inverted at the end (RP2040 data sheet, 2.8.1.3.1 "Checksum")."""
    code = 0xFFFF_FFFF
    for byte in content:
        code ^= byte << 24
        for _ in range(8):
            code = (code << 1 ^ (0x04C1_1DB7 if code & 0x8000_0000 else 0)) & 0xFFFF_FFFF
    return code


def read_uf2(content):
    """The flash image of a UF2 file: blocks of 512 bytes, 256 of them content, with the RP2040's
    family (UF2 specification, "File format"; RP2040 data sheet, 2.8.4.2 "UF2 format details")."""
    if not content or len(content) % 512:
        raise BadImage(f"a UF2 file is made of blocks of 512 bytes; this has {len(content)} bytes")
    image = bytearray()
    count = len(content) // 512
    for number in range(count):
        block = content[512 * number:512 * (number + 1)]
        first, second, flags, address, size, index, total, family = struct.unpack("<8I", block[:32])
        (last,) = struct.unpack("<I", block[508:])
        if (first, second, last) != (0x0A32_4655, 0x9E5D_5157, 0x0AB1_6F30):
            raise BadImage(f"block {number} has no UF2 magic")
        if flags != 0x2000 or family != FAMILY:
            raise BadImage(f"block {number} is not for an RP2040 (flags {flags:#x}, {family:#x})")
        if size != 256 or (index, total) != (number, count):
            raise BadImage(f"block {number} says {index} of {total} with {size} bytes")
        if address != FLASH + len(image):
            raise BadImage(f"block {number} is for {address:#x}; the image must have no holes")
        image += block[32:32 + size]
    return bytes(image)


def load(path):
    with open(path, "rb") as file:
        return read_uf2(file.read())
