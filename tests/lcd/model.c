#include "model.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct model model;

static void violate(const char *format, ...) {
    if (model.violation[0] == '\0') {
        va_list args;
        va_start(args, format);
        vsnprintf(model.violation, sizeof(model.violation), format, args);
        va_end(args);
    }
}

// Address of the access under way, for messages.
static uint32_t at;

static void need(bool met, const char *what) {
    if (!met) {
        violate("0x%08x: %s", (unsigned)at, what);
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

// ---- DSI ----

static uint32_t dsi[0x500 / 4];
#define DSI(offset) dsi[(offset) / 4]
#define CR DSI(0x04)
#define CCR DSI(0x08)
#define PCR DSI(0x2c)
#define LCCR DSI(0x64)
#define CMCR DSI(0x68)
#define CLCR DSI(0x94)
#define PCTLR DSI(0xa0)
#define PCONFR DSI(0xa4)
#define WCFGR DSI(0x400)
#define WCR DSI(0x404)
#define WPCR0 DSI(0x418)
#define WPCR1 DSI(0x41c)
#define WRPCR DSI(0x430)

static uint64_t regulator_ns, pll_ns, host_ns; // when switched on
static bool regulator_seen, locked_seen;
static bool erif;
static uint64_t sent_ns;       // the link is occupied until then
static uint32_t packets;
static uint32_t payload[8], payload_words;
static bool answer_there, answer_pending;
static uint64_t answer_ns, turned_ns;
static uint8_t answer;
static uint64_t refresh_start_ns, refresh_end_ns;

static void reset_dsi(void) {
    need(WCR == 0 && CR == 0 && PCTLR == 0 && WRPCR == 0, "the DSI is reset while it runs");
    memset(dsi, 0, sizeof(dsi));
    WPCR0 = 0x40; // a bit of another field
    regulator_seen = locked_seen = erif = answer_there = answer_pending = false;
    regulator_ns = pll_ns = sent_ns = refresh_end_ns = turned_ns = 0;
    payload_words = packets = 0;
}

// ---- LTDC: what is written, what is active ----

static uint32_t ltdc[0x100 / 4], active[0x100 / 4];
#define LTDC(offset) ltdc[(offset) / 4]
static uint32_t ltdc_isr;
static uint64_t ltdc_on_ns;
static bool reload;

static void reset_ltdc(void) {
    memset(ltdc, 0, sizeof(ltdc));
    memset(active, 0, sizeof(active));
    LTDC(0x18) = 0x2220;
    ltdc_isr = 0;
    reload = false;
}

static bool ltdc_running(void) {
    return LTDC(0x18) & 1;
}

static uint32_t pixel_khz(void) {
    return 5000 * model.pll3_n / model.pll3_r;
}

// ---- panel ----

static uint64_t reset_low_ns, reset_high_ns, setup_ns, awake_ns;
static uint32_t resets;
static bool landscape, true_colour;
static uint32_t columns[2], rows[2];

static void reset_panel(void) {
    model.asleep = true;
    model.display_on = false;
    landscape = true_colour = false;
    columns[0] = rows[0] = 0;
    columns[1] = 479;
    rows[1] = 799;
    setup_ns = awake_ns = 0;
    memset(model.gram, 0xa5, sizeof(model.gram)); // rubbish
}

static uint64_t since(uint64_t then) {
    return (model.ns - then) / 1000; // us
}

static void panel_command(const uint8_t *bytes, uint32_t count) {
    need(!model.reset_low, "a command while the panel is in reset");
    need(since(reset_high_ns) >= 10000, "a command within 10 ms of the reset");
    if (model.command_count == 200) {
        violate("more than 200 commands");
        return;
    }
    struct model_command *record = &model.commands[model.command_count++];
    record->count = (uint8_t)count;
    memcpy(record->bytes, bytes, count);
    record->ms = (uint32_t)(since(reset_high_ns) / 1000);
    const bool sleeping = model.asleep || since(awake_ns) < 5000;
    if (bytes[0] != 0x11) {
        need(model.asleep || since(awake_ns) >= 120000, "a command within 120 ms of sleep-out");
    }
    const bool low_power = CMCR == 0x010f7f00u;
    need(low_power || !sleeping, "a high-speed command to a sleeping panel");
    switch (bytes[0]) {
        case 0x10:
            need(!model.display_on, "sleep-in while the display is on");
            model.asleep = true;
            break;
        case 0x11:
            need(since(reset_high_ns) >= 120000, "sleep-out within 120 ms of the reset");
            need(setup_ns != 0, "sleep-out before the controller was set up");
            model.asleep = false;
            awake_ns = model.ns;
            break;
        case 0x28:
            need(!model.light, "display off behind a lit backlight");
            model.display_on = false;
            break;
        case 0x29:
            need(!sleeping, "display on while asleep");
            need(model.frames > 0, "display on before the first frame");
            model.display_on = true;
            break;
        case 0x2a:
        case 0x2b: {
            uint32_t *edges = bytes[0] == 0x2a ? columns : rows;
            need(count == 5, "a window command without four bytes");
            edges[0] = (uint32_t)bytes[1] << 8 | bytes[2];
            edges[1] = (uint32_t)bytes[3] << 8 | bytes[4];
            need(edges[0] <= edges[1] && edges[1] < (bytes[0] == 0x2a ? 800u : 480u), "a window outside the panel");
            break;
        }
        case 0x36:
            // The NT35510 ignores it within 200 ms of its setup.
            if (model.kind != MODEL_NT35510 || since(setup_ns) >= 200000) {
                landscape = bytes[1] == 0x60;
            }
            break;
        case 0x3a:
            need(!sleeping, "the pixel format while asleep");
            true_colour = bytes[1] == 0x77;
            break;
        case 0x00: case 0x51: case 0x53: case 0x55: case 0x5e:
            break;
        default:
            need(bytes[0] >= 0xb0, "a command that neither panel has");
            setup_ns = model.ns;
            break;
    }
}

static void panel_read(uint8_t command) {
    need(PCR & 4, "a read without bus turn-around");
    need(WPCR1 & 1u << 22, "a read without the receiver in low power");
    const bool nt = command == 0xdb, otm = command == 0xda;
    need(nt || otm, "a read of something else than an identification");
    model.reads++;
    need(since(reset_high_ns) >= 10000, "a read within 10 ms of the reset");
    answer_pending = true;
    bool answers = model.kind != MODEL_NO_PANEL && !model.reset_low && resets > model.faults.deaf_attempts;
    if (model.faults.only_own_id) {
        answers = answers && (model.kind == MODEL_NT35510 ? nt : otm);
    }
    if (!answers) {
        turned_ns = answer_ns = UINT64_MAX;
        return;
    }
    answer = 0x00;
    if (model.faults.ids_given) {
        answer = nt ? model.faults.id2 : model.faults.id1;
    } else if (nt && model.kind == MODEL_NT35510) {
        answer = 0x80;
    } else if (otm && model.kind == MODEL_OTM8009A) {
        answer = 0x40;
    }
    answer_ns = model.ns + 40000;
    turned_ns = answer_ns + 20000;
}

// ---- the link ----

static bool fifo_empty(void) {
    const struct model_faults *f = &model.faults;
    return !(f->link_stuck && packets >= f->link_stuck_after) && model.ns >= sent_ns && since(host_ns) >= f->busy_us;
}

static void host_must_run(void) {
    need(CR & 1, "the DSI host is off");
    need(WCR & 8, "the DSI wrapper is off");
    need(refresh_end_ns == 0, "a command while a frame is sent");
}

static void write_header(uint32_t value) {
    host_must_run();
    need(fifo_empty(), "the FIFO of commands is not empty");
    need(model.ns >= turned_ns, "the bus has not turned back");
    need(!answer_there, "an answer was not read");
    need((value & 0xff0000c0u) == 0, "another virtual channel");
    const uint32_t type = value & 0x3f, low = value >> 8 & 0xff, high = value >> 16 & 0xff;
    uint8_t bytes[32] = {(uint8_t)low, (uint8_t)high};
    uint32_t count = 0;
    switch (type) {
        case 0x05:
            need(high == 0, "a parameter to a command without one");
            count = 1;
            break;
        case 0x15:
            count = 2;
            break;
        case 0x39:
            count = low | high << 8;
            need(count >= 3 && count <= 20 && payload_words == (count + 3) / 4, "a payload of another length");
            if (count > 20) {
                count = 20;
            }
            for (uint32_t i = 0; i < count; i++) {
                bytes[i] = (uint8_t)(payload[i / 4] >> 8 * (i % 4));
            }
            break;
        case 0x06:
            need(high == 0, "a read with a parameter");
            break;
        default:
            need(false, "an unknown data type");
            return;
    }
    need((type == 0x39) == (payload_words != 0), "a payload without its packet");
    payload_words = 0;
    packets++;
    const bool fast = CMCR == 0;
    need(fast || CMCR == 0x010f7f00u, "neither low-power nor high-speed for all packets");
    sent_ns = model.ns + (fast ? 1000 : 10000 + 1100 * count);
    const uint64_t now = model.ns;
    model.ns = sent_ns; // the panel hears it at the end
    if (type == 0x06) {
        panel_read((uint8_t)low);
    } else if (model.kind != MODEL_NO_PANEL) {
        panel_command(bytes, count);
    }
    model.ns = now;
}

static void write_payload(uint32_t value) {
    host_must_run();
    need(fifo_empty(), "a payload into an occupied FIFO");
    need(!(model.faults.payload_full && payload_words == 1), "a payload into a full FIFO");
    need(payload_words < 8, "too much payload");
    if (payload_words < 8) {
        payload[payload_words++] = value;
    }
}

// ---- frames ----

static uint16_t sdram_pixel(uint32_t address) {
    const uint32_t offset = address - MODEL_FRAMEBUFFER;
    if (offset + 2 > LCD_FRAMEBUFFER_BYTES) {
        violate("LTDC reads 0x%08x, outside the framebuffer", (unsigned)address);
        return 0;
    }
    return (uint16_t)(model.sdram[offset] | model.sdram[offset + 1] << 8);
}

static void start_frame(void) {
    need(CR & 1, "a refresh without the host");
    need(WCR & 8, "a refresh without the wrapper");
    need(ltdc_running(), "a refresh without the LTDC");
    need(fifo_empty(), "a refresh before the commands are sent");
    need(!erif, "a refresh with the end of the last still flagged");
    need(!reload, "a refresh before the settings are taken over");
    need(CMCR == 0, "a refresh in low power");
    need(!model.asleep, "a refresh of a sleeping panel");
    need(landscape, "a refresh with the panel in portrait");
    need(true_colour, "24 bits sent to a panel set for others");
    need((ltdc_isr & 6) == 0, "a refresh with old errors flagged");

    const uint32_t ss = LTDC(0x08), bp = LTDC(0x0c), aw = LTDC(0x10), tw = LTDC(0x14);
    const uint32_t h0 = bp >> 16, v0 = bp & 0xfff, w = (aw >> 16) - h0, h = (aw & 0xfff) - v0;
    need(ss == 0x00010001u, "the sync is not ST's");
    need(h0 == 2 && v0 >= 2, "the back porch is shorter than ST's");
    need(tw == aw + 0x00010001u, "the front porch is not ST's");
    need((v0 + 1) * (w + 4) >= 2400, "too little blanking before the first pixel");
    need(v0 * (w + 4) < 2400, "more blanking than needed");
    need(active[0x88 / 4] == ((h0 + w) << 16 | (h0 + 1)), "the layer is not as wide as the frame");
    need(active[0x8c / 4] == ((v0 + h) << 16 | (v0 + 1)), "the layer is not as high as the frame");
    need(active[0x94 / 4] == 2, "the layer is not RGB565");
    need(active[0x98 / 4] == 255 && active[0xa0 / 4] == 0x607, "the layer is not opaque");
    need(active[0xac / 4] % 32 == 0, "the layer is not aligned");
    need(active[0xb0 / 4] == (1600u << 16 | (w * 2 + 7)), "the layer's line length or pitch is wrong");
    need(active[0xb4 / 4] == h, "the layer's line count is wrong");
    need(active[0x84 / 4] == 1, "the layer is off");
    need(LCCR == 800, "a packet is not a line");
    need(columns[1] - columns[0] + 1 == w && rows[1] - rows[0] + 1 == h, "the panel's window is not the frame");
    need(w <= 800 && h <= 480, "a frame larger than the panel");

    model.frame_w = w;
    model.frame_h = h;
    const uint64_t pixels = (uint64_t)((tw >> 16) + 1) * ((tw & 0xfff) + 1);
    const uint64_t wire = (uint64_t)h * (w * 3 + 7) * 8;        // ns: a byte takes 16 on one lane, 8 on two
    const uint64_t scan = pixels * 1000000 / pixel_khz();
    model.frame_ns = scan > wire ? scan : wire;
    refresh_start_ns = model.ns;
    erif = model.faults.early_flag;
    refresh_end_ns = model.faults.no_end ? UINT64_MAX : model.ns + model.frame_ns;
}

static void end_frame(void) {
    refresh_end_ns = 0;
    WCR &= ~4u;
    erif = true;
    model.frames++;
    const bool damaged = model.faults.underruns > 0;
    if (damaged) {
        model.faults.underruns--;
        ltdc_isr |= 2;
    }
    if (model.faults.bus_error) {
        ltdc_isr |= 4;
    }
    for (uint32_t r = 0; r < model.frame_h && rows[0] + r < 480; r++) {
        for (uint32_t c = 0; c < model.frame_w && columns[0] + c < 800; c++) {
            const uint16_t pixel = sdram_pixel(active[0xac / 4] + r * 1600 + c * 2);
            model.gram[rows[0] + r][columns[0] + c] = damaged ? 0xdead : pixel;
        }
    }
}

// ---- time ----

static void pass(uint64_t ns) {
    if (ltdc_running() && !(WCR & 8)) {
        model.free_running_ns += ns;
    }
    model.ns += ns;
    if (refresh_end_ns != 0 && model.ns >= refresh_end_ns) {
        end_frame();
    }
    if (answer_pending && model.ns >= answer_ns) {
        answer_pending = false;
        answer_there = true;
    }
    if (reload && ltdc_running() && !model.faults.no_reload && model.ns >= ltdc_on_ns + 300) {
        reload = false;
        memcpy(active, ltdc, sizeof(ltdc));
    }
}

// ---- reads ----

static uint32_t read_dsi(uint32_t offset) {
    const struct model_faults *f = &model.faults;
    switch (offset) {
        case 0x70: {
            need(answer_there, "an answer read before it is there");
            answer_there = false;
            return 0xc0ffee00u | answer;
        }
        case 0x74: {
            uint32_t value = fifo_empty() ? 0x5 : 0x2;
            if (payload_words) {
                value &= ~0x4u;
            }
            if (f->payload_full && payload_words) {
                value |= 0x8;
            }
            if (!answer_there) {
                value |= 0x10;
            }
            if (model.ns < turned_ns) {
                value |= 0x40;
            }
            return value;
        }
        case 0xb0:
            return 0x1528;
        case 0xbc:
            return 0x2;
        case 0xc0:
            return 0x80;
        case 0x40c: {
            uint32_t value = erif ? 2 : 0;
            if ((WRPCR & 1u << 24) && since(regulator_ns) >= 100 && !f->no_regulator) {
                value |= 1u << 12;
                regulator_seen = true;
            }
            if (WRPCR & 1) {
                need(since(pll_ns) >= 400, "the lock flag read within 400 us");
                if (!f->no_lock && since(pll_ns) >= 1200) {
                    value |= 1u << 8;
                    locked_seen = true;
                }
            }
            if (refresh_end_ns != 0 && model.ns >= refresh_start_ns + 500) {
                value |= 4;
            }
            return value;
        }
        default:
            return DSI(offset);
    }
}

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
    if (address - 0x50000000u < 0x500u) {
        need(clocked(0x10), "DSI read without clock, in reset, or never reset");
        return read_dsi(address - 0x50000000u);
    }
    if (address - 0x50001000u < 0x100u) {
        need(clocked(0x08), "LTDC read without clock, in reset, or never reset");
        need(!(WCR & 8), "LTDC read while the wrapper holds its clock");
        if (address == 0x50001024u) {
            return reload;
        }
        return address == 0x50001038u ? ltdc_isr : LTDC(address - 0x50001000u);
    }
    violate("0x%08x: read of an unknown register", (unsigned)address);
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
    if (lit && !model.light) {
        need(model.frames > 0 && model.display_on, "backlight before the first frame is shown");
        model.ever_lit = true;
    }
    model.light = lit;
    const bool output = (shared[G_MODER].value >> 6 & 3) == 1 && !(shared[G_OTYPER].value & 1u << 3);
    const bool low = output && !(odr_g & 1u << 3);
    if (low && !model.reset_low) {
        reset_low_ns = model.ns;
        reset_panel();
    } else if (!low && model.reset_low) {
        need(since(reset_low_ns) >= 10000, "a reset shorter than 10 ms");
        reset_high_ns = model.ns;
        resets++;
    }
    model.reset_low = low;
}

static void write_dsi(uint32_t offset, uint32_t value) {
    const bool off = !(CR & 1);
    switch (offset) {
        case 0x04:
            if (value & 1) {
                need((PCTLR & 6) == 6, "the host before its PHY");
                need((CLCR & 3) == 1, "the clock lane is not in high speed");
                need(PCONFR == (10u << 8 | 1), "two lanes, stop-wait 10");
                need(CCR == 4, "the escape clock is not 62.5 / 4 MHz");
                need((WPCR0 & 0x3f) == 8, "a bit is not 8 quarter nanoseconds");
                need(WPCR0 & 0x40, "another field of WPCR0 was lost");
                need(DSI(0x98) == (35u << 16 | 35), "the clock lane's times");
                need(DSI(0x9c) == (35u << 24 | 35u << 16), "the data lanes' times");
                need(DSI(0x34) == 1 && (WCFGR & 1), "not command mode in host and wrapper");
                need(WCFGR == (1 | 5u << 1), "colours, tearing effect, refresh or VSYNC of the wrapper");
                need(DSI(0x10) == 5, "colour coding of the host");
                need(DSI(0x14) == 0 && DSI(0x0c) == 0, "polarities or channel of the LTDC interface");
                need(CMCR == 0x010f7f00u, "the first commands not in low power");
                need(LCCR == 800, "packet size");
                host_ns = model.ns;
            } else {
                need(WCR == 0, "the host off before the wrapper");
            }
            break;
        case 0x08: case 0x0c: case 0x10: case 0x14: case 0x34: case 0x64: case 0x94: case 0x98: case 0x9c: case 0xa4: case 0x400: case 0x418:
            need(off, "configured while the host runs");
            break;
        case 0x2c: case 0x41c:
            break;
        case 0x68:
            need(off || fifo_empty(), "speed changed while a command is under way");
            break;
        case 0x6c:
            write_header(value);
            return;
        case 0x70:
            write_payload(value);
            return;
        case 0xa0:
            need(value == 0 || locked_seen, "the PHY before the PLL has locked");
            need(off, "the PHY switched while the host runs");
            break;
        case 0x404:
            need(value == 0 || value == 8 || value == 12, "other bits of WCR");
            need(!((value & 4) && !(WCR & 8)), "a refresh together with the wrapper");
            if ((value & 8) && !(WCR & 8)) {
                need(CR & 1, "the wrapper before the host");
                need(!reload, "the wrapper before the LTDC's settings are taken over");
            }
            if (!(value & 8) && refresh_end_ns != 0 && !model.faults.no_end) {
                need(false, "the wrapper switched off during a frame");
            }
            if ((value & 4) && !(WCR & 4)) {
                WCR = value;
                start_frame();
                return;
            }
            break;
        case 0x410:
            need(value == 2, "other flags cleared");
            erif = false;
            return;
        case 0x430:
            need(value != 0 || PCTLR == 0, "the PLL off before the PHY");
            if ((value & 1u << 24) && !(WRPCR & 1u << 24)) {
                regulator_ns = model.ns;
            }
            if (value & 1) {
                need(WRPCR & 1 || regulator_seen, "the PLL before its regulator");
                const uint32_t idf = value >> 11 & 0xf, ndiv = value >> 2 & 0x7f, odf = value >> 16 & 3;
                need(idf != 0 && 25 / idf * idf == 25 && 25 / idf * 2 * ndiv == 1000 && odf == 0, "the PHY is not at 500 MHz");
                need((WRPCR & ~1u) == (value & ~1u), "dividers changed together with the PLL's switch");
                pll_ns = model.ns;
            }
            break;
        default:
            need(false, "a write to an unknown register of the DSI");
            return;
    }
    DSI(offset) = value;
}

static void write_ltdc(uint32_t offset, uint32_t value) {
    need(!(WCR & 8), "LTDC written while the wrapper holds its clock");
    switch (offset) {
        case 0x08: case 0x0c: case 0x10: case 0x14:
            need(!ltdc_running(), "timing written while the LTDC runs");
            break;
        case 0x18:
            need((value & ~1u) == 0x2220, "other bits of GCR");
            need(!(value & 1) || (CR & 1), "the LTDC before the DSI host");
            if ((value & 1) && !ltdc_running()) {
                ltdc_on_ns = model.ns;
            }
            break;
        case 0x24:
            need(value == 1, "not an immediate reload");
            reload = true;
            return;
        case 0x3c:
            ltdc_isr &= ~value;
            return;
        case 0x84: case 0x88: case 0x8c: case 0x94: case 0x98: case 0xa0: case 0xac: case 0xb0: case 0xb4:
            need(!reload, "a layer written while it is taken over");
            break;
        default:
            need(false, "a write to an unknown register of the LTDC");
            return;
    }
    LTDC(offset) = value;
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
                reset_dsi();
            }
            if (shared[APB3RSTR].value & 0x08) {
                reset_ltdc();
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
    } else if (address - 0x50000000u < 0x500u) {
        need(clocked(0x10), "DSI written without clock, in reset, or never reset");
        need(!(shared[D1CCIPR].value & 0x100), "the DSI's byte clock is not its PHY's");
        write_dsi(address - 0x50000000u, value);
    } else if (address - 0x50001000u < 0x100u) {
        need(clocked(0x08), "LTDC written without clock, in reset, or never reset");
        write_ltdc(address - 0x50001000u, value);
    } else {
        violate("0x%08x: write to an unknown register", (unsigned)address);
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
        violate("clean of %u bytes at 0x%08x", (unsigned)bytes, (unsigned)address);
        return;
    }
    memcpy(model.sdram + offset, model.cached + offset, bytes);
    pass(bytes / 4);
}

