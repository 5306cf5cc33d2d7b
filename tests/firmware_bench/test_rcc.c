// Scenarios for the model of clocks and supply: the start as MicroPython's does it, and what goes wrong in one.
#include "fake_bench.h"
#include "models/rcc.h"

enum {
    CR = 0,
    CFGR = 0x10,
    D1CFGR = 0x18,
    D2CFGR = 0x1c,
    D3CFGR = 0x20,
    PLLCKSELR = 0x28,
    PLLCFGR = 0x2c,
    PLL1DIVR = 0x30,
    PLL2DIVR = 0x38,
    PLL3DIVR = 0x40,
    D1CCIPR = 0x4c,
    BDCR = 0x70,
    AHB3RSTR = 0x7c,
    AHB3ENR = 0xd4,
    APB4ENR = 0xf4,
    C1_AHB3ENR = 0x134
};
enum { CSR1 = 4, CR3 = 0xc, D3CR = 0x18, READY = 0x2000 };

static model_t *rcc, *pwr, *syscfg, *flash;

bool bench_clock_on(unsigned peripheral) {
    return rcc_clock_on(peripheral);
}

uint32_t bench_clock_hz(unsigned clock) {
    return rcc_clock_hz(clock);
}

void bench_irq(unsigned number, bool level) {
    (void)number;
    (void)level;
}

static uint32_t get(model_t *model, uint32_t offset) {
    return model->read(model, offset, 4);
}

static void set(model_t *model, uint32_t offset, uint32_t value) {
    model->write(model, offset, 4, value);
}

static void modify(model_t *model, uint32_t offset, uint32_t mask, uint32_t value) {
    set(model, offset, (get(model, offset) & ~mask) | value);
}

static void power_on(void) {
    rcc = rcc_model();
    pwr = pwr_model();
    syscfg = syscfg_model();
    flash = flash_interface_model();
    rcc_options = (struct rcc_options){0};
    now_ns = 1000;
    model_t *all[] = {pwr, syscfg, flash, rcc};
    for (unsigned i = 0; i < 4; i++) {
        all[i]->power_on(all[i]);
    }
    clean();
}

static bool comes(model_t *model, uint32_t offset, uint32_t mask, uint32_t value) { // within 2 s
    for (unsigned i = 0; i < 200000; i++) {
        if ((get(model, offset) & mask) == value) {
            return true;
        }
        wait_ns(rcc, 10000);
    }
    return false;
}

static uint32_t divr(unsigned n, unsigned p, unsigned q, unsigned r) {
    return (n - 1) | (p - 1) << 9 | (q - 1) << 16 | (r - 1) << 24;
}

// 0 where it comes up; otherwise the step that did not.
static int supply(unsigned scale) {
    modify(pwr, CR3, 7, 4);
    if (!comes(pwr, CSR1, READY, READY)) {
        return 1;
    }
    set(rcc, APB4ENR, 2);
    modify(pwr, D3CR, 0xc000, (scale == 0 ? 3 : 4 - scale) << 14);
    if (scale == 0) {
        set(syscfg, 0x2c, 1);
    }
    return comes(pwr, D3CR, READY, READY) ? 0 : 2;
}

static int clocks(unsigned n, unsigned waits) {
    modify(rcc, CR, 0, 1 << 18 | 1 << 16 | 1 << 12);
    if (!comes(rcc, CR, 1 << 17 | 1 << 13, 1 << 17 | 1 << 13)) {
        return 3;
    }
    set(rcc, PLLCKSELR, 2 | 5 << 4 | 5 << 12 | 5 << 20);
    set(rcc, PLLCFGR, 0x01ff0000 | 2 << 2 | 2 << 6 | 2 << 10);
    set(rcc, PLL1DIVR, divr(n, 2, 8, 2));
    set(rcc, PLL2DIVR, divr(80, 2, 2, 2));
    set(rcc, PLL3DIVR, divr(96, 8, 8, 12));
    modify(rcc, CR, 0, 0x15000000);
    if (!comes(rcc, CR, 0x2a000000, 0x2a000000)) {
        return 4;
    }
    set(rcc, D1CCIPR, 2 | 2 << 4);
    set(flash, 0, waits | 0x30);
    set(rcc, D1CFGR, 8 | 4 << 4);
    set(rcc, D2CFGR, 4 << 4 | 4 << 8);
    set(rcc, D3CFGR, 4 << 4);
    modify(rcc, CFGR, 7, 3);
    return comes(rcc, CFGR, 0x38, 0x18) ? 0 : 5;
}

