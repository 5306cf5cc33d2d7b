// The MicroPython module `lcd`: arguments, errors in words, and how the core (lcd.h) reaches the STM32H747.
// lcd.pyi is its documentation for people and editors.
#include "py/mphal.h"
#include "py/runtime.h"
#include "lcd.h"

#include <string.h>

// The board's linker script keeps this part of the SDRAM out of the heap: a picture outlives a soft reset, and the
// collector never looks through it.
extern uint8_t _lcd_framebuffer_start[], _lcd_framebuffer_end[];

static struct lcd lcd;

// ---- the machine ----

static uint32_t port_read32(void *context, uint32_t address) {
    (void)context;
    return *(volatile uint32_t *)(uintptr_t)address;
}

static void port_write32(void *context, uint32_t address, uint32_t value) {
    (void)context;
    *(volatile uint32_t *)(uintptr_t)address = value;
}

static uint32_t port_now_us(void *context) {
    (void)context;
    return mp_hal_ticks_us();
}

// Not the port's delay in milliseconds: that one runs pending events, and an exception from there (Ctrl-C) would leave the
// core half-way.
static void port_delay_us(void *context, uint32_t us) {
    (void)context;
    mp_hal_delay_us(us);
}

static void port_clean(void *context, uint32_t address, uint32_t bytes) {
    (void)context;
    MP_HAL_CLEAN_DCACHE(address, bytes);
}

static const struct lcd_port port = {
    .read32 = port_read32,
    .write32 = port_write32,
    .now_us = port_now_us,
    .delay_us = port_delay_us,
    .clean = port_clean,
};

// ---- errors ----

static const char *what_failed(int error) {
    switch (error) {
        case LCD_ERR_HSE:
            return "the 25 MHz oscillator is not ready";
        case LCD_ERR_REGULATOR:
            return "DSI's regulator was not ready in time";
        case LCD_ERR_PLL:
            return "the DSI PLL did not lock in time";
        case LCD_ERR_FIFO:
            return "a command to the panel was not sent in time";
        case LCD_ERR_NO_PANEL:
            return "no panel answered on DSI (is the display board plugged in?)";
        case LCD_ERR_RELOAD:
            return "the LTDC did not take over its settings in time";
        case LCD_ERR_REFRESH:
            return "the end of a frame did not come in time";
        default:
            return "the LTDC could not read the framebuffer";
    }
}

static void check(int error) {
    switch (error) {
        case LCD_OK:
            return;
        case LCD_ERR_OFF:
            mp_raise_msg(&mp_type_OSError, MP_ERROR_TEXT("the display is off: init() was not called, or failed"));
        case LCD_ERR_PIXEL_CLOCK:
            mp_raise_msg_varg(&mp_type_OSError,
                MP_ERROR_TEXT("the display wants PLL3_R running from HSE at 10000 to 60000 kHz, it is set to %u "
                "(%s, register 0x%08x)"), (unsigned)lcd.pixel_khz, lcd.fault.flag, (unsigned)lcd.fault.value);
        case LCD_ERR_WRONG_PANEL:
            mp_raise_msg_varg(&mp_type_OSError,
                MP_ERROR_TEXT("the panel on DSI is neither NT35510 nor OTM8009A: RDID2 is 0x%02x (want 0x80), "
                "RDID1 0x%02x (want 0x40)"), lcd.id[0], lcd.id[1]);
        default:
            mp_raise_msg_varg(&mp_type_OSError,
                MP_ERROR_TEXT("%s (%s, register 0x%08x; DSI: ISR0 0x%x, ISR1 0x%x, PSR 0x%x); the display is off"),
                what_failed(error), lcd.fault.flag, (unsigned)lcd.fault.value, (unsigned)lcd.fault.isr0,
                (unsigned)lcd.fault.isr1, (unsigned)lcd.fault.psr);
    }
}

// ---- functions ----

static mp_obj_t panel_name(void) {
    switch (lcd.panel) {
        case LCD_PANEL_NT35510:
            return MP_OBJ_NEW_QSTR(MP_QSTR_NT35510);
        case LCD_PANEL_OTM8009A:
            return MP_OBJ_NEW_QSTR(MP_QSTR_OTM8009A);
        default:
            return mp_const_none;
    }
}
static MP_DEFINE_CONST_FUN_OBJ_0(mod_panel_obj, panel_name);

