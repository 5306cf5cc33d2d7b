@ Small programs for the firmware bench, one by its number in PROGRAM. Each but the first breaks one rule, in `broken`.
    .syntax unified
    .cpu cortex-m7
    .fpu fpv5-d16
    .thumb
    .global _sstack, _estack
    .equ _sstack, 0x20010000
    .equ _estack, 0x20010400

    .section .text
vectors:
    .word _estack, start + 1, stop + 1, stop + 1, stop + 1, stop + 1, stop + 1, 0, 0, 0, 0
    .word svc_handler + 1, 0, 0, pendsv_handler + 1, systick_handler + 1
    .space 4 * 150

    .type start, %function
start:
    bl broken
stop:
    wfi
    b stop

    .type svc_handler, %function
svc_handler:
    vmov.f32 s0, #4.0           @ who was interrupted keeps its own
    add r5, r5, #1
    cmp r8, #1                  @ PROGRAM 25: other GE flags
    itt eq
    ldreq r0, =0xffffffff
    uadd8eq r1, r0, r0
    cmp r8, #2
    itt eq
    moveq r0, #0
    uadd8eq r1, r0, r0
    bx lr

    .type pendsv_handler, %function
pendsv_handler:
    add r6, r6, #1
    bx lr

    .type systick_handler, %function