const struct lcd_port model_port = {model_read, model_write, model_now, model_delay, model_clean, NULL};

// ---- questions ----

void model_start(enum model_panel kind) {
    memset(&model, 0, sizeof(model));
    model.kind = kind;
    model.pll3_n = 100;
    model.pll3_r = 12;
    for (int i = 0; i < SHARED; i++) {
        shared[i].value = shared[i].initial;
    }
    known = 0;
    odr_g = 0x8;
    odr_j = 0x1000; // were PJ12 an output now, the light would be on
    resets = 0;
    memset(model.sdram, 0x5a, sizeof(model.sdram));
    reset_low_ns = reset_high_ns = 0;
    WCR = CR = PCTLR = WRPCR = 0;
    reset_dsi();
    reset_ltdc();
    reset_panel();
}

bool model_is_off(void) {
    return !model.light && model.reset_low && WRPCR == 0 && CR == 0 && WCR == 0 && !ltdc_running() &&
           !(shared[APB3ENR].value & 0x18) && !(shared[APB3RSTR].value & 0x18) &&
           (shared[J_MODER].value >> 24 & 3) == 1 && (shared[G_MODER].value >> 6 & 3) == 1;
}

bool model_is_idle(void) {
    return !ltdc_running() && WCR == 8 && CR == 1 && fifo_empty() && refresh_end_ns == 0;
}

bool model_others_untouched(void) {
    for (int i = 0; i < SHARED; i++) {
        if ((shared[i].value ^ shared[i].initial) & ~shared[i].own) {
            return false;
        }
    }
    return true;
}
