#include "rcc.h"

#include <string.h>

// "RM" is RM0399, "DS" the data sheet DS12930 (STM32H747xI).
struct rcc_options rcc_options;

enum {
    CR = 0x00,
    CFGR = 0x10,
    D1CFGR = 0x18,
    D2CFGR = 0x1c,
    D3CFGR = 0x20,
    PLLCKSELR = 0x28,
    PLLCFGR = 0x2c,
    PLL1DIVR = 0x30,
    D1CCIPR = 0x4c,
    D2CCIP2R = 0x54,
    D3CCIPR = 0x58,
    BDCR = 0x70,
    CSR = 0x74,
    RSR = 0xd0,
    C1 = 0x130,
    C1_END = 0x17c
};
enum {
    HSION = 1 << 0,
    HSIRDY = 1 << 2,
    CSION = 1 << 7,
    CSIRDY = 1 << 8,
    HSI48ON = 1 << 12,
    HSI48RDY = 1 << 13,
    D1CKRDY = 1 << 14,
    D2CKRDY = 1 << 15,
    HSEON = 1 << 16,
    HSERDY = 1 << 17,
    PLL1ON = 1 << 24,
    PLL1RDY = 1 << 25
};
enum { HSI, CSI, HSE, PLL1 }; // CFGR.SW, and 0 to 2: PLLCKSELR.PLLSRC
enum {
    HSI_HZ = 64000000,
    CSI_HZ = 4000000,
    HSE_HZ = 25000000,
    LSE_HZ = 32768,
    LSI_HZ = 32000
}; // UM2411: 25 MHz, 32768 Hz
// DS, "Wakeup time", "PLL characteristics", "LSE oscillator characteristics": typical or longest.
enum {
    T_HSI = 2000,
    T_CSI = 4000,
    T_HSI48 = 4000,
    T_HSE = 100000,
    T_PLL = 150000,
    T_LSI = 80000,
    T_SWITCH = 500,
    T_SUPPLY = 50000,
    T_SCALING = 50000,
    T_LSE = 500000000
};

static uint32_t registers[0x1000 / 4];
#define R(offset) registers[(offset) / 4]

enum { N_HSI, N_CSI, N_HSI48, N_HSE, N_PLL1, N_PLL2, N_PLL3, N_LSE, N_LSI, SOURCES };
static uint64_t ready_ns[SOURCES]; // when it is ready; NEVER: off, or never
#define NEVER (~0ull)

static uint64_t switched_ns;
static unsigned active;          // what drives the system now

// PWR, SYSCFG, FLASH
static uint32_t pwr[0x400 / 4], syscfg[0x400 / 4], flash[0x1000 / 4];
static bool supplied;            // CR3 was written: once until the next power-on
static uint64_t supply_ns, scaling_ns;
static unsigned scale, wanted_scale; // 0 to 3
static bool said_speed;

static unsigned field(uint32_t word, unsigned position, unsigned width) {
    return (unsigned)(word >> position) & ((1u << width) - 1);
}

static bool is_ready(unsigned source) {
    return ready_ns[source] != NEVER && bench_now_ns() >= ready_ns[source];
}

// ---- frequencies (RM, "Clock distribution overview") ----

static uint32_t hsi_hz(void) {
    return is_ready(N_HSI) ? (uint32_t)HSI_HZ >> field(R(CR), 3, 2) : 0;
}

static uint32_t source_hz(unsigned source) {
    switch (source) {
        case HSI:
            return hsi_hz();
        case CSI:
            return is_ready(N_CSI) ? CSI_HZ : 0;
        case HSE:
            return is_ready(N_HSE) ? HSE_HZ : 0;
        default:
            return 0;
    }
}

static unsigned divr(unsigned pll) {
    return PLL1DIVR + 8 * pll;
}

static uint32_t reference_hz(unsigned pll) {
    const unsigned divider = field(R(PLLCKSELR), 4 + 8 * pll, 6);
    return divider == 0 ? 0 : source_hz(field(R(PLLCKSELR), 0, 2)) / divider;
}

static uint64_t vco_hz(unsigned pll) {
    const unsigned fraction = field(R(PLLCFGR), 4 * pll, 1) ? field(R(divr(pll) + 4), 3, 13) : 0;
    return (uint64_t)reference_hz(pll) * (field(R(divr(pll)), 0, 9) + 1) +
        (uint64_t)reference_hz(pll) * fraction / 8192;
}

