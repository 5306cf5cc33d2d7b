#include "lcd_model.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct lcd_model model;

void bench_violation(const char *format, ...) {
    if (model.violation[0] == '\0') {
        va_list args;
        va_start(args, format);
        vsnprintf(model.violation, sizeof(model.violation), format, args);
        va_end(args);
    }
}

uint64_t bench_now_ns(void) {
    return model.ns;
}

uint32_t bench_clock_hz(unsigned clock) {
    return clock == BENCH_CLOCK_LTDC ? 5000000 * model.pll3_n / model.pll3_r : 0;
}

// Address of the access under way, for messages.
static uint32_t at;

static void need(bool met, const char *what) {
    if (!met) {
        bench_violation("0x%08x: %s", (unsigned)at, what);
    }
}

uint32_t model_us(void) {
    return (uint32_t)(model.ns / 1000);
}

// ---- RCC and GPIO: own bits written, others' kept ----

struct shared_register {
    uint32_t address, own, initial;
    uint32_t value;
};

enum { APB3RSTR, AHB4ENR, APB3ENR, D1CCIPR, G_MODER, G_OTYPER, J_MODER, J_OTYPER, SHARED };
static struct shared_register shared[SHARED] = {
    {0x5802448cu, 0x18u, 0x40u, 0},
    {0x580244e0u, 0x240u, 0x0010013fu, 0},
    {0x580244e4u, 0x18u, 0x40u, 0},
    {0x5802444cu, 0x100u, 0x00010121u, 0},        // DSISEL set by someone
    {0x58021800u, 0x000000c0u, 0xa5a5a5e5u, 0},   // PG3 analogue
    {0x58021804u, 0x00000008u, 0x00001238u, 0},   // and open drain
    {0x58022400u, 0x03000000u, 0x5b5a5a5au, 0},
    {0x58022404u, 0x00001000u, 0x0000f123u, 0},
};
static uint32_t odr_g, odr_j;

// Reset since they are clocked: their state is known, as HAL has it.
static uint32_t known;

static bool clocked(uint32_t bit) {
    return (shared[APB3ENR].value & bit) && !(shared[APB3RSTR].value & bit) && (known & bit);
}

// ---- time ----

static void pass(uint64_t ns) {
    model.ns += ns;
    display_advance(model.ns);
}

// ---- what the display tells ----

static void on_command(const uint8_t *bytes, uint32_t count, uint64_t ns) {
    if (model.command_count == sizeof(model.commands) / sizeof(model.commands[0])) {
        return;
    }
    struct model_command *record = &model.commands[model.command_count++];
    record->count = (uint8_t)count;
    memcpy(record->bytes, bytes, count);
    record->ms = (uint32_t)(ns / 1000000);
}

static const uint8_t *sdram(uint32_t address, uint32_t bytes) {
    const uint32_t offset = address - MODEL_FRAMEBUFFER;
    if (offset >= LCD_FRAMEBUFFER_BYTES || bytes > LCD_FRAMEBUFFER_BYTES - offset) {
        bench_violation("LTDC reads 0x%08x, outside the framebuffer", (unsigned)address);
        return NULL;
    }
    return model.sdram + offset;
}

// ---- reads ----

static uint32_t model_read(void *context, uint32_t address) {
    (void)context;
    pass(100);
    at = address;
    for (int i = 0; i < SHARED; i++) {
        if (shared[i].address == address) {
            return shared[i].value;
        }
    }
    switch (address) {
        case 0x58024400u:
            return (0x0703c025u & ~(model.faults.no_hse ? 1u << 17 : 0)) | (model.faults.no_pll3 ? 0 : 3u << 28);
        case 0x58024428u:
            return (model.faults.pll3_from_hsi ? 0 : 2) | 5u << 4 | 5u << 12 | (model.faults.no_divm3 ? 0 : 5u << 20);
        case 0x5802442cu:
            return 0x00ff0fffu | (model.faults.no_divr3 ? 0 : 1u << 24);
        case 0x58024440u:
            return (model.pll3_n - 1) | 7u << 9 | 7u << 16 | (model.pll3_r - 1) << 24;
    }
    if (address - dsi_model()->base < dsi_model()->size) {
        need(clocked(0x10), "DSI read without clock, in reset, or never reset");
        return dsi_model()->read(dsi_model(), address - dsi_model()->base, 4);
    }
    if (address - ltdc_model()->base < ltdc_model()->size) {
        need(clocked(0x08), "LTDC read without clock, in reset, or never reset");
        return ltdc_model()->read(ltdc_model(), address - ltdc_model()->base, 4);
    }
    need(false, "read of an unknown register");
    return 0;
}

// ---- writes ----

