#include "i2c.h"

#include <stddef.h>
#include <string.h>

// RM0399, "I2C registers".
enum {
    CR1 = 0x00,
    CR2 = 0x04,
    OAR1 = 0x08,
    TIMINGR = 0x10,
    ISR = 0x18,
    ICR = 0x1c,
    PECR = 0x20,
    RXDR = 0x24,
    TXDR = 0x28
};
enum { PE = 1u << 0 };
enum { RD_WRN = 1u << 10, START = 1u << 13, STOP = 1u << 14, RELOAD = 1u << 24, AUTOEND = 1u << 25 };
enum {
    TXE = 1u << 0,
    TXIS = 1u << 1,
    RXNE = 1u << 2,
    NACKF = 1u << 4,
    STOPF = 1u << 5,
    TC = 1u << 6,
    TCR = 1u << 7,
    BUSY = 1u << 15
};
enum { EVENT = 95, ERROR = 96, MOST = 255 };

static uint32_t registers[0x2c / 4];
#define R(offset) registers[(offset) / 4]

bool (*i2c_there)(uint8_t address);
int (*i2c_read)(uint8_t address, uint8_t reg, uint8_t *data, unsigned count);
int (*i2c_write)(uint8_t address, uint8_t reg, const uint8_t *data, unsigned count);

static bool owns;              // the bus: between start and stop
static bool reading;
static uint8_t address, pointer; // the slave's register
static uint8_t sent[MOST + 1];
static unsigned sent_count;    // of a write, with the register
static uint8_t got[MOST];
static unsigned got_at, left;  // bytes left of NBYTES
static uint64_t due_ns;        // of the next flag
static uint32_t due_flags;

// Of a bit, from TIMINGR (RM, "I2C timings"), without the synchronisation.
static uint64_t bit_ns(void) {
    const uint64_t hz = bench_clock_hz(BENCH_CLOCK_I2C4);
    if (hz == 0) {
        bench_violation("I2C4: a transfer while its kernel clock stands still");
        return 10000;
    }
    const uint64_t t = R(TIMINGR), ticks = ((t >> 28) + 1) * ((t & 0xff) + 1 + (t >> 8 & 0xff) + 1);
    const uint64_t ns = ticks * 1000000000u / hz;
    if (ns < 2400) {
        bench_violation(
            "I2C4: a bit of %u ns, and the touch controller stops at 400 kHz (FT6x06 data sheet, I2C)", (unsigned)ns);
    }
    return ns;
}

static void interrupt(void) {
    const uint32_t on = R(CR1), f = R(ISR);
    bench_irq(EVENT,
        ((on & 2) && (f & TXIS)) || ((on & 4) && (f & RXNE)) || ((on & 16) && (f & NACKF)) ||
            ((on & 32) && (f & STOPF)) || ((on & 64) && (f & (TC | TCR))));
    bench_irq(ERROR, false);
}

static void later(uint32_t flags, unsigned bits) {
    due_ns = bench_now_ns() + bits * bit_ns();
    due_flags = flags;
}

static void finish_write(void) {
    if (owns && !reading && sent_count > 1 && i2c_write) {
        i2c_write(address, sent[0], sent + 1, sent_count - 1);
    }
    if (sent_count) {
        pointer = sent[0];
    }
    sent_count = 0;
}

static void stop(void) {
    finish_write();
    owns = false;
    R(ISR) = (R(ISR) & ~(uint32_t)(BUSY | TC | TCR | TXIS)) | STOPF;
    R(CR2) &= ~(uint32_t)STOP;
    due_flags = 0;
    interrupt();
}

static void no_acknowledge(void) {
    R(ISR) = (R(ISR) & ~(uint32_t)TXIS) | NACKF | TXE;
    // The master sends the stop by itself (RM, I2C_ISR.NACKF with AUTOEND; the software's own STOP otherwise).
    sent_count = 0;
    if (R(CR2) & AUTOEND) {
        stop();
    }
    interrupt();
}

static void transferred(void) {
    if (R(CR2) & RELOAD) {
        R(ISR) |= TCR;
    } else if (R(CR2) & AUTOEND) {
        stop();
    } else {
        R(ISR) |= TC;
    }
}

static void next_byte(void) {
    if (left == 0) {
        transferred();
    } else {
        later(reading ? RXNE : TXIS, 9);
    }
}

