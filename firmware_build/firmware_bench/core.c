// What lies at 0xe0000000: NVIC, SysTick, SCB with the caches' operations, MPU, FPU, DWT (ARMv7-M manual DDI 0403E, B3; Cortex-M7
// manual DDI 0489).
#include "bench.h"

#include <string.h>

enum { EXCEPTIONS = 256, NMI = 2, HARD = 3, PENDSV = 14, SYSTICK = 15, FIRST_IRQ = 16 };

static bool pending[EXCEPTIONS], active[EXCEPTIONS], enabled[EXCEPTIONS], line[EXCEPTIONS];
static uint8_t priority[EXCEPTIONS];
static unsigned pendings; // how many are pending, enabled or not
static uint32_t words[0x1000 / 4]; // plain storage of the SCS
static uint32_t dwt[0x1000 / 4];
static uint64_t cyccnt_zero;
static bool reset_wanted;
#define SCS(offset) words[(offset) / 4]
#define CSR SCS(0x10)
#define RVR SCS(0x14)
#define VTOR SCS(0xd08)
#define AIRCR SCS(0xd0c)
#define CCR SCS(0xd14)
#define SHCSR SCS(0xd24)
#define CFSR SCS(0xd28)
#define HFSR SCS(0xd2c)

// ---- MPU ----

static struct {
    uint32_t base, attributes;
} region[16];
static uint32_t mpu_control, mpu_number;

// The highest region that holds the address (B3.5.3); -1: none.
static int region_of(uint32_t address) {
    for (int i = 15; i >= 0; i--) {
        const uint32_t rasr = region[i].attributes;
        if (!(rasr & 1)) {
            continue;
        }
        const unsigned bits = (rasr >> 1 & 31) + 1;
        const uint32_t mask = bits >= 32 ? 0xffffffffu : (1u << bits) - 1;
        if ((address & ~mask) != (region[i].base & ~mask)) {
            continue;
        }
        if (bits >= 8 && (rasr >> (8 + ((address & mask) >> (bits - 3))) & 1)) {
            continue;
        }
        return i;
    }
    return -1;
}

bool core_allows(uint32_t address, bool write, bool execute) {
    if (!(mpu_control & 1) || address >= 0xe0000000u) {
        return true;
    }
    const int i = region_of(address);
    if (i < 0) {
        return mpu_control & 4; // PRIVDEFENA
    }
    const unsigned ap = region[i].attributes >> 24 & 7;
    if (execute && (region[i].attributes >> 28 & 1)) {
        return false;
    }
    return ap != 0 && ap != 4 && (!write || ap < 4);
}

// Device or strongly-ordered: the default map (B3.1) or a region's TEX, C, B (B3.5.9).
bool core_device_memory(uint32_t address) {
    if (mpu_control & 1) {
        const int i = region_of(address);
        if (i >= 0) {
            const unsigned tex = region[i].attributes >> 19 & 7, cb = region[i].attributes >> 16 & 3;
            return (tex == 0 && cb <= 1) || (tex == 2 && cb == 0);
        }
    }
    const unsigned block = address >> 29; // of 512 MB
    return block == 2 || block == 5 || block == 6 || block == 7;
}

// Normal memory, write-back and not shareable (B3.5.9; the Cortex-M7 does not cache shareable memory, DDI 0489F 5.2.2), while
// the cache is on.
bool core_write_back(uint32_t address) {
    if (!(CCR & 1u << 16)) {
        return false;
    }
    const int i = mpu_control & 1 ? region_of(address) : -1;
    if (i < 0) {
        const unsigned block = address >> 29;
        return block == 1 || block == 3; // the default map: 0x20000000, 0x60000000
    }
    const uint32_t rasr = region[i].attributes;
    const unsigned tex = rasr >> 19 & 7, cb = rasr >> 16 & 3;
    if (rasr >> 18 & 1) {
        return false;
    }
    return tex == 0 || tex == 1 ? cb == 3 : tex >= 4 && (cb == 1 || cb == 3);
}

// ---- exceptions ----

static void set_pending(unsigned number, bool on) {
    if (pending[number] != on) {
        pending[number] = on;
        pendings += on ? 1u : ~0u;
    }
    if (on) {
        cpu_attend();
    }
}

void core_pend(unsigned number, bool on) {
    set_pending(number, on);
}

