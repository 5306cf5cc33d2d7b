// Clocks and supply: RCC, PWR, the power register of SYSCFG and the wait states of the flash (RM0399, "Reset and clock
// control", "Power control", "Embedded flash memory"), as far as they depend on each other.
#ifndef FIRMWARE_BENCH_RCC_H
#define FIRMWARE_BENCH_RCC_H

#include "../model.h"

model_t *rcc_model(void);
model_t *pwr_model(void);
model_t *syscfg_model(void);
model_t *flash_interface_model(void);

// Answers of bench_clock_on() and bench_clock_hz().
bool rcc_clock_on(unsigned peripheral);
uint32_t rcc_clock_hz(unsigned clock);

// Faults and what differs between boards; all zero: none. Kept by resets.
struct rcc_options {
    bool no_hse, no_lse, no_csi;  // it never becomes ready
    unsigned no_pll;              // bit n: PLL n + 1 never locks
    bool no_switch;               // the system clock never changes
    bool no_supply, no_scaling;   // ACTVOSRDY, VOSRDY never come
    uint64_t supply_late_ns, scaling_late_ns, pll_late_ns; // later than typical by so much
    bool old_silicon;             // revision Y: no voltage scale 0, oscillators of the PLLs up to 836 MHz
};
extern struct rcc_options rcc_options;

// Stop mode ends: HSI runs the system, PLLs and HSE are off, scale 3 (RM0399, "Stop mode", "Exiting Stop mode").
void rcc_stop(void);

#endif
