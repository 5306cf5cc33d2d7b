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

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

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
    return display.reset_low ? ENODEV : wires_i2c_read(address, reg, data, count);
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
// DBGMCU_IDC: STM32H747, revision V or Y (RM0399 63.5.8).
static const struct plain_value revision_v[] = {{0, 0x20036450u, 0xffffffffu}, {0, 0, 0}};
static const struct plain_value revision_y[] = {{0, 0x10036450u, 0xffffffffu}, {0, 0, 0}};
static const struct plain_value rtc[] = {{0x0c, 0x00000027u, 0x00000030u}, {0, 0, 0}};
// OTG_HS: GRSTCTL.AHBIDL, and a reset that is over at once (RM0399 60.14); no cable is in.
static const struct plain_value otg[] = {
    {0x10, 0x80000000u, 0x80000031u}, {0x14, 0, 0x04000000u}, {0x3c, 0x00002300u, ~0u}, {0, 0, 0}};

// ---- the flash, in a file ----

// Both dies' memory, inverted: holes of the file are erased. Mapped, so that a bench that is killed loses nothing of it.
struct flash_file {
    struct nor_kept kept[NOR_DIES];
    char magic[8];
};
static const char flash_magic[8] = "uFFNOR1";
static struct flash_file *flash_file;

static void map_flash(const char *path) {
    const int file = open(path, O_RDWR | O_CREAT, 0666);
    const off_t size = file < 0 ? -1 : lseek(file, 0, SEEK_END);
    if (size < 0) {
        fail("%s cannot be opened: %s", path, strerror(errno));
    }
    if (flock(file, LOCK_EX | LOCK_NB) != 0) { // until the process ends
        fail("%s is the flash of another bench that runs", path);
    }
    if (size == 0 && (ftruncate(file, sizeof(struct flash_file)) != 0 ||
            pwrite(file, flash_magic, sizeof(flash_magic), offsetof(struct flash_file, magic)) != sizeof(flash_magic))) {
        fail("%s cannot be written: %s", path, strerror(errno));
    }
    if (size != 0 && size != (off_t)sizeof(struct flash_file)) {
        fail("%s holds %lld bytes, and no flash of the bench", path, (long long)size);
    }
    flash_file = mmap(NULL, sizeof(struct flash_file), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (flash_file == MAP_FAILED) {
        fail("%s cannot be mapped: %s", path, strerror(errno));
    }
    if (memcmp(flash_file->magic, flash_magic, sizeof(flash_magic)) != 0) {
        fail("%s is no flash of the bench", path);
    }
    nor_new_in(flash_file->kept);
}

void board_cut_at(uint64_t write) {
    nor_options.cut_at = write;
}

void board_seed(uint32_t seed) {
    nor_options.seed = seed;
}

static FILE *write_log;

// One program or erasure: its head, what it leaves, what a power cut in it leaves; bits inverted as in the flash's file.
static void log_write(const struct nor_write *write) {
    const struct {
        uint64_t number, printed; // bytes that the serial line had sent before
        uint32_t die, address, bytes, none;
    } head = {write->number, console_given(), write->die, write->address, write->bytes, 0};
    if (fwrite(&head, sizeof(head), 1, write_log) != 1 || fwrite(write->whole, write->bytes, 1, write_log) != 1 ||
        fwrite(write->torn, write->bytes, 1, write_log) != 1) {
        fail("the log of writes cannot be written: %s", strerror(errno));
    }
}

void board_log_writes(const char *path) {
    write_log = fopen(path, "wb");
    if (!write_log) {
        fail("%s cannot be written: %s", path, strerror(errno));
    }
    nor_wrote = log_write;
}

uint64_t board_writes(void) {
    return nor_operations();
}

bool board_lost_power(void) {
    return nor_is_off();
}

void board_after_demo(void) {
    nor_leave_as_demo();
}

// ---- faults ----

struct fault {
    const char *name;
    bool *flag;      // set, or
    unsigned pll;    // that bit of no_pll, or
    uint64_t *late;  // so much later
    uint64_t ns;
};
static const struct fault faults[] = {
    {"no-hse", &rcc_options.no_hse, 0, NULL, 0},
    {"no-csi", &rcc_options.no_csi, 0, NULL, 0},
    {"no-lse", &rcc_options.no_lse, 0, NULL, 0},
    {"no-pll1", NULL, 1u << 0, NULL, 0},
    {"no-pll2", NULL, 1u << 1, NULL, 0},
    {"no-pll3", NULL, 1u << 2, NULL, 0},
    {"no-switch", &rcc_options.no_switch, 0, NULL, 0},
    {"no-supply", &rcc_options.no_supply, 0, NULL, 0},
    {"no-scaling", &rcc_options.no_scaling, 0, NULL, 0},
    {"late-pll", NULL, 0, &rcc_options.pll_late_ns, 1000000},
    {"late-supply", NULL, 0, &rcc_options.supply_late_ns, 100000000},
    {"late-scaling", NULL, 0, &rcc_options.scaling_late_ns, 100000000},
    {"old-silicon", &rcc_options.old_silicon, 0, NULL, 0},
    {"slow-flash", &nor_options.slow, 0, NULL, 0},
    {"floating-high", &nor_options.floating_high, 0, NULL, 0},
};

bool board_fault(const char *name) {
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        const struct fault *fault = &faults[i];
        if (strcmp(fault->name, name) == 0) {
            if (fault->flag) {
                *fault->flag = true;
            } else if (fault->late) {
                *fault->late = fault->ns;
            } else {
                rcc_options.no_pll |= fault->pll;
            }
            return true;
        }
    }
    return false;
}

void board_list_faults(FILE *file) {
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        fprintf(file, "%s%s", i == 0 ? "" : i % 5 == 0 ? ",\n                  " : ", ", faults[i].name);
    }
    fputc('\n', file);
}

// ---- the whole ----

void board_open(const char *flash) {
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
    bus_add(plain_model("DBGMCU", 0x5c001000u, 0x400, rcc_options.old_silicon ? revision_y : revision_v), ALWAYS);
    bus_add(plain_model("CRC", 0x58024c00u, 0x400, crc), BENCH_PERIPHERAL(BENCH_AHB4ENR, 19));
    bus_add(dsi_model(), BENCH_DSI);
    bus_add(ltdc_model(), BENCH_LTDC);
    display_start(plugged_in);
    display.faults.no_regulator = !dsi_supply;
    display_memory = cache_memory;
    display_changed = pixels_changed;
    // AXI interconnect: SystemInit() limits what SRAM has under way on revision Y (errata sheet ES0445).
    bus_add(plain_model("AXI", 0x51008000u, 0x400, NULL), ALWAYS);
    gpio_outside = outside;
    gpio_changed = pins_changed;
    usart_take = console_take;
    usart_give = console_give;
    i2c_there = there;
    i2c_read = read_touch;
    i2c_write = wires_i2c_write;
    if (flash) {
        map_flash(flash);
    } else {
        nor_new();
    }
}

void board_close(void) {
    nor_free();
    if (write_log && fclose(write_log) != 0) {
        fail("the log of writes cannot be written: %s", strerror(errno));
    }
    if (flash_file) {
        munmap(flash_file, sizeof(*flash_file));
    }
}

void board_written(model_t *model) {
    if (model == rcc_model()) {
        cpu_clock_changed();
        resets_changed();
    } else if (model == fmc_model()) {
        memory_sdram(fmc_sdram_ready());
    } else if (model == quadspi_model() && nor_is_off()) {
        cpu_deadline(0);
    }
}

void board_reset(bool power) {
    if (power) {
        nor_power_on();
    }
    memory_sdram(false);
}
