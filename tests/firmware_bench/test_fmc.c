// Scenarios for the model of the FMC and the SDRAM: the initialisation as a driver does it, whole, and each step wrong.
#include "fake_bench.h"
#include "models/fmc.h"

enum {
    BCR1 = 0,
    SDCR1 = 0x140,
    SDCR2 = 0x144,
    SDTR1 = 0x148,
    SDTR2 = 0x14c,
    SDCMR = 0x150,
    SDRTR = 0x154,
    SDSR = 0x158
};
enum { NORMAL, CLOCK_ENABLE, PALL, AUTO_REFRESH, LOAD_MODE, SELF_REFRESH, POWER_DOWN };

static model_t *fmc;

static void set(uint32_t offset, uint32_t value) {
    fmc->write(fmc, offset, 4, value);
}

static void command(unsigned mode, unsigned refreshes, unsigned mode_register) {
    set(SDCMR, mode | 1 << 3 | (refreshes - 1) << 5 | mode_register << 9);
}

// What a start sets; each test changes one thing of it.
struct start {
    uint32_t hz;
    unsigned tmrd, txsr, tras, trc, twr, trp, trcd, cas, divider, refreshes, count, columns, mode;
    uint64_t wait_ns;
};
static const struct start right = {200000000, 2, 7, 5, 7, 3, 2, 2, 3, 2, 8, 1542, 9, 0x230, 100000000};

static void start(const struct start *with) {
    fmc = fmc_model();
    now_ns = 0;
    clean();
    fake_hz = with->hz;
    fmc->power_on(fmc);
    set(BCR1, fmc->read(fmc, BCR1, 4) | 0x80000000u);
    const uint32_t control = (with->columns - 8) | 1 << 2 | 2 << 4 | 1 << 6 | with->cas << 7 | with->divider << 10 |
        1 << 12;
    set(SDCR1, with->divider << 10 | 1 << 12);
    set(SDCR2, control);
    set(SDTR1, (with->trc - 1) << 12 | (with->trp - 1) << 20);
    set(SDTR2,
        (with->tmrd - 1) | (with->txsr - 1) << 4 | (with->tras - 1) << 8 | (with->twr - 1) << 16 |
            (with->trcd - 1) << 24);
    command(CLOCK_ENABLE, 1, 0);
    wait_ns(fmc, with->wait_ns);
    command(PALL, 1, 0);
    command(AUTO_REFRESH, with->refreshes, 0);
    command(LOAD_MODE, 1, with->mode);
    set(SDRTR, with->count << 1);
}

static void comes_up(void) {
    start(&right);
    CLEAN();
    CHECK(fmc_sdram_ready());
    fmc_sdram_access(SDRAM_BASE);
    wait_ns(fmc, 1000000000);
    fmc_sdram_access(SDRAM_BASE);
    CLEAN();
}

static void as_st_s_bsp(void) { // 100 MHz, CAS 3, TRAS 4: 40 ns where the data sheet wants 42
    struct start with = right;
    with.tras = 4;
    with.twr = 3;
    with.count = 0x603;
    start(&with);
    BROKE("TRAS of 4 clocks at 100000 kHz is 40 ns, the SDRAM wants 42");
}

static void as_upstream(void) { // its PLL2 gives 48 MHz: refreshes counted for 120 MHz
    struct start with = right;
    with = (struct start){48000000, 2, 6, 4, 6, 2, 2, 2, 2, 2, 8, 1855, 9, 0x220, 100000000};
    start(&with);
    BROKE("a row is refreshed every 316 ms, the SDRAM wants 64");
    with.hz = 240000000;
    start(&with);
    BROKE("120000 kHz with CAS latency 2, the SDRAM takes 100000");
}

#define WRONG(field, value, words) \
    do { \
        struct start with = right; \
        with.field = value; \
        start(&with); \
        BROKE(words); \
    } while (0)

static void each_setting_counts(void) {
    WRONG(tmrd, 1, "TMRD of 2 clocks");
    WRONG(txsr, 6, "TXSR of 6 clocks");
    WRONG(trc, 5, "TRC of 5 clocks");
    WRONG(trp, 1, "TRP of 1 clocks");
    WRONG(trcd, 1, "TRCD of 1 clocks");
    WRONG(twr, 1, "TWR of 1 clocks");
    WRONG(twr, 2, "TWR >= TRAS - TRCD");
    WRONG(trc, 8, "TWR >= TRC - TRCD - TRP");
    WRONG(columns, 8, "9 column and 12 row bits");
    WRONG(cas, 1, "CAS latency 2 or 3");
    WRONG(divider, 0, "no clock");
    WRONG(hz, 400000000, "200000 kHz with CAS latency 3, the SDRAM takes 166000");
    WRONG(hz, 0, "no clock");
    WRONG(wait_ns, 99999, "PALL within 100 us");
    WRONG(refreshes, 1, "before two refreshes");
    WRONG(mode, 0x220, "the CAS latency of FMC_SDCR2 in the mode register, too");
    WRONG(mode, 0x231, "a burst length of 1");
    WRONG(mode, 0x238, "a sequential burst");
    WRONG(mode, 0x2b0, "standard operation");
    WRONG(count, 1562, "a row is refreshed every 64 ms"); // 64.02
    WRONG(count, 40, "a refresh count of 41 or more");
}

