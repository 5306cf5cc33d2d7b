#include "display.h"

#include <stddef.h>
#include <string.h>

// RM0399, "DSI Host registers" and, from 0x400, "DSI wrapper registers".
enum {
    CR = 0x04,
    CCR = 0x08,
    LVCIDR = 0x0c,
    LCOLCR = 0x10,
    LPCR = 0x14,
    PCR = 0x2c,
    MCR = 0x34,
    LCCR = 0x64,
    CMCR = 0x68,
    GHCR = 0x6c,
    GPDR = 0x70,
    GPSR = 0x74,
    CLCR = 0x94,
    CLTCR = 0x98,
    DLTCR = 0x9c,
    PCTLR = 0xa0,
    PCONFR = 0xa4,
    PSR = 0xb0,
    ISR0 = 0xbc,
    ISR1 = 0xc0,
    WCFGR = 0x400,
    WCR = 0x404,
    WISR = 0x40c,
    WIFCR = 0x410,
    WPCR0 = 0x418,
    WPCR1 = 0x41c,
    WRPCR = 0x430,
    SIZE = 0x500
};
enum { WCR_LTDCEN = 1u << 2, WCR_DSIEN = 1u << 3 };
#define ALL_LOW_POWER (0x010f7f00u) // of CMCR

static uint32_t registers[SIZE / 4];
#define DSI(offset) registers[(offset) / 4]

static uint64_t regulator_ns, pll_ns, host_ns; // when switched on
static bool regulator_seen, locked_seen;
static bool erif;
static uint64_t sent_ns; // the link is occupied until then
static uint32_t packets;
static uint32_t payload[8], payload_words;
static bool answer_there, answer_pending;
static uint64_t answer_ns, turned_ns;
static uint8_t answer;
static uint64_t refresh_start_ns, refresh_end_ns; // end 0: no frame is sent

static uint32_t at; // the register under way

static void need(bool met, const char *what) {
    if (!met) {
        bench_violation("DSI 0x%03x: %s", (unsigned)at, what);
    }
}

static uint64_t us_since(uint64_t then) {
    return (bench_now_ns() - then) / 1000;
}

bool dsi_host_on(void) {
    return DSI(CR) & 1;
}

bool dsi_holds_ltdc(void) {
    return DSI(WCR) & WCR_DSIEN;
}

// ---- the link ----

static bool fifo_empty(void) {
    const struct display_faults *f = &display.faults;
    return !(f->link_stuck && packets >= f->link_stuck_after) && bench_now_ns() >= sent_ns &&
        us_since(host_ns) >= f->busy_us;
}

static void host_must_run(void) {
    need(DSI(CR) & 1, "the DSI host is off");
    need(DSI(WCR) & WCR_DSIEN, "the DSI wrapper is off");
    need(refresh_end_ns == 0, "a command while a frame is sent");
}

static void read_panel(uint8_t command) {
    need(DSI(PCR) & 4, "a read without bus turn-around");
    need(DSI(WPCR1) & 1u << 22, "a read without the receiver in low power");
    answer_pending = true;
    const int byte = panel_read(command, sent_ns);
    if (byte < 0) {
        turned_ns = answer_ns = UINT64_MAX; // the panel has the bus, for ever
        return;
    }
    answer = (uint8_t)byte;
    answer_ns = sent_ns + 40000;
    turned_ns = answer_ns + 20000;
}

