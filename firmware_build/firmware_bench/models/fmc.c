#include "fmc.h"

#include <string.h>

// "RM" is RM0399, chapter "Flexible memory controller (FMC)"; "DS" is ISSI's data sheet IS42S32800 (8M x 32), grade -6.
enum {
    BCR1 = 0x000,
    SDCR1 = 0x140,
    SDCR2 = 0x144,
    SDTR1 = 0x148,
    SDTR2 = 0x14c,
    SDCMR = 0x150,
    SDRTR = 0x154,
    SDSR = 0x158
};
enum { NORMAL, CLOCK_ENABLE, PRECHARGE_ALL, AUTO_REFRESH, LOAD_MODE, SELF_REFRESH, POWER_DOWN };

// DS, "AC Electrical Characteristics": ns. DS, "Initialization": 100 us of clock before the first command, at least two
// refreshes before the mode register is loaded. DS, "Auto Refresh": 4096 rows in 64 ms.
enum { T_RC = 60, T_RAS = 42, T_RP = 18, T_RCD = 18, T_WR = 12, T_XSR = 70, T_MRD_CLOCKS = 2, T_START_US = 100 };
enum { REFRESHES = 2, ROWS = 4096, REFRESH_MS = 64 };
enum { HZ_CAS_2 = 100000000, HZ_CAS_3 = 166000000 }; // DS, "Key Timing Parameters"

static uint32_t registers[0x200 / 4];
#define R(offset) registers[(offset) / 4]

enum state { UNCLOCKED, CLOCKED, PRECHARGED, REFRESHED, MODE_LOADED, READY };
static enum state state;
static unsigned refreshes;
static uint64_t clocked_ns, refreshed_ns; // the clock began; the last moment at which refreshing was as it must be
static bool self_refresh, power_down, lost, reported;
static uint32_t mode_register;

static unsigned field(uint32_t word, unsigned position, unsigned width) {
    return (unsigned)(word >> position) & ((1u << width) - 1);
}

static uint32_t sdclk_hz(void) { // RM, FMC_SDCR1.SDCLK: of both banks; 2 or 3 clocks of fmc_ker_ck
    const unsigned divider = field(R(SDCR1), 10, 2);
    return divider < 2 || !(R(BCR1) & 0x80000000u) ? 0 : bench_clock_hz(BENCH_CLOCK_FMC) / divider;
}

static bool is_refreshed_in_time(void) { // RM, FMC_SDRTR: a refresh every COUNT + 1 clocks
    const unsigned count = field(R(SDRTR), 1, 13);
    return count > 0 && sdclk_hz() > 0 && (uint64_t)(count + 1) * ROWS * 1000 <= (uint64_t)REFRESH_MS * sdclk_hz();
}

static void need(bool met, const char *what) {
    if (!met) {
        bench_violation("FMC: %s", what);
    }
}

static void need_ns(const char *name, unsigned clocks, unsigned least_ns) {
    const uint64_t hz = sdclk_hz();
    if (hz > 0 && clocks * 1000000000ull < least_ns * hz) {
        bench_violation("FMC: %s of %u clocks at %u kHz is %u ns, the SDRAM wants %u (DS, AC characteristics)", name,
            clocks, (unsigned)(hz / 1000), (unsigned)(clocks * 1000000000ull / hz), least_ns);
    }
}