static uint32_t pll_hz(unsigned pll, unsigned output) { // 0 to 2: P, Q, R
    static const unsigned position[] = {9, 16, 24};
    if (!is_ready(N_PLL1 + pll) || !field(R(PLLCFGR), 16 + 3 * pll + output, 1)) {
        return 0;
    }
    return (uint32_t)(vco_hz(pll) / (field(R(divr(pll)), position[output], 7) + 1));
}

static uint32_t system_hz(void) {
    return active == PLL1 ? pll_hz(0, 0) : source_hz(active);
}

static unsigned ahb_divider(unsigned coded) {
    static const unsigned dividers[] = {2, 4, 8, 16, 64, 128, 256, 512};
    return coded < 8 ? 1 : dividers[coded - 8];
}

static unsigned apb_divider(unsigned coded) {
    return coded < 4 ? 1 : 2u << (coded - 4);
}

static uint32_t per_hz(void) { // RM, D1CCIPR.CKPERSEL
    return source_hz(field(R(D1CCIPR), 28, 2));
}

uint32_t rcc_clock_hz(unsigned clock) {
    const uint32_t sys = system_hz(), cpu = sys / ahb_divider(field(R(D1CFGR), 8, 4)),
                   hclk = cpu / ahb_divider(field(R(D1CFGR), 0, 4)), pclk2 = hclk / apb_divider(field(R(D2CFGR), 8, 3)),
                   pclk4 = hclk / apb_divider(field(R(D3CFGR), 4, 3));
    switch (clock) {
        case BENCH_CLOCK_SYS:
            return sys;
        case BENCH_CLOCK_CPU:
            return cpu;
        case BENCH_CLOCK_HCLK:
            return hclk;
        case BENCH_CLOCK_PCLK1:
            return hclk / apb_divider(field(R(D2CFGR), 4, 3));
        case BENCH_CLOCK_PCLK2:
            return pclk2;
        case BENCH_CLOCK_PCLK3:
            return hclk / apb_divider(field(R(D1CFGR), 4, 3));
        case BENCH_CLOCK_PCLK4:
            return pclk4;
        case BENCH_CLOCK_FMC:
        case BENCH_CLOCK_QUADSPI: {
            const uint32_t hz[] = {hclk, pll_hz(0, 1), pll_hz(1, 2), per_hz()};
            return hz[field(R(D1CCIPR), clock == BENCH_CLOCK_FMC ? 0 : 4, 2)];
        }
        case BENCH_CLOCK_LTDC:
            return pll_hz(2, 2);
        case BENCH_CLOCK_USART1: {
            const uint32_t hz[8] = {
                pclk2, pll_hz(1, 1), pll_hz(2, 1), hsi_hz(), source_hz(CSI), is_ready(N_LSE) ? LSE_HZ : 0};
            return hz[field(R(D2CCIP2R), 3, 3)];
        }
        case BENCH_CLOCK_I2C4: {
            const uint32_t hz[] = {pclk4, pll_hz(2, 2), hsi_hz(), source_hz(CSI)};
            return hz[field(R(D3CCIPR), 8, 2)];
        }
        case BENCH_CLOCK_RTC: {
            const uint32_t hz[] = {0, is_ready(N_LSE) ? LSE_HZ : 0, is_ready(N_LSI) ? LSI_HZ : 0,
                field(R(CFGR), 8, 6) > 1 && is_ready(N_HSE) ? HSE_HZ / field(R(CFGR), 8, 6) : 0};
            return field(R(BDCR), 15, 1) ? hz[field(R(BDCR), 8, 2)] : 0;
        }
        default:
            bench_violation("RCC: there is no clock %u", clock);
            return 0;
    }
}

bool rcc_clock_on(unsigned peripheral) {
    const unsigned offset = peripheral >> 5, bit = peripheral & 31;
    return field(R(offset), bit, 1) && !field(R(offset - 0x58), bit, 1);
}

// ---- how fast it may run ----