static mp_obj_t mod_init(void) {
    const size_t bytes = (size_t)(_lcd_framebuffer_end - _lcd_framebuffer_start);
    if (bytes < LCD_FRAMEBUFFER_BYTES || (uintptr_t)_lcd_framebuffer_start % LCD_ALIGN != 0) {
        mp_raise_msg_varg(&mp_type_RuntimeError,
            MP_ERROR_TEXT("this firmware's framebuffer must have %u bytes, aligned to %u; it has %u at 0x%08x"),
            LCD_FRAMEBUFFER_BYTES, LCD_ALIGN, (unsigned)bytes, (unsigned)(uintptr_t)_lcd_framebuffer_start);
    }
    memset(_lcd_framebuffer_start, 0, LCD_FRAMEBUFFER_BYTES);
    check(lcd_init(&lcd, &port, (uint32_t)(uintptr_t)_lcd_framebuffer_start));
    return panel_name();
}
static MP_DEFINE_CONST_FUN_OBJ_0(mod_init_obj, mod_init);

static mp_obj_t mod_framebuffer(void) {
    return mp_obj_new_bytearray_by_ref(LCD_FRAMEBUFFER_BYTES, _lcd_framebuffer_start);
}
static MP_DEFINE_CONST_FUN_OBJ_0(mod_framebuffer_obj, mod_framebuffer);

static mp_obj_t mod_show(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    const mp_int_t x = mp_obj_get_int(args[0]), y = mp_obj_get_int(args[1]);
    const mp_int_t w = mp_obj_get_int(args[2]), h = mp_obj_get_int(args[3]);
    const mp_int_t width = LCD_WIDTH, height = LCD_HEIGHT;
    if (w < 1 || w > width || h < 1 || h > height || x < 0 || x > width - w || y < 0 || y > height - h) {
        mp_raise_msg_varg(&mp_type_ValueError,
            MP_ERROR_TEXT("show: want a rectangle within 800 x 480, got x %d, y %d, w %d, h %d"), (int)x, (int)y, (int)w,
            (int)h);
    }
    check(lcd_show(&lcd, (uint32_t)x, (uint32_t)y, (uint32_t)w, (uint32_t)h));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(mod_show_obj, 4, 4, mod_show);

static mp_obj_t mod_backlight(mp_obj_t on) {
    check(lcd_backlight(&lcd, mp_obj_is_true(on)));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(mod_backlight_obj, mod_backlight);

static mp_obj_t mod_underruns(void) {
    return mp_obj_new_int_from_uint(lcd.underruns);
}
static MP_DEFINE_CONST_FUN_OBJ_0(mod_underruns_obj, mod_underruns);

static mp_obj_t mod_deinit(void) {
    lcd_deinit(&lcd);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_0(mod_deinit_obj, mod_deinit);

// ---- module ----

static const mp_rom_map_elem_t globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_lcd) },
    { MP_ROM_QSTR(MP_QSTR_WIDTH), MP_ROM_INT(LCD_WIDTH) },
    { MP_ROM_QSTR(MP_QSTR_HEIGHT), MP_ROM_INT(LCD_HEIGHT) },
    { MP_ROM_QSTR(MP_QSTR_init), MP_ROM_PTR(&mod_init_obj) },
    { MP_ROM_QSTR(MP_QSTR_framebuffer), MP_ROM_PTR(&mod_framebuffer_obj) },
    { MP_ROM_QSTR(MP_QSTR_show), MP_ROM_PTR(&mod_show_obj) },
    { MP_ROM_QSTR(MP_QSTR_backlight), MP_ROM_PTR(&mod_backlight_obj) },
    { MP_ROM_QSTR(MP_QSTR_panel), MP_ROM_PTR(&mod_panel_obj) },
    { MP_ROM_QSTR(MP_QSTR_underruns), MP_ROM_PTR(&mod_underruns_obj) },
    { MP_ROM_QSTR(MP_QSTR_deinit), MP_ROM_PTR(&mod_deinit_obj) },
};
static MP_DEFINE_CONST_DICT(globals, globals_table);

const mp_obj_module_t lcd_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&globals,
};

MP_REGISTER_MODULE(MP_QSTR_lcd, lcd_module);
