// A model of what lcd.c drives: RCC, two GPIO ports, DSI host and wrapper, LTDC, data cache and SDRAM, and a panel behind
// the link with its own memory. It answers as the manuals, ST's HAL and the panels' drivers say, counts virtual time, and
// notes the first access that comes too early, in the wrong order or with a value that does not fit the rest.
#ifndef MODEL_H
#define MODEL_H

#include "lcd.h"

#include <stdbool.h>
#include <stdint.h>

#define MODEL_FRAMEBUFFER (0xd1e00000u)

enum model_panel { MODEL_NO_PANEL, MODEL_NT35510, MODEL_OTM8009A };

// Faults to inject, all off when zero.
struct model_faults {
    bool no_hse, no_pll3, pll3_from_hsi, no_divr3, no_divm3, no_regulator, no_lock, no_reload, no_end, bus_error;
    bool early_flag;             // the end of a frame is flagged at its start, too
    bool link_stuck;             // the FIFO of commands never empties again
    uint32_t link_stuck_after;   // after so many packets
    bool payload_full;           // the payload FIFO is full after one word, for ever
    uint32_t busy_us;            // the FIFO is occupied that long when the host is switched on
    uint32_t underruns;          // so many frames run the FIFO empty
    uint32_t deaf_attempts;      // after so many resets the panel answers for the first time
    bool only_own_id;            // another controller's identification is not answered at all
    bool ids_given;              // answers to 0xDB, 0xDA are these
    uint8_t id2, id1;
    uint32_t preempted_us;       // every reading of the clock takes that long
};

struct model_command {
    uint8_t count;      // bytes
    uint8_t bytes[20];
    uint32_t ms;        // since the reset was released
};

struct model {
    enum model_panel kind;
    struct model_faults faults;
    uint32_t pll3_n, pll3_r;

    // What came of it.
    char violation[160];         // empty: none
    uint64_t ns;                 // virtual time
    bool light, ever_lit;
    bool reset_low;              // the panel is held in reset
    bool display_on, asleep;
    uint32_t frames;             // refreshes that ended
    uint32_t frame_w, frame_h;   // of the last one
    uint64_t frame_ns;
    uint64_t free_running_ns;    // LTDC on while the wrapper is off: it reads SDRAM for nobody
    struct model_command commands[200];
    uint32_t command_count, reads;
    uint16_t gram[480][800];     // what the panel shows
    uint8_t cached[LCD_FRAMEBUFFER_BYTES]; // the framebuffer as the processor sees it
    uint8_t sdram[LCD_FRAMEBUFFER_BYTES];  // and as the LTDC does
};

extern struct model model;
extern const struct lcd_port model_port;

void model_start(enum model_panel kind);
uint32_t model_us(void);

// Everything off: light, panel in reset, DSI PLL, regulator and both clocks; pins are outputs.
bool model_is_off(void);
// At rest with a picture: the LTDC reads nothing, nothing waits in the link.
bool model_is_idle(void);
// The bits of RCC and GPIO registers that belong to others are as they were.
bool model_others_untouched(void);

#endif