void bench_irq(unsigned number, bool level) {
    const unsigned n = FIRST_IRQ + number;
    if (n >= EXCEPTIONS) {
        return;
    }
    if (level && !line[n] && !active[n]) {
        set_pending(n, true);
    } else if (!level && line[n] && pending[n]) {
        set_pending(n, false); // a level that has gone before it was taken
    }
    line[n] = level;
}

int core_priority(unsigned number) {
    return number == 0 ? 256 : number == NMI ? -2 : number == HARD ? -1 : priority[number];
}

bool core_enabled(unsigned number) {
    if (number >= 4 && number <= 6) {
        return SHCSR >> (12 + number) & 1;
    }
    return number < FIRST_IRQ || enabled[number];
}

static int group(int value) {
    const unsigned split = AIRCR >> 8 & 7;
    return value < 0 ? value : value & ~((2 << split) - 1);
}

unsigned core_next(int below) {
    if (pendings == 0) {
        return 0;
    }
    int running = 256;
    for (unsigned n = 1; n < EXCEPTIONS; n++) {
        if (active[n] && group(core_priority(n)) < running) {
            running = group(core_priority(n));
        }
    }
    unsigned best = 0;
    for (unsigned n = 1; n < EXCEPTIONS; n++) {
        if (pending[n] && core_enabled(n) && group(core_priority(n)) < running && group(core_priority(n)) < below &&
            core_priority(n) < core_priority(best)) {
            best = n;
        }
    }
    return best;
}

bool core_any_pending(void) {
    if (pendings == 0) {
        return false;
    }
    for (unsigned n = 1; n < EXCEPTIONS; n++) {
        if (pending[n] && core_enabled(n)) {
            return true;
        }
    }
    return false;
}

void core_take(unsigned number) {
    set_pending(number, false);
    active[number] = true;
}

void core_left(unsigned number) {
    active[number] = false;
    if (line[number]) {
        set_pending(number, true);
    }
}

uint32_t core_vector(unsigned number) {
    return memory_word(VTOR + 4 * number);
}

void core_fault(uint32_t cfsr, uint32_t address) {
    if (cfsr >> 31) {
        HFSR |= 1u << 31;
        return;
    }
    CFSR |= cfsr;
    HFSR |= 1u << 30;
    if (cfsr & 0x80) {
        SCS(0xd34) = address;
    }
    if (cfsr & 0x8000) {
        SCS(0xd38) = address;
    }
}

bool core_reset_wanted(void) {
    return reset_wanted;
}

// ---- SysTick ----

static uint64_t tick_zero; // when it held RVR last

uint64_t core_systick_due(void) {
    return CSR & 1 && RVR ? tick_zero + RVR + 1 : NEVER;
}

void core_systick(void) {
    const uint64_t period = (uint64_t)RVR + 1;
    tick_zero += (cycles - tick_zero) / period * period;
    CSR |= 1u << 16;
    if (CSR & 2) {
        set_pending(SYSTICK, true);
    }
}

static uint32_t systick_value(void) {
    if (!(CSR & 1) || RVR == 0) {
        return SCS(0x18);
    }
    const uint64_t passed = (cycles - tick_zero) % ((uint64_t)RVR + 1);
    return passed ? RVR - (uint32_t)passed + 1 : 0;
}

// A loop that waits looks at the time over and over. From its fifth look on each takes a microsecond: that much a wait may be
// too long, and the bench does not execute what nobody would miss.
static void looked(void) {
    static uint64_t last;
    static uint32_t from;
    static unsigned looks;
    const uint64_t microsecond = cpu_hertz() / 1000000;
    if (from != instruction_at || cycles - last >= microsecond) {
        from = instruction_at;
        looks = 0;
    } else if (++looks > 4) {
        cycles = last + microsecond - 1;
    }
    last = cycles;
}

// ---- registers ----

void core_reset(void) {
    memset(pending, 0, sizeof(pending));
    memset(active, 0, sizeof(active));
    memset(enabled, 0, sizeof(enabled));
    memset(line, 0, sizeof(line));
    memset(priority, 0, sizeof(priority));
    memset(words, 0, sizeof(words));
    memset(dwt, 0, sizeof(dwt));
    memset(region, 0, sizeof(region));
    mpu_control = mpu_number = 0;
    pendings = 0;
    reset_wanted = false;
    CCR = 0x00040200u;
    AIRCR = 0xfa050000u;
    VTOR = FLASH_BASE; // BOOT_CM7_ADD0 as the factory sets it (RM0399 2.6)
    SCS(0xd00) = 0x411fc271u;
    SCS(0xf34) = 0xc0000000u;
}

