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
static uint8_t got[I2C_BURST];
static unsigned got_at, left;  // bytes left of NBYTES
static uint64_t due_ns;        // when what is on the wires has ended
static enum { NOTHING, ADDRESS, SENT, RECEIVED } due;

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

static void later(int what, unsigned bits) {
    due_ns = bench_now_ns() + bits * bit_ns();
    due = what;
}

static void stop(void) {
    owns = false;
    R(ISR) = (R(ISR) & ~(uint32_t)(BUSY | TC | TCR | TXIS)) | STOPF;
    R(CR2) &= ~(uint32_t)(START | STOP);
    due = NOTHING;
}

// The master sends the stop by itself (RM, "Master transmitter": "a STOP condition is automatically sent").
static void no_acknowledge(void) {
    R(ISR) |= NACKF;
    sent_count = 0;
    stop();
}

// NBYTES are over.
static void transferred(void) {
    if (R(CR2) & RELOAD) {
        R(ISR) |= TCR;
    } else if (R(CR2) & AUTOEND) {
        stop();
    } else {
        R(ISR) |= TC;
    }
}

// All bytes of a write are there. Is the last one acknowledged?
static bool finish_write(void) {
    bool taken = true;
    if (sent_count) {
        pointer = sent[0];
    }
    if (sent_count > 1) {
        taken = i2c_write && i2c_write(address, sent[0], sent + 1, sent_count - 1) == 0;
    }
    sent_count = 0;
    return taken;
}

static void start(void) {
    if (!(R(CR1) & PE)) {
        bench_violation("I2C4: a start while it is off (RM, I2C_CR1.PE)");
    }
    if (R(CR2) & 1u << 11) {
        bench_violation("I2C4: 10-bit addresses are not in the model");
    }
    if (sent_count) {
        bench_violation("I2C4: a start in the middle of a write");
    }
    sent_count = 0;
    R(ISR) = (R(ISR) & ~(uint32_t)(TC | TCR | TXIS | RXNE)) | BUSY;
    owns = true;
    reading = R(CR2) & RD_WRN;
    address = (uint8_t)(R(CR2) >> 1 & 0x7f);
    left = R(CR2) >> 16 & 0xff;
    later(ADDRESS, 10);
}

// START falls when the address is sent (RM, I2C_CR2.START), and not before.
static void addressed(void) {
    R(CR2) &= ~(uint32_t)START;
    // How many bytes the master will take the slave does not know.
    const bool there = reading ? i2c_read && i2c_read(address, pointer, got, I2C_BURST) == 0 :
                                 i2c_there && i2c_there(address);
    got_at = 0;
    if (!there) {
        no_acknowledge();
    } else if (left == 0) {
        transferred();
    } else if (reading) {
        later(RECEIVED, 9);
    } else {
        R(ISR) |= TXIS | TXE;
    }
}

static void byte_sent(void) {
    R(ISR) |= TXE;
    if (--left) {
        R(ISR) |= TXIS;
    } else if (R(CR2) & RELOAD || finish_write()) {
        transferred();
    } else {
        no_acknowledge();
    }
}

static void byte_received(void) {
    if (got_at == I2C_BURST) {
        bench_violation("I2C4: a read of more than %d bytes is not in the model", I2C_BURST);
        got_at = 0;
    }
    R(RXDR) = got[got_at++];
    R(ISR) |= RXNE;
}

static void advance(model_t *model, uint64_t now_ns) {
    (void)model;
    if (due == NOTHING || now_ns < due_ns) {
        return;
    }
    const int what = due;
    due = NOTHING;
    if (what == ADDRESS) {
        addressed();
    } else if (what == SENT) {
        byte_sent();
    } else {
        byte_received();
    }
    interrupt();
}

static uint32_t read_i2c(model_t *model, uint32_t offset, unsigned size) {
    (void)size;
    if (offset > TXDR) {
        bench_violation("I2C4: read at 0x%02x, where no register is", (unsigned)offset);
        return 0;
    }
    advance(model, bench_now_ns());
    if (offset == RXDR && (R(ISR) & RXNE)) {
        R(ISR) &= ~(uint32_t)RXNE;
        if (--left) {
            later(RECEIVED, 9);
        } else {
            transferred();
        }
        interrupt();
    }
    return R(offset & ~3u);
}

static void write_i2c(model_t *model, uint32_t offset, unsigned size, uint32_t value) {
    (void)size;
    advance(model, bench_now_ns());
    switch (offset) {
        case CR1:
            if (!(value & PE)) { // RM, "Software reset": flags and state go, settings stay
                R(ISR) = TXE;
                R(CR2) &= ~(uint32_t)(START | STOP);
                owns = false;
                due = NOTHING;
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
                finish_write();
                stop();
            } else if (more) { // NBYTES written while TCR is set (RM, I2C_ISR.TCR)
                R(ISR) &= ~(uint32_t)TCR;
                left = value >> 16 & 0xff;
                if (left == 0) {
                    transferred();
                } else if (reading) {
                    later(RECEIVED, 9);
                } else {
                    R(ISR) |= TXIS;
                }
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
            if (!owns || reading || left == 0 || due != NOTHING) {
                bench_violation("I2C4: a byte that nobody asked for (RM, I2C_ISR.TXIS)");
                break;
            }
            R(ISR) &= ~(uint32_t)(TXE | TXIS);
            if (sent_count < sizeof(sent)) {
                sent[sent_count++] = (uint8_t)value;
            }
            later(SENT, 9);
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
    due = NOTHING;
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
