#include "quadspi.h"

#include "nor_flash.h"

#include <string.h>

// "RM" is RM0399, chapter "Quad-SPI interface (QUADSPI)".
enum {
    CR = 0x00,
    DCR = 0x04,
    SR = 0x08,
    FCR = 0x0c,
    DLR = 0x10,
    CCR = 0x14,
    AR = 0x18,
    ABR = 0x1c,
    DR = 0x20,
    PSMKR = 0x24,
    PSMAR = 0x28,
    PIR = 0x2c,
    LPTR = 0x30
};
enum {
    CR_EN = 1 << 0,
    CR_ABORT = 1 << 1,
    CR_DFM = 1 << 6,
    CR_FSEL = 1 << 7,
    CR_TEIE = 1 << 16,
    CR_TCIE = 1 << 17,
    CR_FTIE = 1 << 18
};
enum { SR_TEF = 1 << 0, SR_TCF = 1 << 1, SR_FTF = 1 << 2, SR_BUSY = 1 << 5 };
enum { INDIRECT_WRITE, INDIRECT_READ, POLLING, MEMORY_MAPPED };
enum { FIFO = 32 };

static uint32_t registers[0x40 / 4];
#define R(offset) registers[(offset) / 4]

static uint32_t flags;               // TEF, TCF
static bool busy, mapped_busy;       // an indirect access; memory-mapped mode after its first access
static bool waits_for_address, waits_for_data;
static uint8_t fifo[FIFO];
static unsigned level;
static uint64_t left;                // bytes of the access that the bus has not carried
static uint64_t bus_ns;              // the bus is free again
static uint32_t mapped_next;         // address after the last one read in memory-mapped mode

static unsigned field(uint32_t word, unsigned position, unsigned width) {
    return (unsigned)(word >> position) & ((1u << width) - 1);
}

static unsigned mode(void) {
    return field(R(CCR), 26, 2);
}

static unsigned lines(unsigned position) { // of IMODE, ADMODE, ABMODE, DMODE: 0, 1, 2 or 4
    const unsigned coded = field(R(CCR), position, 2);
    return coded == 3 ? 4 : coded;
}

static unsigned dies_at_once(void) {
    return R(CR) & CR_DFM ? 2 : 1;
}

static uint64_t clock_ns(uint64_t clocks) {
    const uint32_t hz = bench_clock_hz(BENCH_CLOCK_QUADSPI);
    if (hz == 0) {
        bench_violation("QUADSPI: an access while its kernel clock stands still");
        return 0;
    }
    return (clocks * (field(R(CR), 24, 8) + 1) * 1000000000ull + hz - 1) / hz;
}

// ---- the lines (RM, "QUADSPI signal interface protocol modes") ----

// On one line IO0 is driven, IO1 an input; IO2 is held low and IO3 high unless the data phase has four lines. On two, IO0 and
// IO1 are driven, IO2 and IO3 as before. On four all are.
static void send_bits(unsigned die, unsigned count_lines, unsigned bits) {
    switch (count_lines) {
        case 1:
            nor_clock(die, 0xd, 0x8 | (bits & 1));
            break;
        case 2:
            nor_clock(die, 0xf, 0x8 | (bits & 3));
            break;
        default:
            nor_clock(die, 0xf, bits & 0xf);
            break;
    }
}

// To both dies: the other one has the clock and S#, but floating lines, unless both are in use.
static uint64_t send_byte(unsigned byte, unsigned second, unsigned count_lines) {
    for (unsigned bit = 8; bit > 0;) {
        bit -= count_lines;
        send_bits(0, count_lines, byte >> bit);
        if (dies_at_once() == 2) {
            send_bits(1, count_lines, second >> bit);
        } else {
            nor_clock(1, 0, 0);
        }
    }
    return 8 / count_lines;
}

static uint64_t send_word(uint32_t word, unsigned bytes, unsigned count_lines) {
    uint64_t clocks = 0;
    while (bytes > 0) {
        bytes--;
        const unsigned byte = (unsigned)(word >> (8 * bytes)) & 0xff;
        clocks += send_byte(byte, byte, count_lines);
    }
    return clocks;
}

// Bytes of the data phase: one, or one from each die.
static uint64_t receive(uint8_t bytes[2]) {
    const unsigned count_lines = lines(24);
    const unsigned driven = count_lines == 1 ? 0xd : count_lines == 2 ? 0xc : 0;
    bytes[0] = bytes[1] = 0;
    for (unsigned bit = 0; bit < 8; bit += count_lines) {
        for (unsigned die = 0; die < NOR_DIES; die++) {
            unsigned seen = die < dies_at_once() ? nor_clock(die, driven, 0x8) : nor_clock(die, 0, 0);
            seen = count_lines == 1 ? seen >> 1 & 1 : seen & ((1u << count_lines) - 1);
            bytes[die] = (uint8_t)((unsigned)bytes[die] << count_lines | seen);
        }
    }
    return 8 / count_lines;
}