// DS, "General operating conditions": MHz of CPU, AXI and APB by voltage scale. It has 50 for the APB at scale 3, where every
// reset runs it from HSI at 64.
static const unsigned most_mhz[4][3] = {{480, 240, 120}, {400, 200, 100}, {300, 150, 75}, {200, 100, 64}};

// RM, "FLASH recommended number of wait states and programming delay": the AXI clock in MHz up to which a number of wait
// states is enough, by voltage scale; for programs, WRHIGHFREQ likewise.
static const unsigned wait_mhz[4][5] = {
    {70, 140, 210, 225, 240}, {70, 140, 210, 225, 225}, {55, 110, 165, 225, 225}, {45, 90, 135, 180, 225}};
static const unsigned high_mhz[4][3] = {{70, 185, 240}, {70, 185, 225}, {55, 165, 225}, {45, 90, 225}};

static void check_speed(void) {
    const unsigned cpu = (rcc_clock_hz(BENCH_CLOCK_CPU) + 999999) / 1000000,
                   axi = (rcc_clock_hz(BENCH_CLOCK_HCLK) + 999999) / 1000000;
    unsigned apb = 0;
    for (unsigned clock = BENCH_CLOCK_PCLK1; clock <= BENCH_CLOCK_PCLK4; clock++) {
        const unsigned mhz = (rcc_clock_hz(clock) + 999999) / 1000000;
        apb = mhz > apb ? mhz : apb;
    }
    const unsigned waits = field(flash[0], 0, 4), high = field(flash[0], 4, 2);
    const unsigned *most = most_mhz[scale];
    if (cpu <= most[0] && axi <= most[1] && apb <= most[2] && axi <= wait_mhz[scale][waits > 4 ? 4 : waits] &&
        axi <= high_mhz[scale][high > 2 ? 2 : high]) {
        said_speed = false;
        return;
    }
    if (said_speed) {
        return;
    }
    said_speed = true;
    if (cpu > most[0] || axi > most[1] || apb > most[2]) {
        bench_violation(
            "RCC: CPU %u, AXI %u, APB %u MHz at voltage scale %u, which carries %u, %u, %u (DS, General operating "
            "conditions)",
            cpu, axi, apb, scale, most[0], most[1], most[2]);
    } else {
        bench_violation("FLASH: %u wait states, WRHIGHFREQ %u at %u MHz and voltage scale %u (RM, FLASH wait states)",
            waits, high, axi, scale);
    }
}

// ---- time ----

static void settle(void) {
    const uint64_t now = bench_now_ns();
    if (wanted_scale != scale && now >= scaling_ns) {
        scale = wanted_scale;
        check_speed();
    }
    const unsigned wanted = field(R(CFGR), 0, 3);
    if (wanted != active && now >= switched_ns) {
        const bool ready = wanted <= PLL1 &&
            is_ready(wanted == HSI  ? N_HSI
                    : wanted == CSI ? N_CSI
                    : wanted == HSE ? N_HSE
                                    : N_PLL1);
        if (ready && !rcc_options.no_switch) {
            active = wanted;
            check_speed();
        }
    }
}

static void turn(unsigned source, bool on, uint64_t ns, bool broken) {
    if (!on) {
        ready_ns[source] = NEVER;
    } else if (ready_ns[source] == NEVER && !broken) {
        ready_ns[source] = bench_now_ns() + ns;
    }
}

// ---- RCC ----

static bool uses_pll1_source(unsigned source) { // the system's, or that of a PLL that is on
    const bool pll_on = R(CR) & 0x15000000u;
    return active == source || (active == PLL1 && field(R(PLLCKSELR), 0, 2) == source) ||
        (pll_on && field(R(PLLCKSELR), 0, 2) == source);
}