static uint32_t bits_of(const bool *array, uint32_t offset) {
    uint32_t value = 0;
    for (unsigned i = 0; i < 32; i++) {
        const unsigned n = FIRST_IRQ + offset / 4 * 32 + i;
        if (n < EXCEPTIONS && array[n]) {
            value |= 1u << i;
        }
    }
    return value;
}

static uint32_t scs_read(uint32_t offset) {
    if (offset >= 0x100 && offset < 0x180) {
        return bits_of(enabled, offset - 0x100);
    }
    if (offset >= 0x180 && offset < 0x200) {
        return bits_of(enabled, offset - 0x180);
    }
    if (offset >= 0x200 && offset < 0x300) {
        return bits_of(pending, (offset & 0x7f));
    }
    if (offset >= 0x300 && offset < 0x380) {
        return bits_of(active, offset - 0x300);
    }
    if (offset >= 0x400 && offset < 0x4f0) {
        uint32_t value;
        memcpy(&value, &priority[FIRST_IRQ + (offset - 0x400)], 4);
        return value;
    }
    switch (offset) {
        case 0x10: {
            const uint32_t value = CSR;
            CSR &= ~(1u << 16);
            return value;
        }
        case 0x18:
            looked();
            return systick_value();
        case 0x1c:
            return 0x3e8;
        case 0xd04: {
            unsigned now = 0;
            uint32_t value = pending[PENDSV] ? 1u << 28 : 0;
            value |= pending[SYSTICK] ? 1u << 26 : 0;
            uint32_t ipsr = 0;
            uc_reg_read(uc, UC_ARM_REG_XPSR, &ipsr);
            now = ipsr & 0x1ff;
            const unsigned next = core_next(257);
            return value | now | next << 12 | (next >= FIRST_IRQ ? 1u << 22 : 0);
        }
        case 0xd0c:
            return 0xfa050000u | (AIRCR & 0x700);
        case 0xd18:
        case 0xd1c:
        case 0xd20: {
            uint32_t value;
            memcpy(&value, &priority[offset - 0xd14], 4);
            return value;
        }
        case 0xd78:
            return 0x09000003u; // level 1: separate caches
        case 0xd7c:
            return 0x8303c003u;
        case 0xd80:
            return SCS(0xd84) & 1 ? 0xf01fe009u : 0xf00fe019u; // 16 KB each, lines of 32 bytes
        case 0xd90:
            return 16 << 8;
        case 0xd94:
            return mpu_control;
        case 0xd98:
            return mpu_number;
        case 0xd9c:
            return region[mpu_number].base | mpu_number;
        case 0xda0:
            return region[mpu_number].attributes;
        case 0xf40:
            return 0x10110021u;
        case 0xf44:
            return 0x11000011u;
        case 0xf48:
            return 0x00000040u;
        default:
            return words[offset / 4];
    }
}

static void change_bits(uint32_t offset, uint32_t value, bool *array, bool on, bool pends) {
    for (unsigned i = 0; i < 32; i++) {
        const unsigned n = FIRST_IRQ + offset / 4 * 32 + i;
        if (n >= EXCEPTIONS || !(value >> i & 1)) {
            continue;
        }
        if (pends) {
            set_pending(n, on);
        } else {
            array[n] = on;
        }
    }
    cpu_attend();
}