static void most_slow_refresh_is_enough(void) {
    struct start with = right;
    with.count = 1561; // 1562 clocks: 63.98 ms
    start(&with);
    CLEAN();
    CHECK(fmc_sdram_ready());
}

static void order_of_the_commands(void) {
    start(&right);
    fmc->reset(fmc);
    command(PALL, 1, 0);
    BROKE("PALL before the clock is enabled");
    command(AUTO_REFRESH, 8, 0);
    BROKE("a refresh before PALL");
    command(LOAD_MODE, 1, 0x230);
    BROKE("the mode register before two refreshes");
    set(SDRTR, 1542 << 1);
    BROKE("the refresh rate before the mode register");
    command(SELF_REFRESH, 1, 0);
    BROKE("self-refresh before");
    command(POWER_DOWN, 1, 0);
    BROKE("power-down before");
    command(7, 1, 0);
    BROKE("command mode 7 is reserved");
    set(SDCMR, PALL | 1 << 4);
    BROKE("does not go to bank 2");
}

static void access_before_it_is_ready(void) {
    start(&right);
    fmc->reset(fmc);
    CHECK(!fmc_sdram_ready());
    fmc_sdram_access(SDRAM_BASE + 4);
    BROKE("SDRAM: 0xd0000004 is accessed before its initialisation");
    fmc_sdram_access(SDRAM_BASE + 8);
    CLEAN(); // reported once
}

static void settings_are_not_changed_later(void) {
    start(&right);
    fmc->write(fmc, SDTR2, 2, 0);
    BROKE("register 0x14c written by 2 byte(s)");
    set(SDCR2, (fmc->read(fmc, SDCR2, 4) & ~0x70u) | 1 << 4); // 16 bits, two banks, write-protected
    clean();
    command(CLOCK_ENABLE, 1, 0);
    BROKE("SDRAM of 32 bits and 4 banks");
    start(&right);
    set(SDCR2, fmc->read(fmc, SDCR2, 4) | 1 << 9);
    clean();
    command(CLOCK_ENABLE, 1, 0);
    BROKE("write protection is on");
    start(&right);
    set(SDTR1, 0x00f0f000); // 15 of TRC and of TRP as coded: with TWR 2 and TRCD 1 the sum is 37, and 4
    clean();
    set(SDRTR, 37 << 1);
    BROKE("a refresh count of 41 or more");
    set(SDTR2, 0x0fff0fff);
    clean();
    set(SDRTR, (15 + 15 + 15 + 15 + 4) << 1);
    BROKE("a refresh count other than TWR + TRP + TRC + TRCD + 4");
    start(&right);
    set(SDTR2, 0x0fffffff);
    BROKE("register 0x14c is changed while the SDRAM runs");
    set(SDSR, 0);
    BROKE("FMC_SDSR is read-only");
    fake_clock_on = false;
    set(SDRTR, 0);
    BROKE("written without its clock");
    fmc->read(fmc, SDSR, 4);
    BROKE("read without its clock");
    fake_clock_on = true;
}

static void self_refresh_survives_a_stopped_clock(void) {
    start(&right);
    command(SELF_REFRESH, 1, 0);
    CHECK((fmc->read(fmc, SDSR, 4) >> 3 & 3) == 1);
    fake_hz = 0;
    wait_ns(fmc, 10000000000);
    fake_hz = right.hz;
    fmc_sdram_access(SDRAM_BASE);
    CLEAN();
    CHECK((fmc->read(fmc, SDSR, 4) >> 3 & 3) == 0);
    wait_ns(fmc, 1000000000);
    CLEAN();
}

static void stopped_clock_loses_what_was_in_it(void) {
    start(&right);
    fake_hz = 0;
    wait_ns(fmc, 60000000);
    CHECK(!fmc_sdram_ready());
    fake_hz = right.hz;
    wait_ns(fmc, 1);
    CHECK(fmc_sdram_ready());
    CLEAN();
    fake_hz = 0;
    wait_ns(fmc, 60000000);
    wait_ns(fmc, 5000000);
    BROKE("had no refresh for 64 ms");
    fake_hz = right.hz;
    fmc_sdram_access(SDRAM_BASE);
    BROKE("after its rows lost what was in them");
    start(&right);
    fake_hz = 0;
    fmc_sdram_access(SDRAM_BASE);
    BROKE("is accessed without its clock");
    start(&right);
    command(POWER_DOWN, 1, 0);
    fmc_sdram_access(SDRAM_BASE);
    BROKE("in power-down");
}

static const struct scenario scenarios[] = {
    SCENARIO(comes_up),
    SCENARIO(as_st_s_bsp),
    SCENARIO(as_upstream),
    SCENARIO(each_setting_counts),
    SCENARIO(most_slow_refresh_is_enough),
    SCENARIO(order_of_the_commands),
    SCENARIO(access_before_it_is_ready),
    SCENARIO(settings_are_not_changed_later),
    SCENARIO(self_refresh_survives_a_stopped_clock),
    SCENARIO(stopped_clock_loses_what_was_in_it),
};

int main(int argc, char **argv) {
    return run_scenarios(scenarios, sizeof(scenarios) / sizeof(scenarios[0]), argc, argv);
}