static void check_pll(unsigned pll) { // RM, "PLL initialization phase"; DS, "PLL characteristics"
    static const unsigned from[] = {1, 2, 4, 8}, to[] = {2, 4, 8, 16};
    const uint32_t reference = reference_hz(pll);
    const unsigned range = field(R(PLLCFGR), 2 + 4 * pll, 2);
    const bool medium = field(R(PLLCFGR), 1 + 4 * pll, 1);
    const uint64_t vco = vco_hz(pll), least = medium ? 150000000 : 192000000,
                   most = medium  ? 420000000
        : rcc_options.old_silicon ? 836000000
                                  : 960000000;
    if (reference == 0) {
        bench_violation("RCC: PLL%u is turned on without a source that is ready (RM, PLL initialization)", pll + 1);
    } else if (reference < from[range] * 1000000u || reference > to[range] * 1000000u) {
        bench_violation("RCC: PLL%u's reference of %u kHz is outside its range of %u to %u MHz (RM, PLLxRGE)", pll + 1,
            (unsigned)(reference / 1000), from[range], to[range]);
    } else if (vco < least || vco > most) {
        bench_violation("RCC: PLL%u's oscillator at %u kHz, it carries %u to %u MHz (DS, PLL characteristics)", pll + 1,
            (unsigned)(vco / 1000), (unsigned)(least / 1000000), (unsigned)(most / 1000000));
    }
}

static void write_cr(uint32_t value) {
    const uint32_t before = R(CR);
    if (!(value & HSION) && uses_pll1_source(HSI)) {
        bench_violation("RCC: HSI is turned off while in use (RM, RCC_CR)");
        value |= HSION;
    }
    if (!(value & CSION) && (before & CSION) && uses_pll1_source(CSI)) {
        bench_violation("RCC: CSI is turned off while in use (RM, RCC_CR)");
        value |= CSION;
    }
    if (!(value & HSEON) && (before & HSEON) && uses_pll1_source(HSE)) {
        bench_violation("RCC: HSE is turned off while in use (RM, RCC_CR)");
        value |= HSEON;
    }
    if (!(value & PLL1ON) && (before & PLL1ON) && active == PLL1) {
        bench_violation("RCC: PLL1 is turned off while it runs the system (RM, RCC_CR)");
        value |= PLL1ON;
    }
    if (((before ^ value) & 0x18) && field(R(PLLCKSELR), 0, 2) == HSI && (value & 0x15000000u)) {
        bench_violation("RCC: HSIDIV is changed while a PLL runs from HSI (RM, RCC_CR)");
    }
    R(CR) = value;
    turn(N_HSI, value & HSION, T_HSI, false);
    turn(N_CSI, value & CSION, T_CSI, rcc_options.no_csi);
    turn(N_HSI48, value & HSI48ON, T_HSI48, false);
    turn(N_HSE, value & HSEON, T_HSE, rcc_options.no_hse);
    for (unsigned pll = 0; pll < 3; pll++) {
        const uint32_t on = (uint32_t)PLL1ON << (2 * pll);
        if ((value & on) && !(before & on)) {
            check_pll(pll);
        }
        turn(N_PLL1 + pll, value & on, T_PLL + rcc_options.pll_late_ns,
            field(rcc_options.no_pll, pll, 1) || (ready_ns[N_PLL1 + pll] == NEVER && reference_hz(pll) == 0));
    }
}

static uint32_t read_cr(void) {
    uint32_t value = R(CR) & ~(uint32_t)(HSIRDY | CSIRDY | HSI48RDY | D1CKRDY | D2CKRDY | HSERDY | 0x2a000020u);
    value |= (is_ready(N_HSI) ? HSIRDY | 0x20u : 0) | (is_ready(N_CSI) ? CSIRDY : 0) |
        (is_ready(N_HSI48) ? HSI48RDY : 0) | (is_ready(N_HSE) ? HSERDY : 0) | D1CKRDY | D2CKRDY;
    for (unsigned pll = 0; pll < 3; pll++) {
        value |= is_ready(N_PLL1 + pll) ? (uint32_t)PLL1RDY << (2 * pll) : 0;
    }
    return value;
}

static void write_pll_register(uint32_t offset, uint32_t value) {
    const uint32_t changed = R(offset) ^ value;
    for (unsigned pll = 0; pll < 3; pll++) {
        const bool on = field(R(CR), 24 + 2 * pll, 1) || is_ready(N_PLL1 + pll);
        uint32_t mask = 0;
        if (offset == PLLCKSELR) { // RM: PLLSRC with every PLL off, DIVMx with its own off
            mask = 3u | 0x3fu << (4 + 8 * pll);
        } else if (offset == PLLCFGR) { // RM: range and oscillator with the PLL off
            mask = 0xeu << (4 * pll);
        } else if (offset == divr(pll)) {
            mask = 0xffffffffu;
        }
        if (on && (changed & mask)) {
            bench_violation(
                "RCC: register 0x%02x is changed while PLL%u is on (RM, its description)", (unsigned)offset, pll + 1);
        }
    }
    R(offset) = value;
}

