// What lcd.c drives, for its tests: the models of the display that the firmware bench has (DSI host, LTDC, panel:
// firmware_build/firmware_bench/models), and around them RCC, two GPIO ports, data cache and SDRAM. It counts virtual time, and
// notes the first access that comes too early, in the wrong order or with a value that does not fit the rest.
#ifndef LCD_MODEL_H
#define LCD_MODEL_H

#include "lcd.h"

#include "models/display.h"

#define MODEL_FRAMEBUFFER (0xd1e00000u)

// Faults of what is around the display, all off when zero. The display's own: display.faults.
struct model_faults {
    bool no_hse, no_pll3, pll3_from_hsi, no_divr3, no_divm3;
    uint32_t preempted_us; // every reading of the clock takes that long
};

struct model_command {
    uint8_t count;      // bytes
    uint8_t bytes[20];
    uint32_t ms;        // since the reset was released
};

struct lcd_model {
    struct model_faults faults;
    uint32_t pll3_n, pll3_r;

    // What came of it.
    char violation[160];         // empty: none
    uint64_t ns;                 // virtual time
    struct model_command commands[200]; // the first of them; a test begins anew by command_count = 0
    uint32_t command_count;
    uint8_t cached[LCD_FRAMEBUFFER_BYTES]; // the framebuffer as the processor sees it
    uint8_t sdram[LCD_FRAMEBUFFER_BYTES];  // and as the LTDC does
};

extern struct lcd_model model;
extern const struct lcd_port model_port;

void model_start(enum display_panel kind);
uint32_t model_us(void);

// Everything off: light, panel in reset, DSI PLL, regulator and both clocks; pins are outputs.
bool model_is_off(void);
// The bits of RCC and GPIO registers that belong to others are as they were.
bool model_others_untouched(void);

#endif