static void write_pins(bool g, uint32_t value) {
    need((value & ~(g ? 0x00080008u : 0x10001000u)) == 0, "another pin written");
    uint32_t *odr = g ? &odr_g : &odr_j;
    *odr = (*odr | (value & 0xffff)) & ~(value >> 16);
}

static void pins_changed(void) {
    const bool lit = (odr_j & 1u << 12) && (shared[J_MODER].value >> 24 & 3) == 1 && !(shared[J_OTYPER].value & 1u << 12);
    const bool output = (shared[G_MODER].value >> 6 & 3) == 1 && !(shared[G_OTYPER].value & 1u << 3);
    display_pins(output && !(odr_g & 1u << 3), lit);
}

static void model_write(void *context, uint32_t address, uint32_t value) {
    (void)context;
    pass(100);
    at = address;
    for (int i = 0; i < SHARED; i++) {
        if (shared[i].address != address) {
            continue;
        }
        need(i < G_MODER || (shared[AHB4ENR].value & (i < J_MODER ? 0x40u : 0x200u)), "a port without its clock");
        need(((value ^ shared[i].value) & ~shared[i].own) == 0, "others' bits changed");
        shared[i].value = value;
        if (i == APB3RSTR || i == APB3ENR) {
            known &= shared[APB3ENR].value;
            known |= shared[APB3ENR].value & shared[APB3RSTR].value;
            if (shared[APB3RSTR].value & 0x10) {
                dsi_reset_by_rcc();
            }
            if (shared[APB3RSTR].value & 0x08) {
                ltdc_reset_by_rcc();
            }
        }
        pins_changed();
        return;
    }
    if (address == 0x58021818u || address == 0x58022418u) {
        const bool g = address == 0x58021818u;
        need(shared[AHB4ENR].value & (g ? 0x40u : 0x200u), "a port without its clock");
        write_pins(g, value);
        pins_changed();
    } else if (address - dsi_model()->base < dsi_model()->size) {
        need(clocked(0x10), "DSI written without clock, in reset, or never reset");
        need(!(shared[D1CCIPR].value & 0x100), "the DSI's byte clock is not its PHY's");
        dsi_model()->write(dsi_model(), address - dsi_model()->base, 4, value);
    } else if (address - ltdc_model()->base < ltdc_model()->size) {
        need(clocked(0x08), "LTDC written without clock, in reset, or never reset");
        ltdc_model()->write(ltdc_model(), address - ltdc_model()->base, 4, value);
    } else {
        need(false, "write to an unknown register");
    }
}

static uint32_t model_now(void *context) {
    (void)context;
    pass(100 + model.faults.preempted_us * 1000ull);
    return model_us() + 0xffff0000u; // wraps after 65 ms
}

static void model_delay(void *context, uint32_t us) {
    (void)context;
    need(us <= 200000, "a wait longer than any datasheet asks for");
    pass(us * 1000ull);
}

static void model_clean(void *context, uint32_t address, uint32_t bytes) {
    (void)context;
    const uint32_t offset = address - MODEL_FRAMEBUFFER;
    if (address % LCD_ALIGN || bytes % LCD_ALIGN || bytes == 0 || bytes > LCD_FRAMEBUFFER_BYTES ||
        offset > LCD_FRAMEBUFFER_BYTES - bytes) {
        bench_violation("clean of %u bytes at 0x%08x", (unsigned)bytes, (unsigned)address);
        return;
    }
    memcpy(model.sdram + offset, model.cached + offset, bytes);
    pass(bytes / 4);
}

const struct lcd_port model_port = {model_read, model_write, model_now, model_delay, model_clean, NULL};

// ---- questions ----

void model_start(enum display_panel kind) {
    memset(&model, 0, sizeof(model));
    model.pll3_n = 100;
    model.pll3_r = 12;
    for (int i = 0; i < SHARED; i++) {
        shared[i].value = shared[i].initial;
    }
    known = 0;
    odr_g = 0x8;
    odr_j = 0x1000; // were PJ12 an output now, the light would be on
    memset(model.sdram, 0x5a, sizeof(model.sdram));
    display_memory = sdram;
    display_on_command = on_command;
    display_start(kind);
}

bool model_is_off(void) {
    return display_is_off() && !(shared[APB3ENR].value & 0x18) && !(shared[APB3RSTR].value & 0x18) &&
           (shared[J_MODER].value >> 24 & 3) == 1 && (shared[G_MODER].value >> 6 & 3) == 1;
}

bool model_others_untouched(void) {
    for (int i = 0; i < SHARED; i++) {
        if ((shared[i].value ^ shared[i].initial) & ~shared[i].own) {
            return false;
        }
    }
    return true;
}
