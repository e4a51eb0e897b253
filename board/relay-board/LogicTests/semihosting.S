// A start, an end and a voice on QEMU's micro:bit: ARM's "Semihosting for AArch32 and AArch64",
// calls SYS_WRITE0 and SYS_EXIT_EXTENDED.
    .syntax unified
    .cpu cortex-m0
    .thumb
    .section .vectors, "a"
    .word __stack_top
    .word _reset
    .rept 46
    .word _fault
    .endr

    .text
    .global _reset
    .thumb_func
_reset:
    ldr  r0, =__data_start
    ldr  r1, =__data_end
    ldr  r2, =__data_load
1:  cmp  r0, r1
    bhs  2f
    ldmia r2!, {r3}
    stmia r0!, {r3}
    b    1b
2:  ldr  r0, =__bss_start
    ldr  r1, =__bss_end
    movs r2, #0
3:  cmp  r0, r1
    bhs  4f
    stmia r0!, {r2}
    b    3b
4:  bl   test_main

    // A trap of Swift's, or any other fault.
    .thumb_func
_fault:
    bl   test_trapped
    movs r0, #99
    .global semihosting_exit    // (code)
    .thumb_func
semihosting_exit:
    sub  sp, #8
    ldr  r1, =0x20026           // the application has ended
    str  r1, [sp]
    str  r0, [sp, #4]
    mov  r1, sp
    movs r0, #0x20
    bkpt 0xAB
5:  b    5b

    .global semihosting_write   // (text, ended by a zero)
    .thumb_func
semihosting_write:
    mov  r1, r0
    movs r0, #4
    bkpt 0xAB
    bx   lr

    .global heap_begin
    .thumb_func
heap_begin:
    ldr  r0, =__heap_begin
    bx   lr
    .global heap_end
    .thumb_func
heap_end:
    ldr  r0, =__heap_end
    bx   lr
    .ltorg
