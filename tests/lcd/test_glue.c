// modlcd.c on a core that fails to order: what it refuses, what it says, what it hands on. Exit 0: as wanted.
#include "modlcd.c"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

const mp_obj_type_t mp_type_OSError = "OSError", mp_type_ValueError = "ValueError", mp_type_RuntimeError = "RuntimeError";
const char mp_const_none[] = "None";
const int mp_type_module = 0;

static char raised[400];
static jmp_buf landing;

void mp_raise_msg(const mp_obj_type_t *type, const char *text) {
    snprintf(raised, sizeof(raised), "%s: %s", *type, text);
    longjmp(landing, 1);
}

void mp_raise_msg_varg(const mp_obj_type_t *type, const char *text, ...) {
    const int n = snprintf(raised, sizeof(raised), "%s: ", *type);
    va_list args;
    va_start(args, text);
    vsnprintf(raised + n, sizeof(raised) - (size_t)n, text, args);
    va_end(args);
    longjmp(landing, 1);
}

mp_int_t mp_obj_get_int(mp_obj_t obj) {
    return (mp_int_t)obj;
}

bool mp_obj_is_true(mp_obj_t obj) {
    return obj != NULL;
}

mp_obj_t mp_obj_new_int_from_uint(uint32_t value) {
    return (mp_obj_t)(uintptr_t)value;
}

static size_t array_bytes;

mp_obj_t mp_obj_new_bytearray_by_ref(size_t bytes, void *items) {
    array_bytes = bytes;
    return items;
}

uint32_t mp_hal_ticks_us(void) {
    return 12345;
}

static uint32_t delayed, cleaned_at, cleaned;

void mp_hal_delay_us(uint32_t us) {
    delayed = us;
}

void clean_dcache(uintptr_t address, uint32_t bytes) {
    cleaned_at = (uint32_t)address;
    cleaned = bytes;
}

// The linker's symbols: test_lcd.py places them so that the region is whole, or too small, or not aligned.

// ---- the core ----

static int result;
static uint32_t shown[4];
static bool light;
static int black;

int lcd_init(struct lcd *l, const struct lcd_port *p, uint32_t framebuffer) {
    black = framebuffer == (uint32_t)(uintptr_t)_lcd_framebuffer_start;
    for (size_t i = 0; i < LCD_FRAMEBUFFER_BYTES; i++) {
        black = black && _lcd_framebuffer_start[i] == 0;
    }
    l->port = p;
    l->panel = result == LCD_OK ? LCD_PANEL_OTM8009A : LCD_PANEL_NONE;
    l->pixel_khz = 120000;
    l->id[0] = 0x12;
    l->id[1] = 0x34;
    l->fault = (struct lcd_fault) {"WISR.PLLLS", 0xabcd, 1, 2, 3};
    return result;
}

int lcd_show(struct lcd *l, uint32_t x, uint32_t y, uint32_t w, uint32_t h) {
    (void)l;
    shown[0] = x;
    shown[1] = y;
    shown[2] = w;
    shown[3] = h;
    return result;
}

int lcd_backlight(struct lcd *l, bool on) {
    (void)l;
    light = on;
    return result;
}

void lcd_deinit(struct lcd *l) {
    l->panel = LCD_PANEL_NONE;
}

// ----

static void is(bool met, const char *what) {
    if (!met) {
        printf("not so: %s; raised: %s\n", what, raised);
        exit(1);
    }
}

static bool raises_init(void) {
    raised[0] = '\0';
    if (setjmp(landing) == 0) {
        mod_init_obj();
        return false;
    }
    return true;
}

static bool raises_show(mp_int_t x, mp_int_t y, mp_int_t w, mp_int_t h) {
    raised[0] = '\0';
    if (setjmp(landing) == 0) {
        const mp_obj_t args[4] = {(mp_obj_t)x, (mp_obj_t)y, (mp_obj_t)w, (mp_obj_t)h};
        mod_show_obj(4, args);
        return false;
    }
    return true;
}

