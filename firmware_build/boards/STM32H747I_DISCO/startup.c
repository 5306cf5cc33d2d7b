// What runs before the clocks: upstream waits for the supply without a limit and before a light could tell of it.
#include "py/mphal.h"
#include "boardctrl.h"
#include "led.h"
#include "powerctrl.h"

// Estimated: a second, if a turn takes ten cycles of the 64 MHz that a reset leaves. It only must not be too few.
enum { READS = 6400000 };

static void wait_for(volatile uint32_t *reg, uint32_t ready, const char *what) {
    for (uint32_t reads = 0; reads < READS; ++reads) {
        if (*reg & ready) {
            return;
        }
    }
    MICROPY_BOARD_FATAL_ERROR(what); // its lights
}

// The supply as SystemClock_Config() sets it afterwards, each step with a limit (RM0399, "Power control", "System supply
// startup"; voltage scale 0 needs silicon of revision V). The lights come first: a failure of the clocks shows on them too.
void board_h747_startup(void) {
    powerctrl_check_enter_bootloader(); // upstream's own
    led_init();
    MODIFY_REG(PWR->CR3, PWR_SUPPLY_CONFIG_MASK, MICROPY_HW_PWR_SMPS_CONFIG);
    wait_for(&PWR->CSR1, PWR_CSR1_ACTVOSRDY, "supply");
    __HAL_RCC_SYSCFG_CLK_ENABLE(); // both macros write there; upstream turns it on for scale 0 alone
    if (HAL_GetREVID() >= 0x2003) {
        __HAL_PWR_VOLTAGESCALING_CONFIG(PWR_REGULATOR_VOLTAGE_SCALE0);
    } else {
        __HAL_PWR_VOLTAGESCALING_CONFIG(PWR_REGULATOR_VOLTAGE_SCALE1);
    }
    wait_for(&PWR->D3CR, PWR_D3CR_VOSRDY, "voltage scale");
}