static void check_clocks(unsigned mhz) {
    CHECK(rcc_clock_hz(BENCH_CLOCK_CPU) == mhz * 1000000);
    CHECK(rcc_clock_hz(BENCH_CLOCK_HCLK) == mhz * 500000);
    for (unsigned clock = BENCH_CLOCK_PCLK1; clock <= BENCH_CLOCK_PCLK4; clock++) {
        CHECK(rcc_clock_hz(clock) == mhz * 250000);
    }
    CHECK(rcc_clock_hz(BENCH_CLOCK_USART1) == mhz * 250000);
    CHECK(rcc_clock_hz(BENCH_CLOCK_I2C4) == mhz * 250000);
    CHECK(rcc_clock_hz(BENCH_CLOCK_FMC) == 200000000);
    CHECK(rcc_clock_hz(BENCH_CLOCK_QUADSPI) == 200000000);
    CHECK(rcc_clock_hz(BENCH_CLOCK_LTDC) == 40000000);
}

static void runs_at_400(void) {
    power_on();
    CHECK(rcc_clock_hz(BENCH_CLOCK_CPU) == 64000000);
    CHECK(supply(1) == 0);
    CHECK(clocks(160, 2) == 0);
    check_clocks(400);
    CLEAN();
}

static void runs_at_480(void) {
    power_on();
    CHECK(supply(0) == 0);
    CHECK(clocks(192, 4) == 0);
    check_clocks(480);
    CLEAN();
}

static void too_fast_for_its_voltage(void) {
    power_on();
    CHECK(supply(1) == 0);
    clocks(192, 4);
    BROKE("CPU 480, AXI 240, APB 120 MHz at voltage scale 1");
    power_on();
    CHECK(supply(2) == 0);
    clocks(160, 2);
    BROKE("CPU 400, AXI 200, APB 100 MHz at voltage scale 2");
    power_on();
    CHECK(supply(1) == 0 && clocks(160, 2) == 0);
    CLEAN();
    modify(pwr, D3CR, 0xc000, 2 << 14); // lower it while it runs
    BROKE("at voltage scale 2");
    power_on();
    CHECK(supply(1) == 0 && clocks(160, 2) == 0);
    CLEAN();
    set(rcc, D1CFGR, 4 << 4); // AXI as fast as the CPU
    BROKE("AXI 400");
}

static void too_few_wait_states(void) {
    static const struct {
        unsigned n, waits, scale;
        bool enough;
    } cases[] = {{160, 2, 1, true}, {160, 1, 1, false}, {192, 4, 0, true}, {192, 3, 0, false}, {160, 2, 0, true}};
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        power_on();
        CHECK(supply(cases[i].scale) == 0);
        clocks(cases[i].n, cases[i].waits);
        if (cases[i].enough) {
            CLEAN();
        } else {
            BROKE("wait states, WRHIGHFREQ 3");
        }
    }
    set(flash, 0, 0x02); // and for programs
    BROKE("2 wait states, WRHIGHFREQ 0 at 200 MHz");
    CHECK(get(flash, 0x100) == 2);
}

static void old_silicon(void) {
    power_on();
    rcc_options.old_silicon = true;
    supply(0);
    BROKE("scale 0 on silicon before revision V");
    power_on();
    rcc_options.old_silicon = true;
    CHECK(supply(1) == 0);
    clocks(192, 4);
    BROKE("oscillator at 960000 kHz, it carries 192 to 836 MHz");
}

static void supply_rules(void) {
    power_on();
    modify(pwr, D3CR, 0xc000, 3 << 14);
    BROKE("voltage scaling is changed before the supply is ready");
    power_on();
    modify(pwr, CR3, 7, 2); // LDO
    BROKE("this board is wired for the SMPS alone");
    power_on();
    CHECK(supply(1) == 0);
    modify(pwr, CR3, 7, 2);
    BROKE("changed after its first configuration");
    CHECK((get(pwr, CR3) & 7) == 4);
    pwr->reset(pwr); // a reset that is no power-on: the supply is kept, the scale is not
    CHECK((get(pwr, CR3) & 7) == 4 && get(pwr, CSR1) >> 14 == 1);
    modify(pwr, D3CR, 0xc000, 2 << 14);
    CLEAN();
    set(rcc, APB4ENR, 2);
    set(syscfg, 0x2c, 1);
    CLEAN(); // ODEN alone changes nothing
    set(rcc, APB4ENR, 0);
    set(syscfg, 0x2c, 0);
    BROKE("SYSCFG: register 0x2c written without its clock");
}

static void regulator_is_late(void) {
    power_on();
    rcc_options.supply_late_ns = 300000000;
    rcc_options.scaling_late_ns = 500000000;
    CHECK(supply(1) == 0);
    CHECK(now_ns > 800000000);
    CHECK(clocks(160, 2) == 0);
    CLEAN();
    power_on();
    rcc_options.no_supply = true;
    CHECK(supply(1) == 1);
    power_on();
    rcc_options.no_scaling = true;
    CHECK(supply(1) == 2);
    CLEAN();
}

