#include "display.h"

#include <stddef.h>
#include <string.h>

// RM0399, "LTDC registers".
enum { SSCR = 0x08, BPCR = 0x0c, AWCR = 0x10, TWCR = 0x14, GCR = 0x18, SRCR = 0x24, ISR = 0x38, ICR = 0x3c };
enum {
    L1CR = 0x84,
    L1WHPCR = 0x88,
    L1WVPCR = 0x8c,
    L1PFCR = 0x94,
    L1CACR = 0x98,
    L1BFCR = 0xa0,
    L1CFBAR = 0xac,
    L1CFBLR = 0xb0,
    L1CFBLNR = 0xb4,
    SIZE = 0x100
};

static uint32_t written[SIZE / 4], active[SIZE / 4]; // shadow registers: taken over by a reload
#define LTDC(offset) written[(offset) / 4]
#define ACTIVE(offset) active[(offset) / 4]
static uint32_t flags;
static uint64_t on_ns, last_ns;
static bool reload;

static uint32_t at; // the register under way

static void need(bool met, const char *what) {
    if (!met) {
        bench_violation("LTDC 0x%02x: %s", (unsigned)at, what);
    }
}

bool ltdc_running(void) {
    return LTDC(GCR) & 1;
}

bool ltdc_reloading(void) {
    return reload;
}

void ltdc_flag(uint32_t bits) {
    flags |= bits;
}

void ltdc_advance(uint64_t now_ns) {
    if (ltdc_running() && !dsi_holds_ltdc()) {
        display.free_running_ns += now_ns - last_ns;
    }
    last_ns = now_ns;
    if (reload && ltdc_running() && !display.faults.no_reload && now_ns >= on_ns + 300) {
        reload = false;
        memcpy(active, written, sizeof(written));
    }
}

void ltdc_frame(uint32_t *width, uint32_t *height, uint64_t *scan_ns) {
    at = GCR;
    need(ltdc_running(), "a refresh without the LTDC");
    need(!reload, "a refresh before the settings are taken over");
    need((flags & 6) == 0, "a refresh with old errors flagged");
    const uint32_t ss = LTDC(SSCR), bp = LTDC(BPCR), aw = LTDC(AWCR), tw = LTDC(TWCR);
    const uint32_t h0 = bp >> 16, v0 = bp & 0xfff, w = (aw >> 16) - h0, h = (aw & 0xfff) - v0;
    need(ss == 0x00010001u, "the sync is not ST's");
    need(h0 == 2 && v0 >= 2, "the back porch is shorter than ST's");
    need(tw == aw + 0x00010001u, "the front porch is not ST's");
    need((v0 + 1) * (w + 4) >= 2400, "too little blanking before the first pixel");
    need(v0 * (w + 4) < 2400, "more blanking than needed");
    at = L1CR;
    need(ACTIVE(L1WHPCR) == ((h0 + w) << 16 | (h0 + 1)), "the layer is not as wide as the frame");
    need(ACTIVE(L1WVPCR) == ((v0 + h) << 16 | (v0 + 1)), "the layer is not as high as the frame");
    need(ACTIVE(L1PFCR) == 2, "the layer is not RGB565");
    need(ACTIVE(L1CACR) == 255 && ACTIVE(L1BFCR) == 0x607, "the layer is not opaque");
    need(ACTIVE(L1CFBAR) % 32 == 0, "the layer is not aligned");
    need(ACTIVE(L1CFBLR) == (2u * DISPLAY_WIDTH << 16 | (w * 2 + 7)), "the layer's line length or pitch is wrong");
    need(ACTIVE(L1CFBLNR) == h, "the layer's line count is wrong");
    need(ACTIVE(L1CR) == 1, "the layer is off");
    const uint64_t khz = bench_clock_hz(BENCH_CLOCK_LTDC) / 1000;
    need(khz != 0, "a refresh without a pixel clock");
    *width = w;
    *height = h;
    *scan_ns = (uint64_t)((tw >> 16) + 1) * ((tw & 0xfff) + 1) * 1000000 / (khz ? khz : 1);
}

const uint8_t *ltdc_row(uint32_t row) {
    const uint32_t pitch = ACTIVE(L1CFBLR) >> 16, bytes = (ACTIVE(L1CFBLR) & 0x1fff) - 7;
    const uint8_t *pixels = display_memory ? display_memory(ACTIVE(L1CFBAR) + row * pitch, bytes) : NULL;
    if (pixels == NULL) {
        flags |= 4; // TERRIF
    }
    return pixels;
}

static uint32_t read_ltdc(model_t *model, uint32_t offset, unsigned size) {
    (void)model;
    display_advance(bench_now_ns());
    at = offset;
    need(size == 4, "read by less than a word");
    need(!dsi_holds_ltdc(), "read while the wrapper holds its clock");
    switch (offset) {
        case SRCR:
            return reload;
        case ISR:
            return flags;
        default:
            need(offset < SIZE, "no register of the model");
            return offset < SIZE ? LTDC(offset) : 0;
    }
}

static void write_ltdc(model_t *model, uint32_t offset, unsigned size, uint32_t value) {
    (void)model;
    display_advance(bench_now_ns());
    at = offset;
    need(size == 4, "written by less than a word");
    need(!dsi_holds_ltdc(), "written while the wrapper holds its clock");
    switch (offset) {
        case SSCR:
        case BPCR:
        case AWCR:
        case TWCR:
            need(!ltdc_running(), "timing written while the LTDC runs");
            break;
        case GCR:
            need((value & ~1u) == 0x2220, "other bits of GCR");
            need(!(value & 1) || dsi_host_on(), "the LTDC before the DSI host");
            if ((value & 1) && !ltdc_running()) {
                on_ns = bench_now_ns();
            }
            break;
        case SRCR:
            need(value == 1, "not an immediate reload");
            reload = true;
            return;
        case ICR:
            flags &= ~value;
            return;
        case L1CR:
        case L1WHPCR:
        case L1WVPCR:
        case L1PFCR:
        case L1CACR:
        case L1BFCR:
        case L1CFBAR:
        case L1CFBLR:
        case L1CFBLNR:
            need(!reload, "a layer written while it is taken over");
            break;
        default:
            need(false, "a write to a register that the model does not have");
            return;
    }
    LTDC(offset) = value;
}

static void reset_ltdc(model_t *model) {
    (void)model;
    memset(written, 0, sizeof(written));
    memset(active, 0, sizeof(active));
    LTDC(GCR) = 0x2220;
    flags = 0;
    reload = false;
}

void ltdc_reset_by_rcc(void) {
    reset_ltdc(NULL);
}

model_t *ltdc_model(void) {
    static model_t model = {.name = "LTDC",
        .base = 0x50001000u,
        .size = 0x1000,
        .read = read_ltdc,
        .write = write_ltdc,
        .reset = reset_ltdc};
    return &model;
}
