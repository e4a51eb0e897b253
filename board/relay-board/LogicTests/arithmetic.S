// Division, long multiplication and shifts, which this processor lacks and only tests need (ARM's
// "Run-time ABI for the ARM Architecture", chapters "The integer division functions" and "The long
// long functions"), and the atomics of a program with one thread.
    .syntax unified
    .cpu cortex-m0
    .thumb
    .text

    // (numerator r0, denominator r1) → quotient r0, rest r1; by 0 everything is 0.
    .global __aeabi_uidivmod, __aeabi_uidiv
    .thumb_func
__aeabi_uidiv:
    .thumb_func
__aeabi_uidivmod:
    push {r4, lr}
    movs r2, #0                 // quotient
    movs r3, #0                 // rest
    movs r4, #32
    cmp  r1, #0
    beq  3f
1:  lsls r2, r2, #1
    adds r0, r0, r0             // its highest bit goes into the rest
    adcs r3, r3
    bcs  4f                     // more than 32 bits: surely as large as the denominator
    cmp  r3, r1
    blo  2f
4:  subs r3, r3, r1
    adds r2, #1
2:  subs r4, #1
    bne  1b
3:  mov  r0, r2
    mov  r1, r3
    pop  {r4, pc}

    // The same with signs: the rest has the numerator's.
    .global __aeabi_idivmod, __aeabi_idiv
    .thumb_func
__aeabi_idiv:
    .thumb_func
__aeabi_idivmod:
    push {r4, r5, r6, lr}
    mov  r4, r0
    mov  r5, r0
    eors r5, r1
    cmp  r0, #0
    bge  1f
    rsbs r0, r0, #0
1:  cmp  r1, #0
    bge  2f
    rsbs r1, r1, #0
2:  bl   __aeabi_uidivmod
    cmp  r5, #0
    bge  3f
    rsbs r0, r0, #0
3:  cmp  r4, #0
    bge  4f
    rsbs r1, r1, #0
4:  pop  {r4, r5, r6, pc}

    // (r1:r0) × (r3:r2) → r1:r0, the low 64 bits.
    .global __aeabi_lmul
    .thumb_func
__aeabi_lmul:
    push {r4, r5, r6, r7, lr}
    muls r1, r2
    muls r3, r0
    adds r1, r1, r3             // what the high halves add to the high word
    uxth r4, r0
    lsrs r5, r0, #16
    uxth r6, r2
    lsrs r7, r2, #16
    mov  r0, r4
    muls r0, r6                 // low × low
    mov  r3, r5
    muls r3, r7
    adds r1, r1, r3             // high × high
    muls r4, r7                 // the two mixed products, each shifted by 16
    muls r5, r6
    lsls r2, r4, #16
    lsrs r3, r4, #16
    adds r0, r0, r2
    adcs r1, r3
    lsls r2, r5, #16
    lsrs r3, r5, #16
    adds r0, r0, r2
    adcs r1, r3
    pop  {r4, r5, r6, r7, pc}

    // (high r1: low r0) shifted by r2, 0 to 63.
    .global __aeabi_llsl, __aeabi_llsr
    .thumb_func
__aeabi_llsl:
    cmp  r2, #32
    bhs  1f
    movs r3, r0
    lsls r0, r2
    lsls r1, r2
    rsbs r2, r2, #0
    adds r2, #32
    lsrs r3, r2                 // what goes over; a shift by 32 gives 0
    orrs r1, r3
    bx   lr
1:  subs r2, #32
    movs r1, r0
    lsls r1, r2
    movs r0, #0
    bx   lr
    .thumb_func
__aeabi_llsr:
    cmp  r2, #32
    bhs  1f
    movs r3, r1
    lsrs r1, r2
    lsrs r0, r2
    rsbs r2, r2, #0
    adds r2, #32
    lsls r3, r2
    orrs r0, r3
    bx   lr
1:  subs r2, #32
    movs r0, r1
    lsrs r0, r2
    movs r1, #0
    bx   lr

    // (address, order), (address, value, order) and (address, expected, value, ...).
    .global __atomic_load_4, __atomic_store_4, __atomic_fetch_add_4, __atomic_fetch_sub_4
    .global __atomic_compare_exchange_4
    .thumb_func
__atomic_load_4:
    ldr  r0, [r0]
    bx   lr
    .thumb_func
__atomic_store_4:
    str  r1, [r0]
    bx   lr
    .thumb_func
__atomic_fetch_sub_4:
    rsbs r1, r1, #0
    .thumb_func
__atomic_fetch_add_4:
    ldr  r2, [r0]
    adds r1, r1, r2
    str  r1, [r0]
    mov  r0, r2
    bx   lr
    .thumb_func
__atomic_compare_exchange_4:
    push {r4, lr}
    ldr  r3, [r0]
    ldr  r4, [r1]
    cmp  r3, r4
    bne  2f
    str  r2, [r0]
    movs r0, #1
    pop  {r4, pc}
2:  str  r3, [r1]
    movs r0, #0
    pop  {r4, pc}

    // (r1:r0) ÷ (r3:r2) → quotient r1:r0, rest r3:r2.
    .global __aeabi_uldivmod
    .thumb_func
__aeabi_uldivmod:
    push {r4, r5, r6, lr}
    movs r4, #0                 // rest, r5:r4
    movs r5, #0
    movs r6, #64
1:  adds r0, r0, r0             // the highest bit goes into the rest, and from below comes one of
    adcs r1, r1                 // the quotient
    adcs r4, r4
    adcs r5, r5
    bcs  2f
    cmp  r5, r3
    blo  3f
    bhi  2f
    cmp  r4, r2
    blo  3f
2:  subs r4, r4, r2
    sbcs r5, r3
    adds r0, #1
3:  subs r6, #1
    bne  1b
    mov  r2, r4
    mov  r3, r5
    pop  {r4, r5, r6, pc}