int main(void) {
    if ((size_t)(_lcd_framebuffer_end - _lcd_framebuffer_start) != LCD_FRAMEBUFFER_BYTES + 64 ||
        (uintptr_t)_lcd_framebuffer_start % 32 != 0) {
        is(raises_init() && strstr(raised, "RuntimeError: this firmware's framebuffer must have 768000 bytes, aligned to 32; "
            "it has "), "a wrong region is refused");
        return 0;
    }
    is(mod_panel_obj() == mp_const_none, "no panel before init()");
    memset(_lcd_framebuffer_start, 7, LCD_FRAMEBUFFER_BYTES + 64);
    is(!raises_init() && black, "init() starts with a black framebuffer");
    is(_lcd_framebuffer_start[LCD_FRAMEBUFFER_BYTES] == 7, "and leaves what lies behind it alone");
    is(strcmp(mod_panel_obj(), "OTM8009A") == 0, "panel() names it");
    lcd.panel = LCD_PANEL_NT35510;
    is(strcmp(mod_panel_obj(), "NT35510") == 0, "the other one too");
    is(mod_framebuffer_obj() == _lcd_framebuffer_start && array_bytes == 768000, "framebuffer() is the region");
    lcd.underruns = 5;
    is(mod_underruns_obj() == (mp_obj_t)5, "underruns() is the core's count");

    is(lcd.port->now_us(NULL) == 12345, "the clock");
    lcd.port->delay_us(NULL, 77);
    lcd.port->clean(NULL, 64, 32);
    is(delayed == 77 && cleaned_at == 64 && cleaned == 32, "the delay and the cache");

    is(!raises_show(0, 0, 800, 480) && shown[2] == 800 && shown[3] == 480, "the whole screen");
    is(!raises_show(799, 479, 1, 1) && shown[0] == 799 && shown[1] == 479, "the last pixel");
    static const mp_int_t bad[][4] = {
        {-1, 0, 2, 2}, {0, -1, 2, 2}, {0, 0, 0, 1}, {0, 0, 1, 0}, {0, 0, -1, 1}, {0, 0, 1, -1}, {0, 0, 801, 1}, {0, 0, 1, 481},
        {1, 0, 800, 1}, {0, 1, 1, 480}, {800, 0, 1, 1}, {0, 480, 1, 1}, {0x7fffffff, 0, 1, 1}, {0, 0x7fffffff, 1, 1},
        {1, 1, 0x7fffffff, 0x7fffffff}, {-0x7fffffff - 1, 0, 1, 1},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        shown[0] = 999;
        is(raises_show(bad[i][0], bad[i][1], bad[i][2], bad[i][3]) && shown[0] == 999, "a rectangle that does not fit");
    }
    is(raises_show(1, 2, 800, 4) &&
        strcmp(raised, "ValueError: show: want a rectangle within 800 x 480, got x 1, y 2, w 800, h 4") == 0, "its sentence");

    mod_backlight_obj((mp_obj_t)1);
    is(light, "backlight(True)");
    mod_backlight_obj(NULL);
    is(!light, "backlight(False)");
    mod_deinit_obj();
    is(mod_panel_obj() == mp_const_none, "no panel after deinit()");

    static const struct {
        int error;
        const char *sentence;
    } errors[] = {
        {LCD_ERR_OFF, "the display is off: init() was not called, or failed"},
        {LCD_ERR_HSE, "the 25 MHz oscillator is not ready (WISR.PLLLS, register 0x0000abcd; DSI: ISR0 0x1, ISR1 0x2, PSR 0x3); "
            "the display is off"},
        {LCD_ERR_PIXEL_CLOCK, "the display wants PLL3_R running from HSE at 10000 to 60000 kHz, it is set to 120000 "
            "(WISR.PLLLS, register 0x0000abcd)"},
        {LCD_ERR_REGULATOR, "DSI's regulator was not ready in time (WISR.PLLLS,"},
        {LCD_ERR_PLL, "the DSI PLL did not lock in time (WISR.PLLLS,"},
        {LCD_ERR_FIFO, "a command to the panel was not sent in time (WISR.PLLLS,"},
        {LCD_ERR_NO_PANEL, "no panel answered on DSI (is the display board plugged in?) (WISR.PLLLS,"},
        {LCD_ERR_WRONG_PANEL, "the panel on DSI is neither NT35510 nor OTM8009A: RDID2 is 0x12 (want 0x80), RDID1 0x34 (want 0x40)"},
        {LCD_ERR_RELOAD, "the LTDC did not take over its settings in time (WISR.PLLLS,"},
        {LCD_ERR_REFRESH, "the end of a frame did not come in time (WISR.PLLLS,"},
        {LCD_ERR_BUS, "the LTDC could not read the framebuffer (WISR.PLLLS,"},
    };
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        result = errors[i].error;
        is(raises_init() && strncmp(raised, "OSError: ", 9) == 0 &&
            strncmp(raised + 9, errors[i].sentence, strlen(errors[i].sentence)) == 0, errors[i].sentence);
        is(raises_show(0, 0, 1, 1) && strncmp(raised, "OSError: ", 9) == 0, "show() raises the same way");
    }
    return 0;
}
