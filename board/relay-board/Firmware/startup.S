// From reset to Swift: relays off, RAM tested, memory set up. And what happens at a fault.
    .syntax unified
    .cpu cortex-m0plus
    .thumb

    .equ SIO, 0xD0000000        // chapter "SIO": always clocked, never in reset
    .equ SIO_OUT_CLR, 0x18
    .equ SIO_OE_SET, 0x24
    .equ RELAYS, 0xFF << 6      // GPIO 6 to 13, as in Pins.swift
    .equ RESETS_CLEAR, 0x4000F000   // RESETS with the alias that clears bits
    .equ RESETS, 0x4000C000
    .equ PINS, 1 << 5 | 1 << 8  // IO_BANK0 and PADS_BANK0
    .equ GPIO6_CTRL, 0x40014034
    .equ FUNCTION_SIO, 5

    .section .vectors, "a"
    .global __vectors
__vectors:
    .word __stack_top
    .word _reset
    .rept 46                    // every exception and interrupt: none is ever enabled
    .word _fault
    .endr

    // The image speaks about itself; make-image.py seals the CRC (P11).
    .section .image_header, "a"
    .global __image_header
__image_header:
    .word __image_end
    .word 0xFFFFFFFF

    .section .text.reset, "ax"
    .global _reset
    .thumb_func
_reset:
    // P1: relays off, before clocks and before RAM. After any reset the pads pull down and are
    // connected to nothing (chapter "GPIO"); from here on they are driven low.
    ldr  r0, =SIO
    ldr  r1, =RELAYS
    str  r1, [r0, #SIO_OUT_CLR]
    str  r1, [r0, #SIO_OE_SET]
    ldr  r2, =RESETS_CLEAR
    ldr  r3, =PINS
    str  r3, [r2]
    ldr  r2, =RESETS
1:  ldr  r4, [r2, #8]           // RESET_DONE
    ands r4, r3
    cmp  r4, r3
    bne  1b
    ldr  r2, =GPIO6_CTRL
    movs r3, #FUNCTION_SIO
    movs r4, #8
2:  str  r3, [r2]
    adds r2, #8
    subs r4, #1
    bne  2b

    // P11: March C- over all RAM that is used, twice, so that each bit differs once from each of
    // its neighbours in a word. It lives in registers. Whoever fails it runs no program at all.
    ldr  r0, =__ram_start
    ldr  r1, =__ram_end
    movs r4, #0
    mvns r5, r4
    bl   march
    ldr  r4, =0x55555555
    mvns r5, r4
    bl   march

    ldr  r0, =__stack_canary
    ldr  r1, =0x43414E59
    str  r1, [r0]
    ldr  r0, =__data_start
    ldr  r1, =__data_end
    ldr  r2, =__data_load
3:  cmp  r0, r1
    bhs  4f
    ldmia r2!, {r3}
    stmia r0!, {r3}
    b    3b
4:  ldr  r0, =__bss_start
    ldr  r1, =__bss_end
    movs r2, #0
5:  cmp  r0, r1
    bhs  6f
    stmia r0!, {r2}
    b    5b
6:  bl   board_main

    // A fault of any kind, a trap of Swift's among them: relays off at once. The watchdog then
    // resets the chip, and counts (P10). Nothing here needs a stack.
    .global _fault
    .thumb_func
_fault:
    ldr  r0, =SIO
    ldr  r1, =RELAYS
    str  r1, [r0, #SIO_OUT_CLR]
    b    _fault

    // March C-: up write p; up read p, write ~p; up read ~p, write p; down read p, write ~p; down
    // read ~p, write p; read p. In: r0 start, r1 end, r4 p, r5 ~p.
    .macro up expected, next
    mov  r2, r0
1:  ldr  r3, [r2]
    cmp  r3, \expected
    bne  bad_ram
    stmia r2!, {\next}
    cmp  r2, r1
    blo  1b
    .endm
    .macro down expected, next
    mov  r2, r1
1:  subs r2, #4
    ldr  r3, [r2]
    cmp  r3, \expected
    bne  bad_ram
    str  \next, [r2]
    cmp  r2, r0
    bhi  1b
    .endm
    .thumb_func
march:
    mov  r2, r0
1:  stmia r2!, {r4}
    cmp  r2, r1
    blo  1b
    up   r4, r5
    up   r5, r4
    down r4, r5
    down r5, r4
    up   r4, r4
    bx   lr

    // The board stays silent on the bus, relays low, until somebody replaces it.
    .global bad_ram
    .thumb_func
bad_ram:
    b    bad_ram
    .ltorg