static uint32_t plain(uint32_t offset) { // RM: RCC_C1_x is RCC_x as this core sees it
    return offset >= C1 && offset <= C1_END ? offset - 0x60 : offset;
}

static uint32_t rcc_read(model_t *self, uint32_t offset, unsigned size) {
    (void)self;
    (void)size;
    settle();
    offset = plain(offset & ~3u);
    switch (offset) {
        case CR:
            return read_cr();
        case CFGR:
            return (R(CFGR) & ~0x38u) | active << 3;
        case BDCR:
            return (R(BDCR) & ~2u) | (is_ready(N_LSE) ? 2 : 0);
        case CSR:
            return (R(CSR) & ~2u) | (is_ready(N_LSI) ? 2 : 0);
        default:
            return R(offset);
    }
}

static void rcc_write(model_t *self, uint32_t offset, unsigned size, uint32_t value) {
    (void)self;
    if (size != 4) {
        bench_violation("RCC: register 0x%03x written by %u byte(s)", (unsigned)offset, size);
        return;
    }
    settle();
    offset = plain(offset);
    switch (offset) {
        case CR:
            write_cr(value);
            break;
        case CFGR: {
            static const unsigned source[] = {N_HSI, N_CSI, N_HSE, N_PLL1};
            const unsigned wanted = field(value, 0, 3);
            if (wanted != field(R(CFGR), 0, 3)) {
                if (wanted > PLL1 || !is_ready(source[wanted])) {
                    bench_violation("RCC: the system is switched to a clock that is not ready (RM, RCC_CFGR.SW)");
                }
                switched_ns = bench_now_ns() + T_SWITCH;
            }
            R(CFGR) = value;
            break;
        }
        case D1CFGR:
        case D2CFGR:
        case D3CFGR:
            R(offset) = value;
            check_speed();
            break;
        case PLLCKSELR:
        case PLLCFGR:
        case PLL1DIVR:
        case PLL1DIVR + 8:
        case PLL1DIVR + 16:
            write_pll_register(offset, value);
            break;
        case BDCR:
            if (!(pwr[0] & 0x100)) {
                bench_violation("RCC: RCC_BDCR is written while PWR_CR1.DBP protects it (RM, Backup domain)");
                return;
            }
            if (value & 0x10000) {
                R(BDCR) = 0x10000;
                turn(N_LSE, false, 0, false);
                return;
            }
            if (field(R(BDCR), 8, 2) != 0 && field(R(BDCR) ^ value, 8, 2) && !(R(BDCR) & 0x10000)) {
                bench_violation("RCC: RTCSEL is changed without a reset of the backup domain (RM, RCC_BDCR)");
            }
            R(BDCR) = value;
            turn(N_LSE, value & 1, T_LSE, rcc_options.no_lse);
            break;
        case CSR:
            R(CSR) = value;
            turn(N_LSI, value & 1, T_LSI, false);
            break;
        case RSR:
            if (value & 0x10000) {
                R(RSR) = 0;
            }
            break;
        default:
            R(offset) = value;
            break;
    }
}

static void rcc_advance(model_t *self, uint64_t now_ns) {
    (void)self;
    (void)now_ns;
    settle();
}

static void rcc_reset(model_t *self) { // RM, "RCC register map"; the backup domain is kept
    (void)self;
    const uint32_t bdcr = R(BDCR), rsr = R(RSR);
    memset(registers, 0, sizeof(registers));
    R(CR) = HSION;
    R(PLLCKSELR) = 0x02020200;
    R(PLLCFGR) = 0x01ff0000;
    R(PLL1DIVR) = R(PLL1DIVR + 8) = R(PLL1DIVR + 16) = 0x01010280;
    R(BDCR) = bdcr;
    R(RSR) = rsr | 0x00400000; // PINRSTF
    for (unsigned i = 0; i < SOURCES; i++) {
        ready_ns[i] = i == N_LSE ? ready_ns[i] : NEVER;
    }
    ready_ns[N_HSI] = bench_now_ns();
    active = HSI;
    switched_ns = 0;
    said_speed = false;
}