// S# falls; instruction, address, alternate bytes, dummy clocks.
static void start_bus(uint32_t address) {
    if (field(R(CCR), 31, 1) || field(R(CCR), 28, 1)) {
        bench_violation("QUADSPI: DDR and SIOO are not in the model");
    }
    if (R(CR) & CR_FSEL) {
        bench_violation("QUADSPI: flash 2 selected, whose S# this board does not have (UM2411: one S#, BK1_NCS)");
    }
    nor_select();
    uint64_t clocks = 0;
    if (lines(8) > 0) {
        clocks += send_word(field(R(CCR), 0, 8), 1, lines(8));
    }
    if (lines(10) > 0) { // RM, "Dual-flash mode": half the address, to each
        clocks += send_word(address / dies_at_once(), field(R(CCR), 12, 2) + 1, lines(10));
    }
    if (lines(14) > 0) {
        clocks += send_word(R(ABR), field(R(CCR), 16, 2) + 1, lines(14));
    }
    for (unsigned i = 0; i < field(R(CCR), 18, 5); i++) {
        nor_clock(0, 0, 0);
        nor_clock(1, 0, 0);
        clocks++;
    }
    bus_ns = bench_now_ns() + clock_ns(clocks);
}

static void end_bus(void) {
    nor_deselect();
    bus_ns += clock_ns(field(R(DCR), 8, 3) + 1); // CSHT
}

// ---- indirect mode ----

static void finish(void) {
    end_bus();
    flags |= SR_TCF;
}

// What the bus has done until now. RM: it stops where the FIFO is full (read) or empty (write).
static void run_bus(uint64_t until_ns) {
    if (!busy || waits_for_address || (waits_for_data && level == 0)) {
        return;
    }
    if (left == 0 && !(flags & SR_TCF)) {
        if (bus_ns <= until_ns) {
            finish();
        }
        return;
    }
    const unsigned step = dies_at_once(), count_lines = lines(24);
    if (left > 0 && waits_for_data) { // the first byte starts a write
        waits_for_data = false;
        start_bus(R(AR));
    }
    while (left > 0 && count_lines > 0) {
        const uint64_t ns = clock_ns(8 / count_lines);
        if (bus_ns + ns > until_ns) {
            return;
        }
        if (mode() == INDIRECT_READ) {
            if (level + step > FIFO) {
                bus_ns = until_ns;
                return;
            }
            uint8_t bytes[2];
            receive(bytes);
            memcpy(fifo + level, bytes, step);
            level += step;
        } else {
            if (level < step) {
                bus_ns = until_ns;
                return;
            }
            send_byte(fifo[0], fifo[1], count_lines);
            level -= step;
            memmove(fifo, fifo + step, level);
        }
        bus_ns += ns;
        left -= left < step ? left : step;
    }
    if (left == 0 && !(flags & SR_TCF)) {
        finish();
    }
}

// RM, "QUADSPI indirect mode": when an access begins.
static void begin(void) {
    const bool data = lines(24) > 0;
    if (lines(8) + lines(10) + lines(14) + lines(24) == 0) {
        bench_violation("QUADSPI: an access without any phase");
        return;
    }
    flags &= (uint32_t)~SR_TCF;
    level = 0;
    left = data ? (uint64_t)R(DLR) + 1 : 0;
    if (data && left % dies_at_once() != 0) {
        bench_violation("QUADSPI: an odd number of bytes in dual-flash mode (RM, QUADSPI_DLR)");
    }
    busy = true;
    waits_for_address = lines(10) > 0;
    waits_for_data = data && mode() == INDIRECT_WRITE;
    if (!waits_for_address && !waits_for_data) {
        start_bus(0);
    }
}

static void take_address(void) {
    const uint64_t size = 2ull << field(R(DCR), 16, 5), bytes = lines(24) > 0 ? (uint64_t)R(DLR) + 1 : 0;
    if (R(AR) >= size || R(AR) + bytes > size) { // RM, "QUADSPI error management"
        bench_violation("QUADSPI: address 0x%08x + %u beyond the %u MB of FSIZE (RM, error management)",
            (unsigned)R(AR), (unsigned)bytes, (unsigned)(size >> 20));
        flags |= SR_TEF;
        busy = false;
        return;
    }
    if (!waits_for_address) { // once more in the same mode: a new access
        begin();
    }
    waits_for_address = false;
    if (!waits_for_data) {
        start_bus(R(AR));
    }
}