static void start(void) {
    if (!(R(CR1) & PE)) {
        bench_violation("I2C4: a start while it is off (RM, I2C_CR1.PE)");
    }
    if (R(CR2) & 1u << 11) {
        bench_violation("I2C4: 10-bit addresses are not in the model");
    }
    finish_write();
    R(CR2) &= ~(uint32_t)START;
    R(ISR) = (R(ISR) & ~(uint32_t)(TC | TCR | TXIS | RXNE)) | BUSY;
    owns = true;
    reading = R(CR2) & RD_WRN;
    address = (uint8_t)(R(CR2) >> 1 & 0x7f);
    left = R(CR2) >> 16 & 0xff;
    bool there = i2c_there && i2c_there(address);
    if (there && reading) {
        got_at = 0;
        there = left <= 62 && i2c_read && i2c_read(address, pointer, got, left) == 0;
    }
    later(there ? (left == 0 ? 0 : reading ? RXNE : TXIS) : NACKF, reading ? 18 : 9);
    if (there && left == 0) {
        due_flags = TC;
    }
}

static void advance(model_t *model, uint64_t now_ns) {
    (void)model;
    if (due_flags == 0 || now_ns < due_ns) {
        return;
    }
    const uint32_t flags = due_flags;
    due_flags = 0;
    if (flags == NACKF) {
        no_acknowledge();
    } else if (flags == TC) {
        transferred();
    } else {
        if (flags == RXNE && got_at < sizeof(got)) {
            R(RXDR) = got[got_at++];
        }
        R(ISR) |= flags;
    }
    interrupt();
}

static uint32_t read_i2c(model_t *model, uint32_t offset, unsigned size) {
    (void)size;
    if (offset > TXDR) {
        bench_violation("I2C4: read at 0x%02x, where no register is", (unsigned)offset);
        return 0;
    }
    if (offset == ISR) {
        advance(model, bench_now_ns());
    } else if (offset == RXDR && (R(ISR) & RXNE)) {
        R(ISR) &= ~(uint32_t)RXNE;
        left--;
        next_byte();
        interrupt();
    }
    return R(offset & ~3u);
}

static void write_i2c(model_t *model, uint32_t offset, unsigned size, uint32_t value) {
    (void)model, (void)size;
    switch (offset) {
        case CR1:
            if (!(value & PE)) { // RM, "Software reset": flags and state go, settings stay
                R(ISR) = TXE;
                R(CR2) &= ~(uint32_t)(START | STOP);
                owns = false;
                due_flags = 0;
                sent_count = 0;
            }
            R(CR1) = value;
            break;
        case CR2: {
            const bool more = owns && (R(ISR) & TCR) && !(value & START);
            R(CR2) = value;
            if (value & START) {
                start();
            } else if ((value & STOP) && owns) {
                stop();
            } else if (more) {
                R(ISR) &= ~(uint32_t)TCR;
                left = value >> 16 & 0xff;
                if (reading && i2c_read && left <= 62) {
                    bench_violation("I2C4: a read of more than 255 bytes is not in the model");
                }
                next_byte();
            }
            break;
        }
        case TIMINGR:
            if (R(CR1) & PE) {
                bench_violation("I2C4: timings changed while it is on (RM, I2C_TIMINGR)");
            }
            R(TIMINGR) = value;
            break;
        case ISR:
            if (value & 1) {
                R(ISR) |= TXE;
            }
            break;
        case ICR:
            R(ISR) &= ~(value & 0x3f38u);
            break;
        case TXDR:
            R(ISR) &= ~(uint32_t)TXE;
            if (owns && !reading && left) {
                if (sent_count < sizeof(sent)) {
                    sent[sent_count++] = (uint8_t)value;
                }
                R(ISR) = (R(ISR) & ~(uint32_t)TXIS) | TXE;
                left--;
                next_byte();
            }
            break;
        default:
            if (offset > TXDR || offset == RXDR || offset == PECR) {
                bench_violation("I2C4: write at 0x%02x, where nothing can be written", (unsigned)offset);
                return;
            }
            R(offset & ~3u) = value;
            break;
    }
    interrupt();
}

static void reset_i2c(model_t *model) {
    (void)model;
    memset(registers, 0, sizeof(registers));
    R(ISR) = TXE;
    owns = false;
    due_flags = 0;
    sent_count = 0;
    interrupt();
}

model_t *i2c4_model(void) {
    static model_t model = {.name = "I2C4",
        .base = 0x58001c00u,
        .size = 0x400,
        .read = read_i2c,
        .write = write_i2c,
        .advance = advance,
        .reset = reset_i2c};
    return &model;
}
