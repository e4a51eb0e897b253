#!/usr/bin/env python3
"""Seals a linked image and writes it as UF2; prints its sizes, and fails if one is over its limit.

    make-image.py IMAGE.elf IMAGE.uf2

Sealed are the second stage (the CRC that the boot ROM checks) and the image itself (the CRC that
the firmware checks, rule P11). The ELF file is changed in place, so that a debugger loads the same
bytes as the UF2 file holds.
"""

import struct
import sys

FLASH = 0x10000000
BOOT2_SIZE = 256
# Behind boot2 and 48 vectors: the address of the image's end, and its CRC.
HEADER = 0x1C0
# Chosen: four times what the firmware needed when this was written, and a tenth of a second of
# checking at boot. What grows beyond it should be looked at.
FLASH_LIMIT = 48 * 1024
# Data and variables; the other half of the 16 KB is the stack's.
RAM_LIMIT = 8 * 1024

# "USB Flashing Format (UF2)", Microsoft: three magic numbers, a flag, and the chip's family.
UF2_MAGIC = (0x0A324655, 0x9E5D5157, 0x0AB16F30)
UF2_HAS_FAMILY = 0x2000
UF2_FAMILY_RP2040 = 0xE48BFF56
PAGE = 256


def fail(text):
    sys.exit(f"make-image: {text}")


def crc32(data):
    """CRC-32/MPEG-2, as in Sources/RelayBoard/CRC32.swift."""
    code = 0xFFFFFFFF
    for byte in data:
        code ^= byte << 24
        for _ in range(8):
            code = (code << 1 ^ (0x04C11DB7 if code & 0x80000000 else 0)) & 0xFFFFFFFF
    return code


class Elf:
    """The loadable segments of a 32-bit little-endian ELF file."""

    def __init__(self, path):
        self.path = path
        with open(path, "rb") as file:
            self.bytes = bytearray(file.read())
        if self.bytes[:6] != b"\x7fELF\x01\x01":
            fail(f"{path} is no 32-bit little-endian ELF file")
        (table,) = struct.unpack_from("<I", self.bytes, 28)
        size, count = struct.unpack_from("<HH", self.bytes, 42)
        headers = [struct.unpack_from("<8I", self.bytes, table + size * i) for i in range(count)]
        # Type 1 is "load": offset, virtual and physical address, bytes in file and in memory.
        self.segments = [header[1:6] for header in headers if header[0] == 1]

    def image(self):
        pieces = [piece for piece in self.segments if piece[3]]
        if min(piece[2] for piece in pieces) != FLASH:
            fail(f"{self.path} does not begin at {FLASH:#x}, where the boot ROM looks")
        end = max(piece[2] + piece[3] for piece in pieces) - FLASH
        image = bytearray(b"\xff" * end)
        for offset, _, address, size, _ in pieces:
            image[address - FLASH : address - FLASH + size] = self.bytes[offset : offset + size]
        return image

    def ram(self):
        return sum(piece[4] for piece in self.segments if piece[1] >= 0x20000000)

    def put(self, position, word):
        """Writes a word that stands at this offset of the flash."""
        for offset, _, address, size, _ in self.segments:
            if address <= FLASH + position < address + size:
                struct.pack_into("<I", self.bytes, offset + FLASH + position - address, word)
                return
        fail(f"{self.path} has nothing at {FLASH + position:#x}")

    def save(self):
        with open(self.path, "wb") as file:
            file.write(self.bytes)


def uf2(image):
    padded = bytes(image) + b"\xff" * (-len(image) % PAGE)
    count = len(padded) // PAGE
    blocks = []
    for number in range(count):
        page = padded[PAGE * number : PAGE * (number + 1)]
        head = struct.pack(
            "<8I", *UF2_MAGIC[:2], UF2_HAS_FAMILY, FLASH + PAGE * number, PAGE, number, count,
            UF2_FAMILY_RP2040)
        blocks.append(head + page.ljust(476, b"\0") + struct.pack("<I", UF2_MAGIC[2]))
    return b"".join(blocks)


def main(elf_path, uf2_path):
    elf = Elf(elf_path)
    image = elf.image()
    (end,) = struct.unpack_from("<I", image, HEADER)
    if end - FLASH != len(image):
        fail(f"{elf_path} says that it ends at {end:#x}, but ends at {FLASH + len(image):#x}")
    elf.put(BOOT2_SIZE - 4, crc32(image[: BOOT2_SIZE - 4]))
    elf.put(HEADER + 4, crc32(image[BOOT2_SIZE : HEADER + 4] + image[HEADER + 8 :]))
    elf.save()
    blocks = uf2(elf.image())
    with open(uf2_path, "wb") as file:
        file.write(blocks)

    flash, ram = len(image), elf.ram()
    print(f"flash {flash} of {FLASH_LIMIT} bytes, boot2 and vectors in them")
    print(f"ram   {ram} of {RAM_LIMIT} bytes, and 8192 of stack; no heap")
    print(f"uf2   {len(blocks)} bytes, {len(blocks) // 512} pages: {uf2_path}")
    if flash > FLASH_LIMIT:
        fail(f"the image has {flash} bytes: at most {FLASH_LIMIT} may be flashed")
    if ram > RAM_LIMIT:
        fail(f"the image needs {ram} bytes of RAM: there are {RAM_LIMIT} beside the stack")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        fail("usage: make-image.py IMAGE.elf IMAGE.uf2")
    main(*sys.argv[1:])
