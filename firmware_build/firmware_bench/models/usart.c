#include "usart.h"

#include <stddef.h>
#include <string.h>

// RM0399, "USART registers".
enum {
    CR1 = 0x00,
    CR2 = 0x04,
    CR3 = 0x08,
    BRR = 0x0c,
    RQR = 0x18,
    ISR = 0x1c,
    ICR = 0x20,
    RDR = 0x24,
    TDR = 0x28,
    PRESC = 0x2c
};
enum {
    UART_ON = 1u << 0,
    RX_ON = 1u << 2,
    TX_ON = 1u << 3,
    IDLEIE = 1u << 4,
    RXNEIE = 1u << 5,
    TCIE = 1u << 6,
    TXEIE = 1u << 7,
    OVER8 = 1u << 15
};
enum { OVERRUN = 1u << 3, IDLE = 1u << 4, RXNE = 1u << 5, TC = 1u << 6, TXE = 1u << 7, TEACK = 1u << 21, REACK = 1u << 22 };
enum { IRQ = 37, BITS = 10 };

static uint32_t registers[0x30 / 4];
#define R(offset) registers[(offset) / 4]
static uint32_t flags;
static uint64_t next_ns; // of the receiver

int (*usart_take)(void);
void (*usart_give)(uint8_t byte);

static uint64_t character_ns(void) {
    static const uint16_t prescaler[16] = {1, 2, 4, 6, 8, 10, 12, 16, 32, 64, 128, 256, 256, 256, 256, 256};
    const uint64_t clock = bench_clock_hz(BENCH_CLOCK_USART1) / prescaler[R(PRESC) & 15];
    const uint32_t divider = R(CR1) & OVER8 ? (R(BRR) & 0xfff0u) | (R(BRR) & 7) << 1 : R(BRR);
    if (clock == 0 || divider < 16) {
        return 0;
    }
    return (uint64_t)BITS * divider * 1000000000u / (clock * (R(CR1) & OVER8 ? 2 : 1));
}

static void interrupt(void) {
    const uint32_t wanted = ((R(CR1) & RXNEIE) ? RXNE | OVERRUN : 0) | (R(CR1) & IDLEIE ? IDLE : 0) |
        (R(CR1) & TCIE ? TC : 0) | (R(CR1) & TXEIE ? TXE : 0);
    bench_irq(IRQ, (R(CR1) & UART_ON) && (flags & wanted));
}

static bool receives(void) {
    return (R(CR1) & (UART_ON | RX_ON)) == (UART_ON | RX_ON) && bench_clock_on(BENCH_USART1);
}

uint64_t usart_next_ns(void) {
    return receives() ? next_ns : UINT64_MAX;
}

static void advance(model_t *model, uint64_t now_ns) {
    (void)model;
    // A byte waits outside while the last one was not read: the sender is patient, as a USB bridge with a buffer is not;
    // overruns are therefore not seen here.
    if (!receives() || (flags & RXNE) || now_ns < next_ns || !usart_take) {
        return;
    }
    const int byte = usart_take();
    if (byte < 0) {
        return;
    }
    R(RDR) = (uint32_t)byte;
    flags |= RXNE;
    next_ns = now_ns + character_ns();
    interrupt();
}

static uint32_t read_usart(model_t *model, uint32_t offset, unsigned size) {
    (void)size;
    switch (offset) {
        case ISR:
            advance(model, bench_now_ns());
            return flags | (R(CR1) & TX_ON ? TEACK : 0) | (R(CR1) & RX_ON ? REACK : 0);
        case RDR:
            flags &= ~(uint32_t)RXNE;
            interrupt();
            return R(RDR);
        default:
            if (offset > PRESC) {
                bench_violation("USART1: read at 0x%02x, where no register is", (unsigned)offset);
                return 0;
            }
            return R(offset & ~3u);
    }
}

static void write_usart(model_t *model, uint32_t offset, unsigned size, uint32_t value) {
    (void)model, (void)size;
    switch (offset) {
        case TDR:
            if ((R(CR1) & (UART_ON | TX_ON)) != (UART_ON | TX_ON)) {
                bench_violation("USART1: a byte sent while the transmitter is off (RM, USART_CR1)");
                return;
            }
            if (character_ns() == 0) {
                bench_violation("USART1: a byte sent without a rate (RM, USART_BRR)");
            }
            if (usart_give) {
                usart_give((uint8_t)value);
            }
            flags |= TC | TXE; // sent at once: the line is not what is modelled
            break;
        case ICR:
            flags &= ~(value & (OVERRUN | IDLE | TC));
            break;
        case RQR:
            if (value & 1u << 3) {
                flags &= ~(uint32_t)RXNE;
            }
            break;
        case BRR:
        case CR2:
        case CR3:
        case PRESC:
            if ((R(CR1) & UART_ON) && offset != CR3 && R(offset) != value) {
                bench_violation(
                    "USART1: register 0x%02x changed while it is on (RM, its description)", (unsigned)offset);
            }
            R(offset) = value;
            break;
        case CR1: { // what is on the line begins with a start bit that the receiver sees (RM, "USART receiver")
            const bool before = receives();
            R(CR1) = value;
            if (receives() && !before) {
                next_ns = bench_now_ns() + character_ns();
            }
            if (!(value & UART_ON)) {
                flags = TC | TXE;
            }
            break;
        }
        default:
            if (offset > PRESC || offset == ISR || offset == RDR) {
                bench_violation("USART1: write at 0x%02x, where nothing can be written", (unsigned)offset);
                return;
            }
            R(offset & ~3u) = value;
            break;
    }
    interrupt();
}

static void reset_usart(model_t *model) {
    (void)model;
    memset(registers, 0, sizeof(registers));
    flags = TC | TXE;
    next_ns = 0;
    interrupt();
}

model_t *usart1_model(void) {
    static model_t model = {.name = "USART1",
        .base = 0x40011000u,
        .size = 0x400,
        .read = read_usart,
        .write = write_usart,
        .advance = advance,
        .reset = reset_usart};
    return &model;
}
