// The few functions that the compiler takes for granted and a bare processor lacks (ARM's run-time
// ABI, "Run-time ABI for the ARM Architecture", chapter "Memory copying, clearing, and setting").
    .syntax unified
    .cpu cortex-m0plus
    .thumb

    .macro entry names:vararg
    .irp name, \names
    .global \name
    .thumb_func
\name:
    .endr
    .endm

    // (to, from, count). Word by word where both ends allow it.
    .section .text.memcpy, "ax"
entry memcpy, __aeabi_memcpy, __aeabi_memcpy4, __aeabi_memcpy8
    push {r0, r4, lr}
    mov  r3, r0
    orrs r3, r1
    lsls r3, r3, #30
    bne  2f
1:  subs r2, #4
    blo  3f
    ldmia r1!, {r4}
    stmia r0!, {r4}
    b    1b
3:  adds r2, #4
2:  subs r2, #1
    blo  4f
    ldrb r4, [r1]
    strb r4, [r0]
    adds r0, #1
    adds r1, #1
    b    2b
4:  pop  {r0, r4, pc}

    // (to, from, count), where the two may overlap.
    .section .text.memmove, "ax"
entry memmove, __aeabi_memmove, __aeabi_memmove4, __aeabi_memmove8
    cmp  r0, r1
    bls  memcpy_below
    push {r4, lr}
1:  subs r2, #1
    blo  2f
    ldrb r4, [r1, r2]
    strb r4, [r0, r2]
    b    1b
2:  pop  {r4, pc}
memcpy_below:
    push {r0, r4, lr}
3:  subs r2, #1
    blo  4f
    ldrb r4, [r1]
    strb r4, [r0]
    adds r0, #1
    adds r1, #1
    b    3b
4:  pop  {r0, r4, pc}

    // memset is (to, value, count), ARM's own is (to, count, value).
    .section .text.memset, "ax"
entry __aeabi_memclr, __aeabi_memclr4, __aeabi_memclr8
    movs r2, #0
entry __aeabi_memset, __aeabi_memset4, __aeabi_memset8
    mov  r3, r1
    mov  r1, r2
    mov  r2, r3
entry memset
    mov  r3, r0
1:  subs r2, #1
    blo  2f
    strb r1, [r3]
    adds r3, #1
    b    1b
2:  bx   lr