static bool is_busy(void) {
    run_bus(bench_now_ns());
    if (busy && (flags & SR_TCF) && level == 0) {
        busy = false; // RM: the operation is over and the FIFO is empty
    }
    // RM, "QUADSPI indirect mode": nothing has begun where it waits for its address or its first byte.
    return (busy && !waits_for_address && !waits_for_data) || mapped_busy;
}

static uint32_t status(void) {
    const bool is = is_busy();
    const unsigned threshold = field(R(CR), 8, 5) + 1;
    bool ft = false;
    if (busy) { // RM, QUADSPI_SR.FTF
        ft = mode() == INDIRECT_READ ? level >= threshold || ((flags & SR_TCF) && level > 0)
                                     : FIFO - level >= threshold;
    }
    return flags | (ft ? SR_FTF : 0) | (is ? SR_BUSY : 0) | level << 8;
}

static uint32_t read_data(unsigned size) {
    if (mode() != INDIRECT_READ || !busy) {
        bench_violation("QUADSPI: data read without an indirect read (RM, QUADSPI_DR)");
        return 0;
    }
    while (level < size && !(flags & SR_TCF)) { // RM: the access waits
        if (waits_for_address) {
            bench_violation("QUADSPI: data read before the address is given: the processor waits for ever");
            return 0;
        }
        const uint64_t before = bus_ns;
        run_bus(bus_ns + clock_ns(64));
        if (bus_ns == before && left > 0) {
            return 0; // no clock
        }
    }
    uint32_t value = 0;
    const unsigned count = level < size ? level : size;
    for (unsigned i = 0; i < count; i++) {
        value |= (uint32_t)fifo[i] << (8 * i);
    }
    level -= count;
    memmove(fifo, fifo + count, level);
    is_busy();
    return value;
}

static void write_data(unsigned size, uint32_t value) {
    if (mode() != INDIRECT_WRITE || !busy) {
        bench_violation("QUADSPI: data written without an indirect write (RM, QUADSPI_DR)");
        return;
    }
    if (waits_for_address) {
        bench_violation("QUADSPI: data written before the address (RM, indirect mode: AR, then DR)");
        return;
    }
    if (size > left - level) {
        bench_violation(
            "QUADSPI: %u bytes written where DLR leaves %u (RM, QUADSPI_DLR)", size, (unsigned)(left - level));
        size = (unsigned)(left - level);
    }
    for (unsigned i = 0; i < size; i++) {
        while (level == FIFO) { // RM: the access waits
            const uint64_t before = bus_ns;
            run_bus(bus_ns + clock_ns(64));
            if (bus_ns == before) {
                return;
            }
        }
        fifo[level++] = (uint8_t)(value >> (8 * i));
    }
    run_bus(bench_now_ns());
}

static void stop(void) {
    if (mapped_busy || (busy && !waits_for_address && !waits_for_data && !(flags & SR_TCF))) {
        end_bus();
    }
    busy = mapped_busy = waits_for_address = waits_for_data = false;
    level = 0;
    left = 0;
}

// ---- memory-mapped mode ----

uint32_t quadspi_mapped_read(uint32_t offset, unsigned size) {
    if (!bench_clock_on(BENCH_QUADSPI) || !(R(CR) & CR_EN) || mode() != MEMORY_MAPPED) {
        bench_violation("QUADSPI: a read of its window at 0x%08x outside memory-mapped mode (RM, memory-mapped mode)",
            (unsigned)(QUADSPI_WINDOW + offset));
        return 0;
    }
    const uint64_t bytes = 2ull << field(R(DCR), 16, 5);
    if (offset + size > bytes) {
        bench_violation("QUADSPI: a read of its window at 0x%08x beyond the flash (RM, memory-mapped mode)",
            (unsigned)(QUADSPI_WINDOW + offset));
        return 0;
    }
    if (!mapped_busy || mapped_next != offset) { // it reads on, with S# low, until another address is wanted
        if (mapped_busy) {
            end_bus();
        }
        start_bus(offset);
        mapped_busy = true;
    }
    uint32_t value = 0;
    for (unsigned i = 0; i < size; i += dies_at_once()) {
        uint8_t pair[2];
        receive(pair);
        value |= (uint32_t)pair[0] << (8 * i) | (dies_at_once() == 2 ? (uint32_t)pair[1] << (8 * i + 8) : 0);
    }
    mapped_next = offset + size;
    return value;
}

// ---- registers ----

static void update_irq(void) {
    const uint32_t now = status();
    bench_irq(QUADSPI_IRQ,
        ((now & SR_TEF) && (R(CR) & CR_TEIE)) || ((now & SR_TCF) && (R(CR) & CR_TCIE)) ||
            ((now & SR_FTF) && (R(CR) & CR_FTIE)));
}