// All that is set, looked at when the first command comes. Bank 1's register holds what is common (RM, FMC_SDCRx, FMC_SDTRx).
static void check_settings(void) {
    const uint32_t control = R(SDCR2), timing = R(SDTR2), common = R(SDTR1);
    const unsigned tmrd = field(timing, 0, 4) + 1, txsr = field(timing, 4, 4) + 1, tras = field(timing, 8, 4) + 1,
                   trc = field(common, 12, 4) + 1, twr = field(timing, 16, 4) + 1, trp = field(common, 20, 4) + 1,
                   trcd = field(timing, 24, 4) + 1;
    need(field(control, 0, 2) == 1 && field(control, 2, 2) == 1,
        "SDRAM of 9 column and 12 row bits (DS, Address Table)");
    need(field(control, 4, 2) == 2 && field(control, 6, 1) == 1, "SDRAM of 32 bits and 4 banks (DS, Address Table)");
    need(field(control, 9, 1) == 0, "write protection is on (RM, FMC_SDCRx.WP)");
    const unsigned cas = field(control, 7, 2);
    need(cas == 2 || cas == 3, "CAS latency 2 or 3 (DS, Mode Register)");
    const uint32_t hz = sdclk_hz(), most = cas == 2 ? HZ_CAS_2 : HZ_CAS_3;
    if (hz == 0) {
        bench_violation("FMC: the SDRAM has no clock (RM, FMC_SDCR1.SDCLK, FMC_BCR1.FMCEN, fmc_ker_ck)");
    } else if (hz > most) {
        bench_violation("FMC: %u kHz with CAS latency %u, the SDRAM takes %u (DS, Key Timing Parameters)",
            (unsigned)(hz / 1000), cas, (unsigned)(most / 1000));
    }
    need(tmrd >= T_MRD_CLOCKS, "TMRD of 2 clocks (DS, AC characteristics, tMRD)");
    need_ns("TXSR", txsr, T_XSR);
    need_ns("TRAS", tras, T_RAS);
    need_ns("TRC", trc, T_RC);
    need_ns("TWR", twr, T_WR);
    need_ns("TRP", trp, T_RP);
    need_ns("TRCD", trcd, T_RCD);
    need(twr + trcd >= tras, "TWR >= TRAS - TRCD (RM, FMC_SDTRx.TWR)");
    need(twr + trcd + trp >= trc, "TWR >= TRC - TRCD - TRP (RM, FMC_SDTRx.TWR)");
}

static void load_mode(uint32_t value) { // DS, "Mode Register": and the controller must know the same
    mode_register = value;
    need((value & 7) == 0, "a burst length of 1: the controller asks for each column (RM, SDRAM initialization)");
    need(!(value & 8), "a sequential burst");
    need(field(value, 4, 3) == field(R(SDCR2), 7, 2), "the CAS latency of FMC_SDCR2 in the mode register, too");
    need(field(value, 7, 2) == 0, "standard operation (DS, Mode Register)");
}

// RM, "SDRAM initialization"; DS, "Initialization".
static void command(uint32_t value) {
    const unsigned mode = field(value, 0, 3);
    need(field(value, 3, 1), "a command that does not go to bank 2, where the SDRAM is (RM, FMC_SDCMR.CTB2)");
    const uint64_t now = bench_now_ns();
    switch (mode) {
        case NORMAL:
            self_refresh = power_down = false;
            break;
        case CLOCK_ENABLE:
            check_settings();
            if (state == UNCLOCKED) {
                state = CLOCKED;
                clocked_ns = now;
            }
            break;
        case PRECHARGE_ALL:
            need(state >= CLOCKED, "PALL before the clock is enabled (RM, SDRAM initialization)");
            need(state > CLOCKED || now - clocked_ns >= T_START_US * 1000ull,
                "PALL within 100 us of the clock (DS, Initialization)");
            state = state == CLOCKED ? PRECHARGED : state;
            break;
        case AUTO_REFRESH:
            need(state >= PRECHARGED, "a refresh before PALL (RM, SDRAM initialization)");
            refreshes += field(value, 5, 4) + 1;
            state = state == PRECHARGED ? REFRESHED : state;
            refreshed_ns = now;
            break;
        case LOAD_MODE:
            need(state >= REFRESHED && refreshes >= REFRESHES,
                "the mode register before two refreshes (DS, Initialization)");
            load_mode(field(value, 9, 13));
            state = state == REFRESHED ? MODE_LOADED : state;
            break;
        case SELF_REFRESH:
            need(state == READY, "self-refresh before the initialisation");
            self_refresh = true;
            break;
        case POWER_DOWN:
            need(state == READY, "power-down before the initialisation");
            power_down = true;
            break;
        default:
            bench_violation("FMC: command mode %u is reserved (RM, FMC_SDCMR.MODE)", mode);
            break;
    }
}

