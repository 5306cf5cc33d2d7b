// Vector table, the FPU, and faults: registers on the emulator's own output, then it ends with status 1.
#include <stdio.h>
#include <stdlib.h>

#include "board.h"

#define SYSTICK_CSR 0xe000e010

extern char _estack;
void Reset_Handler(void); // the port's: copies .data, clears .bss, starts main()

// First of all, as compilers use FPU registers in any function.
__attribute__((naked)) void board_reset(void) {
    __asm volatile (
        "ldr r0, =0xe000ed88\n" // CPACR
        "ldr r1, [r0]\n"
        "orr r1, r1, #0xf00000\n"
        "str r1, [r0]\n"
        "dsb\n"
        "isb\n"
        "b Reset_Handler\n");
}

__attribute__((used)) static void report(const uint32_t *frame) {
    char text[128];
    snprintf(text, sizeof(text), "HardFault: pc %08x lr %08x r0 %08x CFSR %08x BFAR %08x\n", (unsigned)frame[6],
        (unsigned)frame[5], (unsigned)frame[0], (unsigned)REG(0xe000ed28), (unsigned)REG(0xe000ed38));
    host_call(HOST_WRITE_TEXT, text); // the serial line may be gone before it is read
    exit(1);
}

__attribute__((naked)) static void fault(void) {
    __asm volatile (
        "mov r0, sp\n"
        "ldr r1, =_estack\n" // a stack that surely works
        "mov sp, r1\n"
        "b report\n");
}

// From 1.27 on the port starts SysTick for clocks that ticks.c replaces. Its first tick ends it: no machine waits less, and
// no script counts more instructions, because of it.
static void systick(void) {
    REG(SYSTICK_CSR) = 0;
}

enum { UART0_RX_IRQ = 0, DUAL_TIMER_IRQ = 10 }; // no other is ever enabled

typedef void (*vector_t)(void);
const vector_t board_vectors[] __attribute__((used, section(".board_vectors"))) = {
    [0] = (vector_t)(uintptr_t)&_estack,
    [1] = board_reset,
    [2 ... 14] = fault,
    [15] = systick,
    [16 + UART0_RX_IRQ] = console_irq,
    [16 + DUAL_TIMER_IRQ] = nap_irq,
};