static void scs_write(uint32_t offset, uint32_t value) {
    if (offset >= 0x100 && offset < 0x200) {
        change_bits(offset & 0x7f, value, enabled, offset < 0x180, false);
        return;
    }
    if (offset >= 0x200 && offset < 0x300) {
        change_bits(offset & 0x7f, value, NULL, offset < 0x280, true);
        return;
    }
    if (offset >= 0x400 && offset < 0x4f0) {
        for (unsigned i = 0; i < 4; i++) {
            priority[FIRST_IRQ + (offset - 0x400) + i] = value >> (8 * i) & 0xf0; // four bits (RM0399 20.1)
        }
        cpu_attend();
        return;
    }
    switch (offset) {
        case 0x10:
            if ((value & 1) && !(CSR & 1)) {
                tick_zero = cycles;
            }
            CSR = (CSR & 1u << 16) | (value & 7);
            cpu_deadline(core_systick_due());
            break;
        case 0x14:
            RVR = value & 0xffffff;
            cpu_deadline(core_systick_due());
            break;
        case 0x18:
            tick_zero = cycles;
            CSR &= ~(1u << 16);
            cpu_deadline(core_systick_due());
            break;
        case 0xd04:
            if (value & 1u << 28) {
                set_pending(PENDSV, true);
            }
            if (value & 1u << 27) {
                set_pending(PENDSV, false);
            }
            if (value & 1u << 26) {
                set_pending(SYSTICK, true);
            }
            if (value & 1u << 25) {
                set_pending(SYSTICK, false);
            }
            if (value & 1u << 31) {
                set_pending(NMI, true);
            }
            break;
        case 0xd08:
            VTOR = value & 0xffffff80u;
            break;
        case 0xd0c:
            if (value >> 16 == 0x5fa) {
                AIRCR = 0xfa050000u | (value & 0x700);
                if (value & 4) {
                    reset_wanted = true;
                    cpu_deadline(0);
                }
            }
            break;
        case 0xd14:
            CCR = value;
            cache_changed();
            break;
        case 0xf68: // DCCMVAC
        case 0xf70: // DCCIMVAC
            cache_clean(value);
            break;
        case 0xf6c: // DCCSW
        case 0xf74: // DCCISW
            cache_clean_all();
            break;
        case 0xd18:
        case 0xd1c:
        case 0xd20:
            for (unsigned i = 0; i < 4; i++) {
                priority[offset - 0xd14 + i] = value >> (8 * i) & 0xf0;
            }
            cpu_attend();
            break;
        case 0xd28:
        case 0xd2c:
        case 0xd30:
            words[offset / 4] &= ~value;
            break;
        case 0xd94:
            mpu_control = value & 7;
            cache_changed();
            break;
        case 0xd98:
            mpu_number = value & 15;
            break;
        case 0xd9c:
            if (value & 16) {
                mpu_number = value & 15;
            }
            region[mpu_number].base = value & ~31u;
            break;
        case 0xda0:
            region[mpu_number].attributes = value & 0x173fff3fu;
            cache_changed();
            break;
        case 0xf00:
            if ((value & 0x1ff) + FIRST_IRQ < EXCEPTIONS) {
                set_pending((value & 0x1ff) + FIRST_IRQ, true);
            }
            break;
        case 0xd00:
        case 0xd78:
        case 0xd7c:
        case 0xd80:
        case 0xd90:
            break; // read-only
        default:
            words[offset / 4] = value;
            break;
    }
}

static uint32_t part_of(uint32_t word, uint32_t address, unsigned size) {
    word >>= 8 * (address & 3);
    return size == 4 ? word : word & ((1u << (8 * size)) - 1);
}

uint32_t core_read(uint32_t address, unsigned size) {
    const uint32_t offset = address & 0xffc;
    switch (address >> 12) {
        case 0xe000e:
            return part_of(scs_read(offset), address, size);
        case 0xe0001:
            if (offset == 0) {
                return 0x40000000u | (dwt[0] & 1);
            }
            if (offset == 4) {
                return dwt[0] & 1 ? (uint32_t)(cycles - cyccnt_zero) : dwt[1];
            }
            return part_of(dwt[offset / 4], address, size);
        default:
            return 0; // ITM, TPIU, ROM tables: no debugger is there
    }
}

void core_write(uint32_t address, unsigned size, uint32_t value) {
    const uint32_t offset = address & 0xffc;
    if (address >> 12 == 0xe000e) {
        if (size < 4) {
            if ((offset >= 0x400 && offset < 0x4f0) || (offset >= 0xd18 && offset <= 0xd20)) {
                for (unsigned i = 0; i < size; i++) {
                    const uint32_t at = (address & 0xfff) + i;
                    priority[at >= 0xd18 ? at - 0xd14 : FIRST_IRQ + at - 0x400] = value >> (8 * i) & 0xf0;
                }
                cpu_attend();
                return;
            }
            bench_violation("write of %u bytes at 0x%08x, which takes words", size, (unsigned)address);
        }
        scs_write(offset, value);
    } else if (address >> 12 == 0xe0001) {
        if (offset == 4) {
            cyccnt_zero = cycles - value;
            dwt[1] = value;
        } else if (offset == 0) {
            if ((value & 1) && !(dwt[0] & 1)) {
                cyccnt_zero = cycles - dwt[1];
            } else if (!(value & 1) && (dwt[0] & 1)) {
                dwt[1] = (uint32_t)(cycles - cyccnt_zero);
            }
            dwt[0] = value;
        } else {
            dwt[offset / 4] = value;
        }
    }
}