static void refresh_rate(uint32_t value) {
    const unsigned count = field(value, 1, 13);
    const uint32_t timing = R(SDTR2), common = R(SDTR1);
    const unsigned clocks = field(timing, 16, 4) + field(common, 20, 4) + field(common, 12, 4) + field(timing, 24, 4) +
        4;
    need(state >= MODE_LOADED, "the refresh rate before the mode register (RM, SDRAM initialization)");
    need(count >= 41, "a refresh count of 41 or more (RM, FMC_SDRTR)");
    need(count != clocks, "a refresh count other than TWR + TRP + TRC + TRCD + 4 (RM, FMC_SDRTR)");
    if (!is_refreshed_in_time()) {
        bench_violation("FMC: a row is refreshed every %u ms, the SDRAM wants %u (DS, Auto Refresh)",
            sdclk_hz() ? (unsigned)((uint64_t)(count + 1) * ROWS * 1000 / sdclk_hz()) : 0, REFRESH_MS);
    }
    state = state == MODE_LOADED ? READY : state;
    refreshed_ns = bench_now_ns();
}

static void look_at_refresh(uint64_t now) {
    if (state < READY || self_refresh || is_refreshed_in_time()) {
        refreshed_ns = now;
    } else if (!lost && now - refreshed_ns > REFRESH_MS * 1000000ull) {
        lost = true;
        bench_violation(
            "FMC: the SDRAM's rows had no refresh for %u ms: what was in them is lost (DS, Auto Refresh)", REFRESH_MS);
    }
}

bool fmc_sdram_ready(void) {
    return state == READY && !power_down && !lost && sdclk_hz() > 0;
}

void fmc_sdram_access(uint32_t address) {
    look_at_refresh(bench_now_ns());
    if (state == READY && sdclk_hz() > 0) {
        self_refresh = false; // RM: an access ends it
    }
    if (fmc_sdram_ready()) {
        reported = false;
    } else if (!reported) {
        reported = true;
        bench_violation("SDRAM: 0x%08x is accessed %s", (unsigned)address,
            state < READY    ? "before its initialisation (RM, SDRAM initialization)"
                : power_down ? "in power-down"
                : lost       ? "after its rows lost what was in them"
                             : "without its clock");
    }
}

static uint32_t read(model_t *self, uint32_t offset, unsigned size) {
    (void)self;
    (void)size;
    if (!bench_clock_on(BENCH_FMC)) {
        bench_violation("FMC: register 0x%03x read without its clock (RM0399, RCC)", (unsigned)offset);
        return 0;
    }
    if (offset == SDSR) { // RM: MODES2; no refresh error
        return (self_refresh ? 1u : power_down ? 2u : 0u) << 3;
    }
    return offset < sizeof(registers) ? R(offset & ~3u) : 0;
}

static void write(model_t *self, uint32_t offset, unsigned size, uint32_t value) {
    (void)self;
    if (!bench_clock_on(BENCH_FMC)) {
        if (offset == BCR1) { // ST's SystemInit() does so, before any clock is on: it has no effect here
            return;
        }
        bench_violation("FMC: register 0x%03x written without its clock (RM0399, RCC)", (unsigned)offset);
        return;
    }
    if (size != 4 || offset >= sizeof(registers)) {
        bench_violation("FMC: register 0x%03x written by %u byte(s)", (unsigned)offset, size);
        return;
    }
    if (offset == SDSR) {
        bench_violation("FMC: FMC_SDSR is read-only (RM)");
        return;
    }
    const uint32_t before = R(offset);
    R(offset) = value;
    if (offset >= SDCR1 && offset <= SDTR2 && state > UNCLOCKED && before != value) {
        bench_violation(
            "FMC: register 0x%03x is changed while the SDRAM runs (RM, SDRAM initialization)", (unsigned)offset);
    }
    if (offset == SDCMR) {
        command(value);
    } else if (offset == SDRTR) {
        refresh_rate(value);
    }
}

static void advance(model_t *self, uint64_t now_ns) {
    (void)self;
    look_at_refresh(now_ns);
}

static void reset(model_t *self) { // RM, "FMC register map"; the SDRAM has no clock any more
    (void)self;
    memset(registers, 0, sizeof(registers));
    R(BCR1) = 0x000030db;
    R(SDCR1) = R(SDCR2) = 0x000002d0;
    R(SDTR1) = R(SDTR2) = 0x0fffffff;
    state = UNCLOCKED;
    refreshes = 0;
    clocked_ns = refreshed_ns = 0;
    self_refresh = power_down = lost = reported = false;
    mode_register = 0;
}

model_t *fmc_model(void) {
    static model_t model = {"FMC", 0x52004000, 0x400, read, write, advance, reset, reset};
    return &model;
}