static void rcc_power_on(model_t *self) {
    R(BDCR) = 0;
    ready_ns[N_LSE] = NEVER;
    R(RSR) = 0x00e80000; // RM, RCC_RSR: reset value
    rcc_reset(self);
}

model_t *rcc_model(void) {
    static model_t model = {"RCC", 0x58024400, 0x400, rcc_read, rcc_write, rcc_advance, rcc_reset, rcc_power_on};
    return &model;
}

// ---- PWR ----

enum { CSR1 = 0x04, CR3 = 0x0c, D3CR = 0x18 };
enum { BYPASS = 1, LDOEN = 2, SDEN = 4 };

static bool is_supplied(void) { // RM, "System supply startup": Run* mode until the supply is configured and ready
    return supplied && !rcc_options.no_supply && bench_now_ns() >= supply_ns;
}

static unsigned scale_of(unsigned vos) { // RM, PWR_D3CR.VOS; SYSCFG_PWRCR.ODEN
    return vos == 3 ? (syscfg[0x2c / 4] & 1 ? 0 : 1) : vos == 2 ? 2 : 3;
}

static void want_scale(unsigned wanted) {
    if (wanted == wanted_scale) {
        return;
    }
    if (!is_supplied()) {
        bench_violation("PWR: voltage scaling is changed before the supply is ready (RM, System supply startup)");
    }
    // RM, "Voltage scaling": VOS1, VOSRDY, ODEN. ST's HAL does not wait in between, nor does the code of CubeMX; the level
    // rises through both here.
    if (wanted == 0 && wanted_scale != 1) {
        bench_violation("PWR: scale 0 is asked for without scale 1 (RM, Voltage scaling)");
    }
    if (wanted == 0 && rcc_options.old_silicon) {
        bench_violation("PWR: scale 0 on silicon before revision V (DS, General operating conditions)");
        return;
    }
    wanted_scale = wanted;
    scaling_ns = rcc_options.no_scaling ? NEVER : bench_now_ns() + T_SCALING + rcc_options.scaling_late_ns;
    if (wanted > scale) { // less voltage: at once
        const unsigned before = scale;
        scale = wanted;
        said_speed = false;
        check_speed();
        scale = before;
    }
}

static uint32_t pwr_read(model_t *self, uint32_t offset, unsigned size) {
    (void)self;
    (void)size;
    settle();
    offset &= ~3u;
    static const uint32_t vos[] = {3, 3, 2, 1};
    switch (offset) {
        case CSR1:
            return (pwr[CSR1 / 4] & ~0xe000u) | vos[scale] << 14 |
                (is_supplied() && scale == wanted_scale ? 0x2000u : 0);
        case CR3: // USB33RDY
            return (pwr[CR3 / 4] & ~0x04000000u) | (pwr[CR3 / 4] & 0x01000000u ? 0x04000000u : 0);
        case D3CR:
            return (pwr[D3CR / 4] & ~0x2000u) | (scale == wanted_scale ? 0x2000u : 0);
        default:
            return pwr[offset / 4];
    }
}

static void pwr_write(model_t *self, uint32_t offset, unsigned size, uint32_t value) {
    (void)self;
    if (size != 4) {
        bench_violation("PWR: register 0x%02x written by %u byte(s)", (unsigned)offset, size);
        return;
    }
    settle();
    switch (offset) {
        case CR3:
            if (!supplied) {
                supplied = true;
                supply_ns = bench_now_ns() + T_SUPPLY + rcc_options.supply_late_ns;
                if ((value & (SDEN | LDOEN | BYPASS)) != SDEN ||
                    (value & 0x38)) { // UM2411; ST's BSP: PWR_DIRECT_SMPS_SUPPLY
                    bench_violation(
                        "PWR: supply 0x%02x, this board is wired for the SMPS alone: it would lock (UM2411)",
                        (unsigned)(value & 0x3f));
                }
            } else if ((pwr[CR3 / 4] ^ value) & 0x3f) {
                bench_violation("PWR: the supply is changed after its first configuration (RM, PWR_CR3)");
                value = (value & ~0x3fu) | (pwr[CR3 / 4] & 0x3fu);
            }
            pwr[CR3 / 4] = value;
            break;
        case D3CR:
            pwr[D3CR / 4] = value;
            want_scale(scale_of(field(value, 14, 2)));
            break;
        default:
            pwr[offset / 4] = value;
            break;
    }
}