static uint32_t read(model_t *self, uint32_t offset, unsigned size) {
    (void)self;
    if (!bench_clock_on(BENCH_QUADSPI)) {
        bench_violation("QUADSPI: register 0x%02x read without its clock (RM0399, RCC)", (unsigned)offset);
        return 0;
    }
    if ((offset & ~3u) == DR) {
        return read_data(size);
    }
    if (size != 4) {
        bench_violation("QUADSPI: register 0x%02x read by %u byte(s)", (unsigned)offset, size);
    }
    const uint32_t value = (offset & ~3u) == SR ? status() : offset < sizeof(registers) ? R(offset) : 0;
    update_irq();
    return (offset & ~3u) == FCR ? 0 : value;
}

static void write(model_t *self, uint32_t offset, unsigned size, uint32_t value) {
    (void)self;
    if (!bench_clock_on(BENCH_QUADSPI)) {
        bench_violation("QUADSPI: register 0x%02x written without its clock (RM0399, RCC)", (unsigned)offset);
        return;
    }
    if ((offset & ~3u) == DR) {
        write_data(size, value);
        update_irq();
        return;
    }
    if (size != 4) {
        bench_violation("QUADSPI: register 0x%02x written by %u byte(s)", (unsigned)offset, size);
    }
    const bool occupied = is_busy();
    switch (offset) {
        case CR:
            if (occupied && ((R(CR) ^ value) & 0xff0000d0u)) {
                bench_violation("QUADSPI: prescaler, flash or sample shift changed while busy (RM, QUADSPI_CR)");
            }
            R(CR) = value & ~(uint32_t)CR_ABORT;
            if (value & CR_ABORT) { // RM: it ends what is under way and empties the FIFO
                const bool was = occupied;
                stop();
                flags |= was ? SR_TCF : 0;
            }
            if (!(value & CR_EN)) {
                stop();
            }
            break;
        case DCR:
            if (occupied) {
                bench_violation("QUADSPI: QUADSPI_DCR written while busy (RM, QUADSPI_DCR)");
                return;
            }
            R(DCR) = value;
            break;
        case FCR:
            flags &= ~value;
            break;
        case DLR:
        case ABR:
        case PSMKR:
        case PSMAR:
        case PIR:
        case LPTR:
            if (occupied) {
                bench_violation("QUADSPI: register 0x%02x written while busy (RM, its description)", (unsigned)offset);
                return;
            }
            R(offset) = value;
            break;
        case CCR:
            if (occupied) {
                bench_violation("QUADSPI: QUADSPI_CCR written while busy (RM, QUADSPI_CCR)");
                return;
            }
            if (!(R(CR) & CR_EN)) {
                bench_violation("QUADSPI: an access while it is disabled (RM, QUADSPI_CR.EN)");
            }
            R(CCR) = value;
            if (mode() == POLLING) {
                bench_violation("QUADSPI: automatic polling is not in the model");
            } else if (mode() == MEMORY_MAPPED) {
                if (lines(10) == 0 || lines(24) == 0) {
                    bench_violation("QUADSPI: memory-mapped mode without address or data (RM, memory-mapped mode)");
                }
            } else {
                begin();
            }
            break;
        case AR:
            if (mode() == MEMORY_MAPPED) {
                bench_violation("QUADSPI: QUADSPI_AR written in memory-mapped mode (RM, QUADSPI_AR)");
                return;
            }
            if (occupied && !waits_for_address) {
                bench_violation("QUADSPI: QUADSPI_AR written while busy (RM, QUADSPI_AR)");
                return;
            }
            R(AR) = value;
            if (lines(10) > 0) {
                take_address();
            }
            break;
        default:
            bench_violation("QUADSPI: register 0x%02x written, which is not writable", (unsigned)offset);
            break;
    }
    update_irq();
}

static void reset(
    model_t *self) { // all registers are 0 (RM, "QUADSPI register map"); S# rises, the flash keeps its mode
    (void)self;
    nor_deselect();
    memset(registers, 0, sizeof(registers));
    flags = 0;
    busy = mapped_busy = waits_for_address = waits_for_data = false;
    level = 0;
    left = bus_ns = 0;
}

static void power_on(model_t *self) {
    reset(self);
    nor_power_on();
}

static void advance(model_t *self, uint64_t now_ns) {
    (void)self;
    run_bus(now_ns);
    update_irq();
}

model_t *quadspi_model(void) {
    static model_t model = {"QUADSPI", 0x52005000, 0x1000, read, write, advance, reset, power_on};
    return &model;
}
