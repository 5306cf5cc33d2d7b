#include "display.h"

#include <stddef.h>
#include <string.h>

struct display display;
const uint8_t *(*display_memory)(uint32_t address, uint32_t bytes);
void (*display_on_command)(const uint8_t *bytes, uint32_t count, uint64_t ns);
void (*display_changed)(uint32_t x, uint32_t y, uint32_t w, uint32_t h);

static uint64_t reset_low_ns, reset_high_ns, setup_ns, awake_ns;
static uint32_t resets, shown; // frames since its reset
static bool landscape, true_colour;
static uint32_t columns[2], rows[2];

static void need(bool met, const char *what) {
    if (!met) {
        bench_violation("panel: %s", what);
    }
}

static uint64_t us(uint64_t from, uint64_t to) {
    return (to - from) / 1000;
}

bool display_visible(void) {
    return display.light && display.display_on && !display.reset_low;
}

static void tell(uint32_t x, uint32_t y, uint32_t w, uint32_t h) {
    if (display_changed) {
        display_changed(x, y, w, h);
    }
}

static void reset_panel(void) {
    display.asleep = true;
    display.display_on = false;
    landscape = true_colour = false;
    columns[0] = rows[0] = 0;
    columns[1] = 479;
    rows[1] = 799;
    setup_ns = awake_ns = 0;
    shown = 0;
    memset(display.gram, 0xa5, sizeof(display.gram)); // rubbish
}

void panel_power_on(void) {
    resets = 0;
    reset_low_ns = reset_high_ns = bench_now_ns();
    display.reset_low = display.light = false;
    reset_panel();
}

void display_pins(bool reset_low, bool light) {
    const uint64_t now = bench_now_ns();
    const bool seen = display_visible();
    if (light && !display.light) {
        need(shown > 0 && display.display_on, "backlight before the first frame is shown");
        display.ever_lit = true;
    }
    display.light = light;
    if (reset_low && !display.reset_low) {
        reset_low_ns = now;
        reset_panel();
    } else if (!reset_low && display.reset_low) {
        need(us(reset_low_ns, now) >= 10000, "a reset shorter than 10 ms");
        reset_high_ns = now;
        resets++;
    }
    display.reset_low = reset_low;
    if (seen != display_visible()) {
        tell(0, 0, DISPLAY_WIDTH, DISPLAY_HEIGHT);
    }
}

void panel_command(const uint8_t *bytes, uint32_t count, bool low_power, uint64_t ns) {
    need(!display.reset_low, "a command while the panel is in reset");
    if (display.kind == DISPLAY_NO_PANEL) {
        return;
    }
    need(us(reset_high_ns, ns) >= 10000, "a command within 10 ms of the reset");
    if (display_on_command) {
        display_on_command(bytes, count, ns - reset_high_ns);
    }
    const bool sleeping = display.asleep || us(awake_ns, ns) < 5000, seen = display_visible();
    if (bytes[0] != 0x11) {
        need(display.asleep || us(awake_ns, ns) >= 120000, "a command within 120 ms of sleep-out");
    }
    need(low_power || !sleeping, "a high-speed command to a sleeping panel");
    switch (bytes[0]) {
        case 0x10:
            need(!display.display_on, "sleep-in while the display is on");
            display.asleep = true;
            break;
        case 0x11:
            need(us(reset_high_ns, ns) >= 120000, "sleep-out within 120 ms of the reset");
            need(setup_ns != 0, "sleep-out before the controller was set up");
            display.asleep = false;
            awake_ns = ns;
            break;
        case 0x28:
            need(!display.light, "display off behind a lit backlight");
            display.display_on = false;
            break;
        case 0x29:
            need(!sleeping, "display on while asleep");
            need(shown > 0, "display on before the first frame");
            display.display_on = true;
            break;
        case 0x2a:
        case 0x2b: {
            uint32_t *edges = bytes[0] == 0x2a ? columns : rows;
            need(count == 5, "a window command without four bytes");
            edges[0] = (uint32_t)bytes[1] << 8 | bytes[2];
            edges[1] = (uint32_t)bytes[3] << 8 | bytes[4];
            need(edges[0] <= edges[1] && edges[1] < (bytes[0] == 0x2a ? DISPLAY_WIDTH : DISPLAY_HEIGHT),
                "a window outside the panel");
            break;
        }
        case 0x36:
            // The NT35510 ignores it within 200 ms of its setup.
            if (display.kind != DISPLAY_NT35510 || us(setup_ns, ns) >= 200000) {
                landscape = bytes[1] == 0x60;
            }
            break;
        case 0x3a:
            need(!sleeping, "the pixel format while asleep");
            true_colour = bytes[1] == 0x77;
            break;
        case 0x00:
        case 0x51:
        case 0x53:
        case 0x55:
        case 0x5e:
            break;
        default:
            need(bytes[0] >= 0xb0, "a command that neither panel has");
            setup_ns = ns;
            break;
    }
    if (seen != display_visible()) {
        tell(0, 0, DISPLAY_WIDTH, DISPLAY_HEIGHT);
    }
}

int panel_read(uint8_t command, uint64_t ns) {
    const bool nt = command == 0xdb, otm = command == 0xda;
    need(nt || otm, "a read of something else than an identification");
    display.reads++;
    need(us(reset_high_ns, ns) >= 10000, "a read within 10 ms of the reset");
    const struct display_faults *f = &display.faults;
    bool answers = display.kind != DISPLAY_NO_PANEL && !display.reset_low && resets > f->deaf_attempts;
    if (f->only_own_id) {
        answers = answers && (display.kind == DISPLAY_NT35510 ? nt : otm);
    }
    if (!answers) {
        return -1;
    }
    if (f->ids_given) {
        return nt ? f->id2 : f->id1;
    }
    return nt && display.kind == DISPLAY_NT35510 ? 0x80 : otm && display.kind == DISPLAY_OTM8009A ? 0x40 : 0;
}

void panel_frame(uint32_t w, uint32_t h) {
    need(!display.asleep, "a refresh of a sleeping panel");
    need(landscape, "a refresh with the panel in portrait");
    need(true_colour, "24 bits sent to a panel set for others");
    need(columns[1] - columns[0] + 1 == w && rows[1] - rows[0] + 1 == h, "the panel's window is not the frame");
}

void panel_window(uint32_t *x, uint32_t *y) {
    *x = columns[0];
    *y = rows[0];
}

void panel_pixels(uint32_t row, const uint8_t *pixels, uint32_t w) {
    if (row == 0) {
        shown++;
    }
    for (uint32_t c = 0; c < w && columns[0] + c < DISPLAY_WIDTH && rows[0] + row < DISPLAY_HEIGHT; c++) {
        display.gram[rows[0] + row][columns[0] + c] =
            (uint16_t)(pixels ? pixels[2 * c] | pixels[2 * c + 1] << 8 : 0xdead);
    }
}