static void pwr_reset(model_t *self) { // RM, "PWR register map"; the supply's configuration is kept until power-on
    (void)self;
    const uint32_t supply = pwr[CR3 / 4];
    memset(pwr, 0, sizeof(pwr));
    pwr[0] = 0xf000c000;
    pwr[CR3 / 4] = supplied ? supply : SDEN | LDOEN;
    pwr[D3CR / 4] = 0x4000;
    scale = wanted_scale = 3;
    supply_ns = scaling_ns = 0;
}

static void pwr_power_on(model_t *self) {
    supplied = false;
    pwr_reset(self);
}

model_t *pwr_model(void) {
    static model_t model = {"PWR", 0x58024800, 0x400, pwr_read, pwr_write, NULL, pwr_reset, pwr_power_on};
    return &model;
}

// ---- SYSCFG: the power register and the compensation cell; the rest is kept as written ----

static uint32_t syscfg_read(model_t *self, uint32_t offset, unsigned size) {
    (void)self;
    (void)size;
    offset &= ~3u;
    if (offset == 0x20) { // RM, SYSCFG_CCCSR: ready, once on, with CSI
        return (syscfg[0x20 / 4] & ~0x100u) | ((syscfg[0x20 / 4] & 1) && is_ready(N_CSI) ? 0x100u : 0);
    }
    return syscfg[offset / 4];
}

static void syscfg_write(model_t *self, uint32_t offset, unsigned size, uint32_t value) {
    (void)self;
    if (!rcc_clock_on(BENCH_SYSCFG)) {
        bench_violation("SYSCFG: register 0x%02x written without its clock (RM, RCC)", (unsigned)offset);
        return;
    }
    if (size != 4) {
        bench_violation("SYSCFG: register 0x%02x written by %u byte(s)", (unsigned)offset, size);
        return;
    }
    syscfg[offset / 4] = value;
    if (offset == 0x2c) {
        settle();
        want_scale(scale_of(field(pwr[D3CR / 4], 14, 2)));
    }
}

static void syscfg_reset(model_t *self) {
    (void)self;
    memset(syscfg, 0, sizeof(syscfg));
}

model_t *syscfg_model(void) {
    static model_t model = {"SYSCFG", 0x58000400, 0x400, syscfg_read, syscfg_write, NULL, syscfg_reset, syscfg_reset};
    return &model;
}

// ---- FLASH: wait states; nothing here programs it ----

static uint32_t flash_read(model_t *self, uint32_t offset, unsigned size) {
    (void)self;
    (void)size;
    return flash[(offset == 0x100 ? 0 : offset) / 4];
}

static void flash_write(model_t *self, uint32_t offset, unsigned size, uint32_t value) {
    (void)self;
    if (size != 4) {
        bench_violation("FLASH: register 0x%03x written by %u byte(s)", (unsigned)offset, size);
        return;
    }
    if (offset == 0 || offset == 0x100) { // RM, FLASH_ACR: one register at two addresses
        flash[0] = value & 0x3f;
        said_speed = false;
        check_speed();
        return;
    }
    flash[offset / 4] = value;
}

static void flash_reset(model_t *self) { // RM, "FLASH register map"
    (void)self;
    memset(flash, 0, sizeof(flash));
    flash[0] = 0x37;
}

model_t *flash_interface_model(void) {
    static model_t model = {"FLASH", 0x52002000, 0x1000, flash_read, flash_write, NULL, flash_reset, flash_reset};
    return &model;
}

void rcc_stop(void) {
    settle();
    R(CR) = (R(CR) & ~0x15010000u) | HSION;
    R(CFGR) &= ~7u;
    for (unsigned i = N_CSI; i <= N_PLL3; i++) {
        ready_ns[i] = NEVER;
    }
    R(CR) &= ~(uint32_t)(CSION | HSI48ON);
    ready_ns[N_HSI] = bench_now_ns() + T_HSI;
    active = HSI;
    pwr[D3CR / 4] = (pwr[D3CR / 4] & ~0xc000u) | 0x4000u;
    syscfg[0x2c / 4] &= ~1u;
    scale = wanted_scale = 3;
}