static void oscillators_and_plls_that_fail(void) {
    power_on();
    rcc_options.no_hse = true;
    CHECK(supply(1) == 0 && clocks(160, 2) == 3);
    for (unsigned pll = 0; pll < 3; pll++) {
        power_on();
        rcc_options.no_pll = 1u << pll;
        CHECK(supply(1) == 0 && clocks(160, 2) == 4);
        CHECK((get(rcc, CR) & 0x2a000000) == (0x2a000000u & ~(0x02000000u << 2 * pll)));
        CLEAN();
    }
    power_on();
    rcc_options.no_switch = true;
    CHECK(supply(1) == 0 && clocks(160, 2) == 5);
    CHECK(rcc_clock_hz(BENCH_CLOCK_CPU) == 64000000);
    power_on();
    rcc_options.pll_late_ns = 100000000;
    CHECK(supply(1) == 0 && clocks(160, 2) == 0);
    CLEAN();
}

static void pll_rules(void) {
    power_on();
    set(rcc, PLLCKSELR, 2 | 5 << 4);
    modify(rcc, CR, 0, 1 << 24);
    BROKE("PLL1 is turned on without a source that is ready");
    power_on();
    CHECK(supply(1) == 0 && clocks(160, 2) == 0);
    set(rcc, PLL2DIVR, divr(96, 2, 2, 10));
    BROKE("register 0x38 is changed while PLL2 is on");
    set(rcc, PLLCKSELR, 2 | 5 << 4 | 10 << 12 | 5 << 20);
    BROKE("register 0x28 is changed while PLL2 is on");
    set(rcc, PLLCFGR, 0x01ff0000);
    BROKE("register 0x2c is changed while PLL1 is on");
    modify(rcc, CR, 1 << 24, 0);
    BROKE("PLL1 is turned off while it runs the system");
    modify(rcc, CR, 1 << 16, 0);
    BROKE("HSE is turned off while in use");
    CHECK(rcc_clock_hz(BENCH_CLOCK_CPU) == 400000000);
    modify(rcc, CFGR, 7, 1);
    BROKE("switched to a clock that is not ready");
    power_on();
    CHECK(supply(1) == 0);
    modify(rcc, CR, 1, 0);
    BROKE("HSI is turned off while in use");
    modify(rcc, CR, 0, 1 << 16);
    wait_ns(rcc, 1000000);
    set(rcc, PLLCKSELR, 2 | 5 << 4);
    set(rcc, PLLCFGR, 0x01ff0000 | 1 << 2); // 2 to 4 MHz
    set(rcc, PLL1DIVR, divr(160, 2, 8, 2));
    modify(rcc, CR, 0, 1 << 24);
    BROKE("PLL1's reference of 5000 kHz is outside its range of 2 to 4 MHz");
    power_on();
    CHECK(supply(1) == 0);
    clocks(30, 2);
    BROKE("PLL1's oscillator at 150000 kHz");
}

static void peripherals_are_clocked_and_reset(void) {
    power_on();
    CHECK(!rcc_clock_on(BENCH_QUADSPI));
    set(rcc, AHB3ENR, 1 << 14);
    CHECK(rcc_clock_on(BENCH_QUADSPI) && !rcc_clock_on(BENCH_FMC));
    CHECK(get(rcc, C1_AHB3ENR) == 1 << 14);
    set(rcc, AHB3RSTR, 1 << 14);
    CHECK(!rcc_clock_on(BENCH_QUADSPI));
    set(rcc, AHB3RSTR, 0);
    CHECK(rcc_clock_on(BENCH_QUADSPI));
    rcc->reset(rcc);
    CHECK(!rcc_clock_on(BENCH_QUADSPI));
    CLEAN();
}

static void backup_domain(void) {
    power_on();
    set(rcc, BDCR, 1);
    BROKE("RCC_BDCR is written while PWR_CR1.DBP protects it");
    modify(pwr, 0, 0, 0x100);
    set(rcc, BDCR, 1);
    CHECK(comes(rcc, BDCR, 2, 2));
    set(rcc, BDCR, 0x8101);
    CHECK(rcc_clock_hz(BENCH_CLOCK_RTC) == 32768);
    set(rcc, BDCR, 0x8201);
    BROKE("RTCSEL is changed without a reset");
    rcc->reset(rcc); // kept
    CHECK(rcc_clock_hz(BENCH_CLOCK_RTC) == 0 && (get(rcc, BDCR) & 3) == 3);
    rcc->power_on(rcc);
    CHECK(get(rcc, BDCR) == 0);
    power_on();
    rcc_options.no_lse = true;
    modify(pwr, 0, 0, 0x100);
    set(rcc, BDCR, 1);
    CHECK(!comes(rcc, BDCR, 2, 2));
    CLEAN();
}