systick_handler:
    add r7, r7, #1
    bx lr

    .macro give register        @ its low byte to USART1
    add \register, \register, #'0'
    str \register, [r10, #0x28]
    .endm

    .macro open_line            @ USART1
    ldr r0, =0x580244f0         @ RCC_APB2ENR
    mov r1, #0x10
    str r1, [r0]
    ldr r1, [r0]
    ldr r10, =0x40011000        @ USART1: BRR, CR1
    mov r1, #556
    str r1, [r10, #0x0c]
    mov r1, #9
    str r1, [r10]
    .endm

    .type broken, %function
    .global broken
broken:
.if PROGRAM == 0                @ exceptions come in their order, masked ones later, and leave registers and FPU as they were
    open_line
    mov r5, #0
    mov r6, #0
    mov r7, #0
    vmov.f32 s0, #2.0
    svc 0
    svc 0
    vmov.f32 s1, #2.0
    vcmp.f32 s0, s1
    vmrs APSR_nzcv, fpscr
    bne lost
    cpsid i
    ldr r0, =0xe000ed04         @ ICSR: PendSV
    mov r1, #0x10000000
    str r1, [r0]
    mov r8, r6                  @ still masked
    cpsie i
    nop
    ldr r0, =0xe000e010         @ SysTick: 1000 clocks
    ldr r1, =999
    str r1, [r0, #4]
    mov r1, #0
    str r1, [r0, #8]
    mov r1, #7
    str r1, [r0]
    wfi
    wfi
    wfi
    mov r1, #0
    str r1, [r0]
    cmp r7, #3
    itt eq
    addeq r7, r7, #1
    addeq r7, r7, #1
    give r5
    give r8
    give r6
    give r7
    bx lr
lost:
    mov r5, #9
    give r5
    bx lr
.endif
.if PROGRAM == 1
    ldr r0, =0x60000000
    ldr r1, [r0]
.endif
.if PROGRAM == 2
    ldr r0, =0xd0000000
    str r0, [r0]
.endif
.if PROGRAM == 3
    ldr r0, =0x08000400
    str r0, [r0]
.endif
.if PROGRAM == 4
    ldr r0, =0x58020000         @ GPIOA
    ldr r1, [r0]
.endif
.if PROGRAM == 5
    ldr r0, =0x58024402         @ RCC
    ldr r1, [r0]
.endif
.if PROGRAM == 6
    ldr r0, =0x20000002
    strd r0, r1, [r0]
.endif
.if PROGRAM == 7
    ldr r0, =0x20000001
    vldr s0, [r0]
.endif
.if PROGRAM == 8
    ldr r0, =0x20000002
    ldmia r0!, {r1, r2}
.endif
.if PROGRAM == 9
    ldr r2, =100000
more:
    push {r0, r1, r2, r3}
    subs r2, r2, #1
    cmp sp, #0x20000000
    ldr r3, =0x20010010
    cmp sp, r3
    bhi more
    add sp, sp, #1008
again:
    subs r2, r2, #1
    bne again
.endif
.if PROGRAM == 10
    ldr r0, =0x24001000
    ldr r1, [r0]
.endif
.if PROGRAM == 11
    ldr r0, =0xe000ed94
    mov r1, #0
    str r1, [r0, #4]
    ldr r1, =0x24000000
    str r1, [r0, #8]
    ldr r1, =0x1000001f         @ 64 KB, no access
    str r1, [r0, #12]
    mov r1, #5
    str r1, [r0]
    ldr r0, =0x24000100
    str r1, [r0]
.endif
.if PROGRAM == 12
    ldr r0, =0x40000800         @ no peripheral of the bench
    ldr r1, [r0]
.endif
.if PROGRAM == 13
    udf #0
.endif
.if PROGRAM == 16               @ the base is known behind the access alone
    ldr r0, =0x20000001
    ldmia r0, {r1, r2}
    mov r1, r0
.endif
.if PROGRAM == 17               @ nor behind it: reported with --strict alone; where the condition fails there is none
    ldr r0, =0x20000002
    movs r1, #1
    b apart
apart:
    itt eq
    ldrdeq r1, r2, [r0]
    moveq r0, r1
    ldr r0, =0x20000002
    ldrd r0, r1, [r0]
.endif
.if PROGRAM == 18               @ the second of two accesses is the one
    ldr r0, =0x58024400
    ldr r1, [r0]
    ldr r0, =0x40000800
    str r1, [r0, #4]            @ this one
.endif
.if PROGRAM == 24               @ the base is known before the access alone
    ldr r0, =0x20000001
    b ahead
ahead:
    ldmia r0, {r0, r1}
.endif
.if PROGRAM == 19               @ a load in an IT block, then another block
    open_line
    mov r5, #1
    ldr r0, =0x20000100
    str r5, [r0]
    cmp r5, #1
    ite eq
    ldreq r6, [r0]
    movne r6, #5
    cmp r5, #7
    b further
further:
    add r5, r5, r6
    give r5
.endif
.if PROGRAM == 20               @ a thousand rounds of four instructions take 4000 clocks, give or take a block: DWT_CYCCNT
    open_line
    ldr r0, =0xe0001000
    mov r1, #1
    str r1, [r0]
    mov r2, #1000
    ldr r3, [r0, #4]
round:
    adds r6, r6, #1
    subs r2, r2, #1
    nop
    bne round
    ldr r4, [r0, #4]
    subs r4, r4, r3
    ldr r2, =3980
    subs r4, r4, r2
    mov r5, #0
    cmp r4, #40
    it lo
    movlo r5, #1
    give r5
.endif
.if PROGRAM == 21               @ PI12, low, lights the first LED; PC13 is the button
    open_line
    ldr r0, =0x580244e0         @ RCC_AHB4ENR: GPIOC, GPIOI
    mov r1, #0x104
    str r1, [r0]
    ldr r1, [r0]
    ldr r2, =0x58022000         @ GPIOI
    mov r1, #0x10000000
    str r1, [r2, #0x18]         @ BSRR: low
    ldr r1, =0xfdffffff
    str r1, [r2]                @ MODER: PI12 is an output
    mov r1, #0x1000
    str r1, [r2, #0x18]         @ BSRR: high
    ldr r2, =0x58020800         @ GPIOC
    ldr r1, =0xf3ffffff
    str r1, [r2]
    ldr r5, [r2, #0x10]
    ubfx r5, r5, #13, #1
    give r5
.endif
.if PROGRAM == 22               @ a program in RAM that is written over after it ran
    open_line
    ldr r0, =0x20000200
    ldr r1, =0x47702501         @ movs r5, #1; bx lr
    str r1, [r0]
    push {lr}
    add r4, r0, #1
    blx r4
    mov r6, r5
    ldr r1, =0x47702503         @ movs r5, #3; bx lr
    str r1, [r0]
    dsb
    isb
    blx r4
    pop {lr}
    give r6
    give r5
.endif
.if PROGRAM == 25               @ who was interrupted keeps its GE flags: SEL takes the byte of the first operand
    open_line
    mov r8, #1                  @ the handler changes them
    mov r0, #0
    uadd8 r1, r0, r0            @ no byte carries: GE are 0
    svc 0
    mov r2, #7
    mov r3, #3
    sel r6, r2, r3
    ldr r0, =0xffffffff
    uadd8 r1, r0, r0            @ all carry
    mov r8, #2
    svc 0
    sel r7, r2, r3
    give r6
    give r7
.endif
.if PROGRAM == 26               @ the same as 22, but the emulator has forgotten its page, and a word beside it is written first
    open_line
    ldr r0, =0x20000200
    ldr r1, =0x47702501         @ movs r5, #1; bx lr
    str r1, [r0]
    push {lr}
    add r4, r0, #1
    blx r4
    mov r6, r5
    ldr r2, =0x24000200         @ every page of the AXI SRAM
    ldr r3, =0x24080000
page:
    ldr r1, [r2]
    add r2, r2, #1024
    cmp r2, r3
    blo page
    str r1, [r0, #0x80]         @ behind a page's first store the emulator may write without looking
    ldr r1, =0x47702503         @ movs r5, #3; bx lr
    str r1, [r0]
    dsb
    isb
    blx r4
    pop {lr}
    give r6
    give r5
.endif
.if PROGRAM == 27               @ the receiver is on, off and on again before a byte can have come: none is lost
    open_line
    mov r1, #0x0d
    str r1, [r10]               @ CR1: on, transmitter, receiver
    mov r1, #0x0c
    str r1, [r10]
    mov r1, #0x0d
    str r1, [r10]
    ldr r2, =200000
    ldr r3, [r10, #0x1c]        @ ISR
    and r6, r3, #0x20           @ RXNE: at once
    lsrs r6, r6, #5
wait:
    ldr r3, [r10, #0x1c]
    tst r3, #0x20
    bne came
    subs r2, r2, #1
    bne wait
came:
    ldr r5, [r10, #0x24]        @ RDR
    str r5, [r10, #0x28]
    give r6
.endif
.if PROGRAM == 23
    ldr r0, =0x30000001
    bx r0
.endif
.if PROGRAM == 15               @ says something and computes for ever
    open_line
    mov r5, #7
    give r5
    b .
.endif
.if PROGRAM == 14               @ breaks a rule at ever other addresses
    ldr r0, =0x40000800
    ldr r2, =0x40001000
next:
    ldr r1, [r0], #4
    cmp r0, r2
    blo next
.endif
    bx lr
    .ltorg
    .size broken, . - broken
