// The second stage that the boot ROM loads from the first 256 bytes of flash, checks by its CRC and
// runs from SRAM (RP2040 data sheet, chapter "Bootrom", "Flash second stage").
//
// It sets the flash controller to plain 03h reads, which every SPI flash knows, and enters the
// image behind it. Called as a function, with a return address in lr, it comes back instead: so the
// firmware brings the flash back after it has written to it. It changes r0 to r3 only.
    .syntax unified
    .cpu cortex-m0plus
    .thumb
    .section .boot2, "ax"
    .global _boot2
    .thumb_func
_boot2:
    push {lr}
    ldr  r3, =0x18000000        // XIP_SSI, chapter "SSI"
    movs r1, #0
    str  r1, [r3, #0x08]        // SSIENR: off while it is set up
    movs r1, #2
    str  r1, [r3, #0x14]        // BAUDR: half the system clock, 6 MHz; 03h may have 50 MHz
    ldr  r1, =0x001F0300        // CTRLR0: frames of 32 bits, "EEPROM read"
    str  r1, [r3]
    movs r1, #0
    str  r1, [r3, #0x04]        // CTRLR1: one frame a read
    ldr  r1, =0x03000218        // SPI_CTRLR0: command 03h of 8 bits, address of 24 bits
    movs r2, #0xF4
    str  r1, [r3, r2]
    movs r1, #1
    str  r1, [r3, #0x08]
    pop  {r0}
    cmp  r0, #0
    beq  1f
    bx   r0
1:  ldr  r0, =0x10000100        // the vectors
    ldr  r1, =0xE000ED08        // VTOR
    str  r0, [r1]
    ldmia r0!, {r2, r3}
    msr  msp, r2
    bx   r3
    .ltorg
    .org 252
    .word 0                     // CRC-32 of the 252 bytes before it; make-image.py seals it
