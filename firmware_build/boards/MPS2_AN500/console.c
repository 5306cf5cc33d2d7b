// Input from UART0 by interrupt into a ring, so that Ctrl-C stops a script that does not read. A full ring stops the UART,
// which stops the sender: nothing is ever lost.
#include "board.h"
#include "py/mphal.h"
#include "py/runtime.h"
#include "py/stream.h"
#include "shared/runtime/interrupt_char.h"

#define UART0 0x40004000
enum { DATA = 0x0, STATE = 0x4, CTRL = 0x8, INTCLEAR = 0xc };
enum { STATE_RX_FULL = 2, CTRL_TX = 1, CTRL_RX = 2, CTRL_RX_IRQ = 8, INT_RX = 2 };

static uint8_t ring[4096];
static volatile uint32_t put, got; // counts of bytes, so that put - got are in the ring

static void take(void) {
    while ((REG(UART0 + STATE) & STATE_RX_FULL) && put - got < sizeof(ring)) {
        const uint8_t c = (uint8_t)REG(UART0 + DATA);
        if (c == mp_interrupt_char) {
            mp_sched_keyboard_interrupt();
        } else {
            ring[put % sizeof(ring)] = c;
            put = put + 1;
        }
    }
}

void console_start(void) {
    put = got = 0;
    REG(UART0 + CTRL) = CTRL_TX | CTRL_RX | CTRL_RX_IRQ;
    take(); // a byte that came before raised no interrupt, and holds up the rest
    irq_enable(0);
}

void console_irq(void) {
    REG(UART0 + INTCLEAR) = INT_RX;
    take();
    if (put - got == sizeof(ring)) {
        REG(UART0 + CTRL) = CTRL_TX | CTRL_RX; // silence until somebody reads
    }
}

static int get(void) {
    if (put == got) {
        return -1;
    }
    const int c = ring[got % sizeof(ring)];
    got = got + 1;
    if (!(REG(UART0 + CTRL) & CTRL_RX_IRQ) && put - got <= sizeof(ring) / 2) {
        irq_off();
        REG(UART0 + CTRL) = CTRL_TX | CTRL_RX | CTRL_RX_IRQ;
        take(); // what waited raised its interrupt long ago
        irq_on();
    }
    return c;
}

int mp_hal_stdin_rx_chr(void) {
    for (;;) {
        mp_handle_pending(true);
        const int c = get();
        if (c >= 0) {
            return c;
        }
        irq_off();
        if (put == got) {
            wait_for_interrupt();
        }
        irq_on();
    }
}

uintptr_t mp_hal_stdio_poll(uintptr_t flags) {
    uintptr_t ready = flags & MP_STREAM_POLL_WR;
    if (put != got) {
        ready |= flags & MP_STREAM_POLL_RD;
    }
    return ready;
}
