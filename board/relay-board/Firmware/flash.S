// Changing the flash, which cannot be read meanwhile: so this runs from RAM, and with it nothing
// but the boot ROM (data sheet, chapter "Bootrom", "Flash access functions").
//
// flash_change(routines, offset, page): erases the sector of 4 KB at that offset if page is 0, else
// writes the page of 256 bytes there. The routines are the ROM's for: connect the flash, leave
// execute-in-place, erase, program, flush the cache.
    .syntax unified
    .cpu cortex-m0plus
    .thumb

    .section .text.flash_change, "ax"
    .global flash_change
    .thumb_func
flash_change:
    ldr  r3, =flash_change_in_ram
    bx   r3
    .ltorg

    .section .in_ram, "awx", %progbits
    .balign 4
    .thumb_func
flash_change_in_ram:
    push {r4-r6, lr}
    mov  r4, r0
    mov  r5, r1
    mov  r6, r2
    // The second stage brings the flash back afterwards; it must be in RAM by then.
    ldr  r0, =0x10000000
    ldr  r1, =boot2_copy
    movs r2, #64
1:  ldmia r0!, {r3}
    stmia r1!, {r3}
    subs r2, #1
    bne  1b
    ldr  r3, [r4, #0]
    blx  r3
    ldr  r3, [r4, #4]
    blx  r3
    mov  r0, r5
    movs r2, #1
    cmp  r6, #0
    beq  2f
    mov  r1, r6
    lsls r2, r2, #8             // 256 bytes
    ldr  r3, [r4, #12]
    blx  r3
    b    3f
2:  lsls r1, r2, #12            // 4 KB
    lsls r2, r2, #16            // a block of 64 KB is erased by D8h; there is none in 4 KB
    movs r3, #0xD8
    ldr  r6, [r4, #8]
    blx  r6
3:  ldr  r3, [r4, #16]
    blx  r3
    ldr  r3, =boot2_copy + 1
    blx  r3
    pop  {r4-r6, pc}
    .ltorg

    .section .bss.boot2_copy, "aw", %nobits
    .balign 4
boot2_copy:
    .space 256
