// The board: which models there are, and what hangs on their pins.
#include "bench.h"

#include "models/fmc.h"
#include "models/gpio.h"
#include "models/i2c.h"
#include "models/nor_flash.h"
#include "models/plain.h"
#include "models/quadspi.h"
#include "models/rcc.h"
#include "models/usart.h"

#include <string.h>

bool bench_clock_on(unsigned peripheral) {
    return rcc_clock_on(peripheral);
}

uint32_t bench_clock_hz(unsigned clock) {
    return rcc_clock_hz(clock);
}

// ---- pins ----

enum { PORT_C = 2, PORT_D = 3, BUTTON = 13, SCL = 12, SDA = 13 };

// UM2411: the user button pulls PC13 high, and nobody presses it; the I2C lines have pull-ups.
static void outside(unsigned port, uint16_t *driven, uint16_t *levels) {
    if (port == PORT_C) {
        *driven = 1u << BUTTON;
        *levels = 0;
    } else if (port == PORT_D) {
        *driven = *levels = 1u << SCL | 1u << SDA;
    }
}

// ---- I2C4: the touch controller is not there yet ----

static bool nobody(uint8_t address) {
    (void)address;
    return false;
}

// ---- what has no model of its own ----

static const struct plain_value crc[] = {{0, 0xffffffffu, 0}, {0, 0, 0}};
// DBGMCU_IDC: STM32H747, revision V (RM0399 63.5.8).
static const struct plain_value dbgmcu[] = {{0, 0x20036450u, 0xffffffffu}, {0, 0, 0}};
static const struct plain_value rtc[] = {{0x0c, 0x00000027u, 0x00000030u}, {0, 0, 0}};
// OTG_HS: GRSTCTL.AHBIDL, and a reset that is over at once (RM0399 60.14); no cable is in.
static const struct plain_value otg[] = {
    {0x10, 0x80000000u, 0x80000031u}, {0x14, 0, 0x04000000u}, {0x3c, 0x00002300u, ~0u}, {0, 0, 0}};

void board_open(void) {
    bus_add(rcc_model(), ALWAYS);
    bus_add(pwr_model(), ALWAYS);
    bus_add(fmc_model(), ALWAYS); // asks itself
    bus_add(quadspi_model(), ALWAYS);
    for (unsigned port = 0; port < GPIO_PORTS; port++) {
        bus_add(gpio_model(port), BENCH_GPIOA + port);
    }
    bus_add(usart1_model(), BENCH_USART1);
    bus_add(i2c4_model(), BENCH_I2C4);
    bus_add(flash_interface_model(), ALWAYS);
    bus_add(syscfg_model(), BENCH_SYSCFG);
    bus_add(plain_model("EXTI", 0x58000000u, 0x400, NULL), ALWAYS);
    bus_add(
        plain_model("RTC", 0x58004000u, 0x400, rtc), ALWAYS); // its bus clock is on from reset (RM0399, RCC_APB4ENR)
    bus_add(plain_model("DAC", 0x40007400u, 0x400, NULL), BENCH_PERIPHERAL(BENCH_APB1LENR, 29));
    bus_add(plain_model("SPI5", 0x40015000u, 0x400, NULL), BENCH_PERIPHERAL(BENCH_APB2ENR, 20));
    bus_add(plain_model("OTG_HS", 0x40040000u, 0x40000, otg), BENCH_OTG_HS);
    bus_add(plain_model("DBGMCU", 0x5c001000u, 0x400, dbgmcu), ALWAYS);
    bus_add(plain_model("CRC", 0x58024c00u, 0x400, crc), BENCH_PERIPHERAL(BENCH_AHB4ENR, 19));
    // No panel: the regulator of its link never becomes ready, and the firmware says so.
    bus_add(plain_model("DSI", 0x50000000u, 0x800, NULL), BENCH_DSI);
    bus_add(plain_model("LTDC", 0x50001000u, 0x400, NULL), BENCH_LTDC);
    gpio_outside = outside;
    usart_take = console_take;
    usart_give = console_give;
    i2c_there = nobody;
    nor_new();
}

void board_close(void) {
    nor_free();
}

void board_written(model_t *model) {
    if (model == rcc_model()) {
        cpu_clock_changed();
    } else if (model == fmc_model()) {
        memory_sdram(fmc_sdram_ready());
    }
}

void board_reset(bool power) {
    if (power) {
        nor_power_on();
    }
    memory_sdram(false);
}
