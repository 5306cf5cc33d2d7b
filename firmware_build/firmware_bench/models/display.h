// The display: DSI host and wrapper (dsi.c), LTDC (ltdc.c), and behind them the panel with its own memory (panel.c), as far
// as adapted command mode needs them. Registers by RM0399 ("DSI Host", "DSI wrapper", "LTDC"); values and orders that the
// manual leaves open by ST's HAL and board package; the panels by their drivers there, by embassy and by Zephyr. The driver
// in firmware_build/lcd is tested against the same files (tests/lcd).
#ifndef FIRMWARE_BENCH_DISPLAY_H
#define FIRMWARE_BENCH_DISPLAY_H

#include "../model.h"

enum { DISPLAY_WIDTH = 800, DISPLAY_HEIGHT = 480 };

enum display_panel { DISPLAY_NO_PANEL, DISPLAY_NT35510, DISPLAY_OTM8009A };

// Faults to inject, all off when zero.
struct display_faults {
    bool no_regulator, no_lock, no_reload, no_end, bus_error;
    bool early_flag;           // the end of a frame is flagged at its start, too
    bool link_stuck;           // the FIFO of commands never empties again
    uint32_t link_stuck_after; // after so many packets
    bool payload_full;         // the payload FIFO is full after one word, for ever
    uint32_t busy_us;          // the FIFO is occupied that long when the host is switched on
    uint32_t underruns;        // so many frames run the FIFO empty
    uint32_t deaf_attempts;    // after so many resets the panel answers for the first time
    bool only_own_id;          // another controller's identification is not answered at all
    bool ids_given;            // answers to 0xDB, 0xDA are these
    uint8_t id2, id1;
};

struct display {
    enum display_panel kind;
    struct display_faults faults;
    // What came of it.
    bool light, ever_lit;
    bool reset_low; // the panel is held in reset
    bool display_on, asleep;
    uint32_t frames; // refreshes that ended
    uint32_t frame_w, frame_h; // of the last one
    uint64_t frame_ns;
    uint64_t free_running_ns; // LTDC on while the wrapper is off: it reads memory for nobody
    uint32_t reads;
    uint16_t gram[DISPLAY_HEIGHT][DISPLAY_WIDTH]; // what the panel holds, RGB565
};
extern struct display display;

model_t *dsi_model(void);
model_t *ltdc_model(void);
void display_start(enum display_panel kind); // power-on of all

// ---- given by the bench or by a test; a null one is not called ----

// What the LTDC reads: `bytes` at `address`, or NULL for a bus error.
extern const uint8_t *(*display_memory)(uint32_t address, uint32_t bytes);
extern void (*display_on_command)(const uint8_t *bytes, uint32_t count, uint64_t ns); // a command, ns after the reset
// Pixels of the panel's memory have changed, or with 0, 0, 800, 480 also whether they are seen.
extern void (*display_changed)(uint32_t x, uint32_t y, uint32_t w, uint32_t h);

// ---- pins and resets, set by the board ----

void display_pins(bool reset_low, bool light); // of the panel; as driven now
void dsi_reset_by_rcc(void);
void ltdc_reset_by_rcc(void);
bool display_visible(void);  // lit, on, and out of reset
bool display_is_off(void);   // host, wrapper, PHY, PLL, regulator and LTDC
bool display_is_idle(void);  // at rest: the LTDC reads nothing, nothing waits in the link

// ---- among the three ----

void display_advance(uint64_t now_ns);
bool dsi_host_on(void);
bool dsi_holds_ltdc(void); // the wrapper stops the LTDC's clock between frames
bool ltdc_running(void);
bool ltdc_reloading(void);
void ltdc_advance(uint64_t now_ns);
void ltdc_frame(uint32_t *w, uint32_t *h, uint64_t *scan_ns); // at its start: is all set, how large, how long
const uint8_t *ltdc_row(uint32_t row); // of that frame: its pixels
void ltdc_flag(uint32_t flags);

void panel_command(const uint8_t *bytes, uint32_t count, bool low_power, uint64_t ns);
int panel_read(uint8_t command, uint64_t ns); // -1: no answer
void panel_frame(uint32_t w, uint32_t h); // is it ready for one
void panel_pixels(uint32_t row, const uint8_t *pixels, uint32_t w); // NULL: rubbish
void panel_window(uint32_t *x, uint32_t *y);
void panel_power_on(void);

#endif