static void stop_mode_takes_the_plls(void) {
    power_on();
    CHECK(supply(1) == 0 && clocks(160, 2) == 0);
    rcc_stop();
    wait_ns(rcc, 10000);
    CHECK(rcc_clock_hz(BENCH_CLOCK_CPU) == 64000000 && rcc_clock_hz(BENCH_CLOCK_FMC) == 0);
    CHECK((get(rcc, CR) & 0x3f010000) == 0 && get(pwr, CSR1) >> 14 == 1);
    modify(pwr, D3CR, 0xc000, 3 << 14);
    CHECK(comes(pwr, D3CR, READY, READY));
    modify(rcc, CR, 0, 1 << 16);
    CHECK(comes(rcc, CR, 1 << 17, 1 << 17));
    modify(rcc, CR, 0, 0x05000000); // PLL1 and PLL2, as they were set
    CHECK(comes(rcc, CR, 0x0a000000, 0x0a000000));
    CHECK(rcc_clock_hz(BENCH_CLOCK_FMC) == 200000000);
    CLEAN();
}

static void registers_are_words(void) {
    power_on();
    set(rcc, APB4ENR, 2);
    rcc->write(rcc, CFGR, 1, 0);
    BROKE("RCC: register 0x010 written by 1 byte(s)");
    pwr->write(pwr, D3CR, 1, 0);
    BROKE("PWR: register 0x18 written by 1 byte(s)");
    syscfg->write(syscfg, 0x2c, 1, 0);
    BROKE("SYSCFG: register 0x2c written by 1 byte(s)");
    flash->write(flash, 0, 1, 0);
    BROKE("FLASH: register 0x000 written by 1 byte(s)");
    rcc_clock_hz(BENCH_CLOCKS);
    BROKE("there is no clock");
}

static void internal_oscillators_in_use(void) {
    power_on();
    CHECK(supply(1) == 0);
    modify(rcc, CR, 0, 1 << 7);
    CHECK(comes(rcc, CR, 1 << 8, 1 << 8));
    modify(rcc, CFGR, 7, 1);
    CHECK(comes(rcc, CFGR, 0x38, 0x08));
    CHECK(rcc_clock_hz(BENCH_CLOCK_CPU) == 4000000);
    modify(rcc, CR, 1, 0); // HSI is not in use now
    CLEAN();
    modify(rcc, CR, 1 << 7, 0);
    BROKE("CSI is turned off while in use");
    power_on();
    CHECK(supply(1) == 0);
    modify(rcc, CR, 0, 1 << 3); // 32 MHz
    CHECK(rcc_clock_hz(BENCH_CLOCK_CPU) == 32000000);
    set(rcc, PLLCKSELR, 0 | 4 << 12);
    set(rcc, PLLCFGR, 0x01ff0000 | 2 << 6);
    set(rcc, PLL2DIVR, divr(50, 2, 2, 2));
    modify(rcc, CR, 0, 1 << 26);
    CLEAN();
    modify(rcc, CR, 3 << 3, 0);
    BROKE("HSIDIV is changed while a PLL runs from HSI");
    set(syscfg, 0x2c, 0); // without its clock: kept as it was
    clean();
    set(rcc, APB4ENR, 2);
    modify(pwr, D3CR, 0xc000, 2 << 14);
    syscfg->write(syscfg, 0x2c, 4, 1);
    CLEAN();
    power_on();
    set(rcc, APB4ENR, 2);
    modify(pwr, CR3, 7, 4);
    CHECK(comes(pwr, CSR1, READY, READY));
    set(syscfg, 0x2c, 1);
    modify(pwr, D3CR, 0xc000, 3 << 14); // the other way about
    BROKE("scale 0 is asked for without scale 1");
}

static const struct scenario scenarios[] = {
    SCENARIO(runs_at_400),
    SCENARIO(runs_at_480),
    SCENARIO(too_fast_for_its_voltage),
    SCENARIO(too_few_wait_states),
    SCENARIO(old_silicon),
    SCENARIO(supply_rules),
    SCENARIO(regulator_is_late),
    SCENARIO(oscillators_and_plls_that_fail),
    SCENARIO(pll_rules),
    SCENARIO(peripherals_are_clocked_and_reset),
    SCENARIO(backup_domain),
    SCENARIO(stop_mode_takes_the_plls),
    SCENARIO(registers_are_words),
    SCENARIO(internal_oscillators_in_use),
};

int main(int argc, char **argv) {
    return run_scenarios(scenarios, sizeof(scenarios) / sizeof(scenarios[0]), argc, argv);
}