static void write_header(uint32_t value) {
    host_must_run();
    need(fifo_empty(), "the FIFO of commands is not empty");
    need(bench_now_ns() >= turned_ns, "the bus has not turned back");
    need(!answer_there, "an answer was not read");
    need((value & 0xff0000c0u) == 0, "another virtual channel");
    const uint32_t type = value & 0x3f, low = value >> 8 & 0xff, high = value >> 16 & 0xff;
    uint8_t bytes[32] = {(uint8_t)low, (uint8_t)high};
    uint32_t count = 0;
    switch (type) { // MIPI DSI, data types
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
    const bool fast = DSI(CMCR) == 0;
    need(fast || DSI(CMCR) == ALL_LOW_POWER, "neither low-power nor high-speed for all packets");
    sent_ns = bench_now_ns() + (fast ? 1000 : 10000 + 1100 * count); // the panel hears it then
    if (type == 0x06) {
        read_panel((uint8_t)low);
    } else {
        panel_command(bytes, count, !fast, sent_ns);
    }
}

static void write_payload(uint32_t value) {
    host_must_run();
    need(fifo_empty(), "a payload into an occupied FIFO");
    need(!(display.faults.payload_full && payload_words == 1), "a payload into a full FIFO");
    need(payload_words < 8, "too much payload");
    if (payload_words < 8) {
        payload[payload_words++] = value;
    }
}

// ---- frames ----

static void start_frame(void) {
    need(DSI(CR) & 1, "a refresh without the host");
    need(fifo_empty(), "a refresh before the commands are sent");
    need(!erif, "a refresh with the end of the last still flagged");
    need(DSI(CMCR) == 0, "a refresh in low power");
    need(DSI(LCCR) == DISPLAY_WIDTH, "a packet is not a line");
    uint32_t w, h;
    uint64_t scan;
    ltdc_frame(&w, &h, &scan);
    panel_frame(w, h);
    display.frame_w = w;
    display.frame_h = h;
    const uint64_t wire = (uint64_t)h * (w * 3 + 7) * 8; // ns: a byte takes 16 on one lane, 8 on two
    display.frame_ns = scan > wire ? scan : wire;
    refresh_start_ns = bench_now_ns();
    erif = display.faults.early_flag;
    refresh_end_ns = display.faults.no_end ? UINT64_MAX : refresh_start_ns + display.frame_ns;
}

static void end_frame(void) {
    refresh_end_ns = 0;
    DSI(WCR) &= ~(uint32_t)WCR_LTDCEN;
    erif = true;
    display.frames++;
    const bool damaged = display.faults.underruns > 0;
    if (damaged) {
        display.faults.underruns--;
        ltdc_flag(2); // FUIF
    }
    if (display.faults.bus_error) {
        ltdc_flag(4); // TERRIF
    }
    for (uint32_t row = 0; row < display.frame_h && row < DISPLAY_HEIGHT; row++) {
        const uint8_t *pixels = ltdc_row(row);
        panel_pixels(row, damaged ? NULL : pixels, display.frame_w);
    }
    uint32_t x, y;
    panel_window(&x, &y);
    if (display_changed && display_visible()) {
        display_changed(x, y, display.frame_w, display.frame_h);
    }
}

void display_advance(uint64_t now_ns) {
    ltdc_advance(now_ns);
    if (refresh_end_ns != 0 && now_ns >= refresh_end_ns) {
        end_frame();
    }
    if (answer_pending && now_ns >= answer_ns) {
        answer_pending = false;
        answer_there = true;
    }
}

static void advance(model_t *model, uint64_t now_ns) {
    (void)model;
    display_advance(now_ns);
}

// ---- registers ----

static uint32_t read_dsi(model_t *model, uint32_t offset, unsigned size) {
    (void)model;
    display_advance(bench_now_ns());
    at = offset;
    need(size == 4, "read by less than a word");
    const struct display_faults *f = &display.faults;
    switch (offset) {
        case GPDR:
            need(answer_there, "an answer read before it is there");
            answer_there = false;
            return 0xc0ffee00u | answer;
        case GPSR: {
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
            if (bench_now_ns() < turned_ns) {
                value |= 0x40;
            }
            return value;
        }
        case PSR:
            return 0x1528;
        case ISR0:
            return 0x2;
        case ISR1:
            return 0x80;
        case WISR: {
            uint32_t value = erif ? 2 : 0;
            if ((DSI(WRPCR) & 1u << 24) && us_since(regulator_ns) >= 100 && !f->no_regulator) {
                value |= 1u << 12;
                regulator_seen = true;
            }
            if (DSI(WRPCR) & 1) {
                need(us_since(pll_ns) >= 400, "the lock flag read within 400 us");
                if (!f->no_lock && us_since(pll_ns) >= 1200) {
                    value |= 1u << 8;
                    locked_seen = true;
                }
            }
            if (refresh_end_ns != 0 && bench_now_ns() >= refresh_start_ns + 500) {
                value |= 4;
            }
            return value;
        }
        default:
            need(offset < SIZE, "no register of the model");
            return offset < SIZE ? DSI(offset) : 0;
    }
}

static void switch_host(bool on) {
    if (!on) {
        need(DSI(WCR) == 0, "the host off before the wrapper");
        return;
    }
    need((DSI(PCTLR) & 6) == 6, "the host before its PHY");
    need((DSI(CLCR) & 3) == 1, "the clock lane is not in high speed");
    need(DSI(PCONFR) == (10u << 8 | 1), "two lanes, stop-wait 10");
    need(DSI(CCR) == 4, "the escape clock is not 62.5 / 4 MHz");
    need((DSI(WPCR0) & 0x3f) == 8, "a bit is not 8 quarter nanoseconds");
    need(DSI(WPCR0) & 0x40, "another field of WPCR0 was lost");
    need(DSI(CLTCR) == (35u << 16 | 35), "the clock lane's times");
    need(DSI(DLTCR) == (35u << 24 | 35u << 16), "the data lanes' times");
    need(DSI(MCR) == 1 && (DSI(WCFGR) & 1), "not command mode in host and wrapper");
    need(DSI(WCFGR) == (1 | 5u << 1), "colours, tearing effect, refresh or VSYNC of the wrapper");
    need(DSI(LCOLCR) == 5, "colour coding of the host");
    need(DSI(LPCR) == 0 && DSI(LVCIDR) == 0, "polarities or channel of the LTDC interface");
    need(DSI(CMCR) == ALL_LOW_POWER, "the first commands not in low power");
    need(DSI(LCCR) == DISPLAY_WIDTH, "packet size");
    host_ns = bench_now_ns();
}

static void write_dsi(model_t *model, uint32_t offset, unsigned size, uint32_t value) {
    (void)model;
    display_advance(bench_now_ns());
    at = offset;
    need(size == 4, "written by less than a word");
    const bool off = !(DSI(CR) & 1);
    switch (offset) {
        case CR:
            switch_host(value & 1);
            break;
        case CCR:
        case LVCIDR:
        case LCOLCR:
        case LPCR:
        case MCR:
        case LCCR:
        case CLCR:
        case CLTCR:
        case DLTCR:
        case PCONFR:
        case WCFGR:
        case WPCR0:
            need(off, "configured while the host runs");
            break;
        case PCR:
        case WPCR1:
            break;
        case CMCR:
            need(off || fifo_empty(), "speed changed while a command is under way");
            break;
        case GHCR:
            write_header(value);
            return;
        case GPDR:
            write_payload(value);
            return;
        case PCTLR:
            need(value == 0 || locked_seen, "the PHY before the PLL has locked");
            need(off, "the PHY switched while the host runs");
            break;
        case WCR:
            need(value == 0 || value == WCR_DSIEN || value == (WCR_DSIEN | WCR_LTDCEN), "other bits of WCR");
            need(!((value & WCR_LTDCEN) && !(DSI(WCR) & WCR_DSIEN)), "a refresh together with the wrapper");
            if ((value & WCR_DSIEN) && !(DSI(WCR) & WCR_DSIEN)) {
                need(DSI(CR) & 1, "the wrapper before the host");
                need(!ltdc_reloading(), "the wrapper before the LTDC's settings are taken over");
            }
            if (!(value & WCR_DSIEN)) {
                need(refresh_end_ns == 0 || display.faults.no_end, "the wrapper switched off during a frame");
            }
            if ((value & WCR_LTDCEN) && !(DSI(WCR) & WCR_LTDCEN)) {
                DSI(WCR) = value;
                start_frame();
                return;
            }
            break;
        case WIFCR:
            need(value == 2, "other flags cleared");
            erif = false;
            return;
        case WRPCR:
            need(value != 0 || DSI(PCTLR) == 0, "the PLL off before the PHY");
            if ((value & 1u << 24) && !(DSI(WRPCR) & 1u << 24)) {
                regulator_ns = bench_now_ns();
            }
            if (value & 1) {
                need(DSI(WRPCR) & 1 || regulator_seen, "the PLL before its regulator");
                const uint32_t idf = value >> 11 & 0xf, ndiv = value >> 2 & 0x7f, odf = value >> 16 & 3;
                need(idf != 0 && 25 / idf * idf == 25 && 25 / idf * 2 * ndiv == 1000 && odf == 0,
                    "the PHY is not at 500 MHz");
                need((DSI(WRPCR) & ~1u) == (value & ~1u), "dividers changed together with the PLL's switch");
                pll_ns = bench_now_ns();
            }
            break;
        default:
            need(false, "a write to a register that the model does not have");
            return;
    }
    DSI(offset) = value;
}

static void reset_dsi(model_t *model) {
    (void)model;
    memset(registers, 0, sizeof(registers));
    DSI(WPCR0) = 0x40; // a bit of another field
    regulator_seen = locked_seen = erif = answer_there = answer_pending = false;
    regulator_ns = pll_ns = host_ns = sent_ns = refresh_end_ns = turned_ns = 0;
    payload_words = packets = 0;
}

void dsi_reset_by_rcc(void) {
    at = 0;
    need(DSI(WCR) == 0 && DSI(CR) == 0 && DSI(PCTLR) == 0 && DSI(WRPCR) == 0, "the DSI is reset while it runs");
    reset_dsi(NULL);
}

static void power_on(model_t *model) {
    (void)model;
    panel_power_on();
    reset_dsi(NULL);
}

model_t *dsi_model(void) {
    static model_t model = {.name = "DSI",
        .base = 0x50000000u,
        .size = 0x1000,
        .read = read_dsi,
        .write = write_dsi,
        .advance = advance,
        .reset = reset_dsi,
        .power_on = power_on};
    return &model;
}

void display_start(enum display_panel kind) {
    memset(&display, 0, sizeof(display));
    display.kind = kind;
    power_on(NULL);
    ltdc_model()->reset(ltdc_model());
}

bool display_is_off(void) {
    return !display.light && display.reset_low && DSI(WRPCR) == 0 && DSI(CR) == 0 && DSI(WCR) == 0 && !ltdc_running();
}

bool display_is_idle(void) {
    return !ltdc_running() && DSI(WCR) == WCR_DSIEN && DSI(CR) == 1 && fifo_empty() && refresh_end_ns == 0;
}
