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

enum { PORT_C = 2, PORT_D = 3, PORT_G = 6, PORT_I = 8, PORT_J = 9 };
enum { BUTTON = 13, SCL = 12, SDA = 13, RESET = 3, LIGHT = 12, FIRST_LED = 12, LEDS = 4 };

// UM2411: the user button pulls PC13 high; the I2C lines have pull-ups.
static void outside(unsigned port, uint16_t *driven, uint16_t *levels) {
    if (port == PORT_C) {
        *driven = 1u << BUTTON;
        *levels = wires_button() ? 1u << BUTTON : 0;
    } else if (port == PORT_D) {
        *driven = *levels = 1u << SCL | 1u << SDA;
    }
}

static bool led[LEDS];

// UM2411: low lights the LEDs; PG3 low holds the panel and its touch controller in reset (a pull-up releases it where nobody
// drives); PJ12 high is the backlight.
static void pins_changed(unsigned port) {
    bool level;
    if (port == PORT_I) {
        for (unsigned i = 0; i < LEDS; i++) {
            const bool lit = gpio_drives(port, FIRST_LED + i, &level) && !level;
            if (lit != led[i]) {
                led[i] = lit;
                wires_led(i, lit);
            }
        }
    } else if (port == PORT_G || port == PORT_J) {
        const bool low = gpio_drives(PORT_G, RESET, &level) && !level, was = display.reset_low;
        display_pins(low, gpio_drives(PORT_J, LIGHT, &level) && level);
        if (was && !low) {
            wires_touch_reset();
        }
    }
}

// ---- I2C4: the touch controller, in the other process ----

static bool there(uint8_t address) {
    return !display.reset_low && wires_i2c_there(address);
}

static int read_touch(uint8_t address, uint8_t reg, uint8_t *data, unsigned count) {
    return display.reset_low ? 19 : wires_i2c_read(address, reg, data, count);
}

// ---- the panel ----

static enum display_panel plugged_in;
static bool dsi_supply;

void board_panel(enum display_panel panel, bool supply) {
    plugged_in = panel;
    dsi_supply = supply;
}

static void pixels_changed(uint32_t x, uint32_t y, uint32_t w, uint32_t h) {
    static const uint16_t dark[DISPLAY_WIDTH];
    if (display_visible()) {
        wires_frame(x, y, w, h, &display.gram[y][x], DISPLAY_WIDTH);
    } else {
        wires_frame(0, 0, DISPLAY_WIDTH, DISPLAY_HEIGHT, dark, 0);
    }
}

// In reset by the RCC are those whose bit is set in RCC_APB3RSTR (RM0399 9.7).
static void resets_changed(void) {
    static uint32_t before;
    const uint32_t now = rcc_model()->read(rcc_model(), BENCH_APB3ENR - 0x58, 4), begun = now & ~before;
    before = now;
    if (begun >> (BENCH_DSI & 31) & 1) {
        dsi_reset_by_rcc();
    }
    if (begun >> (BENCH_LTDC & 31) & 1) {
        ltdc_reset_by_rcc();
    }
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
    bus_add(dsi_model(), BENCH_DSI);
    bus_add(ltdc_model(), BENCH_LTDC);
    display_start(plugged_in);
    display.faults.no_regulator = !dsi_supply;
    display_memory = cache_memory;
    display_changed = pixels_changed;
    gpio_outside = outside;
    gpio_changed = pins_changed;
    usart_take = console_take;
    usart_give = console_give;
    i2c_there = there;
    i2c_read = read_touch;
    i2c_write = wires_i2c_write;
    nor_new();
}

void board_close(void) {
    nor_free();
}

void board_written(model_t *model) {
    if (model == rcc_model()) {
        cpu_clock_changed();
        resets_changed();
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
