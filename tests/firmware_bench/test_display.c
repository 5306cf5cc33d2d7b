// Scenarios for the models of DSI, LTDC and panel: the display's driver, which breaks no rule, with one access of it changed,
// left out or added; and accesses by hand after it. Each rule is broken once.
#include "lcd_model.h"

#include "lcd_registers.h"
#include "scenarios.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct lcd lcd;

static void check_broke(const char *words, int line) {
    if (words == NULL ? model.violation[0] != '\0' : strstr(model.violation, words) == NULL) {
        printf("line %d: wanted %s\ngot: %s\n", line, words ? words : "no violation", model.violation);
        exit(1);
    }
    model.violation[0] = '\0';
}
#define BROKE(words) check_broke(words, __LINE__)
#define CLEAN() check_broke(NULL, __LINE__)

static uint32_t get(uint32_t address) {
    return model_port.read32(NULL, address);
}

static void put(uint32_t address, uint32_t value) {
    model_port.write32(NULL, address, value);
}

static void wait_us(uint32_t us) {
    while (us > 200000) {
        model_port.delay_us(NULL, 200000);
        us -= 200000;
    }
    model_port.delay_us(NULL, us);
}

// ---- the driver with one thing changed ----

static struct change {
    enum { NOTHING, VALUE, NO_WRITE, BEFORE, AFTER, AFTER_READ, NO_READ, HASTY } kind;
    uint32_t address, nth; // of the access, from 0; of a wait: how long
    uint32_t value;
    uint32_t other;        // written before or after: an address
    unsigned times;
} change;
static unsigned seen;

static bool now(uint32_t address) {
    return change.address == address && seen++ == change.nth;
}

static void add(void) {
    for (unsigned i = 0; i < change.times; i++) {
        put(change.other, change.value);
    }
}

static uint32_t read_changed(void *context, uint32_t address) {
    (void)context;
    if (change.kind == NO_READ && now(address)) {
        return change.value;
    }
    const uint32_t value = get(address);
    if (change.kind == AFTER_READ && now(address)) {
        add();
    }
    return value;
}

static void write_changed(void *context, uint32_t address, uint32_t value) {
    (void)context;
    const bool it = change.kind >= VALUE && change.kind <= AFTER && now(address);
    if (it && change.kind == NO_WRITE) {
        return;
    }
    if (it && change.kind == BEFORE) {
        add();
    }
    put(address, it && change.kind == VALUE ? change.value : value);
    if (it && change.kind == AFTER) {
        add();
    }
}

static void delay_changed(void *context, uint32_t us) {
    (void)context;
    if (change.kind == HASTY && now(us)) {
        us = change.value;
    }
    model_port.delay_us(NULL, us);
}

static struct lcd_port port;

static int bring_up(enum display_panel kind, struct change with) {
    port = model_port;
    port.read32 = read_changed;
    port.write32 = write_changed;
    port.delay_us = delay_changed;
    change = with;
    seen = 0;
    model_start(kind);
    return lcd_init(&lcd, &port, MODEL_FRAMEBUFFER);
}

static void up(void) {
    bring_up(DISPLAY_NT35510, (struct change){NOTHING, 0, 0, 0, 0, 0});
    CLEAN();
}

static void started(struct change with, const char *words, int line) {
    bring_up(DISPLAY_NT35510, with);
    check_broke(words, line);
}
#define WRONG(address, nth, value, words) started((struct change){VALUE, address, nth, value, 0, 0}, words, __LINE__)
#define WITHOUT(address, nth, words) started((struct change){NO_WRITE, address, nth, 0, 0, 0}, words, __LINE__)
#define PUT_BEFORE(address, nth, other, value, words) \
    started((struct change){BEFORE, address, nth, value, other, 1}, words, __LINE__)
#define PUT_AFTER(address, nth, other, value, words) \
    started((struct change){AFTER, address, nth, value, other, 1}, words, __LINE__)
#define HURRY(us, nth, value, words) started((struct change){HASTY, us, nth, value, 0, 0}, words, __LINE__)

// ---- packets by hand ----

#define SHORT(command) (0x05u | (uint32_t)(command) << 8)
#define SHORT_1(command, parameter) (0x15u | (uint32_t)(command) << 8 | (uint32_t)(parameter) << 16)
#define READ(command) (0x06u | (uint32_t)(command) << 8)
#define GPIOG_BSRR (GPIOG + GPIO_BSRR)
#define GPIOJ_BSRR (GPIOJ + GPIO_BSRR)

static void tell(uint32_t header) {
    put(DSI_GHCR, header);
    wait_us(100);
}

// A frame as it should be, but for what was done before; `clear`: old flags go.
static void frame(bool on, bool clear) {
    put(DSI_WCR, 0);
    if (clear) {
        put(DSI_WIFCR, 2);
        put(LTDC_ICR, 6);
    }
    put(LTDC_GCR, on ? 0x2221 : 0x2220);
    put(DSI_WCR, 8);
    put(DSI_WCR, 12);
    wait_us(20000);
}

static void reset_panel(uint32_t high_us) {
    put(GPIOJ_BSRR, 1u << (12 + 16)); // the light first
    put(GPIOG_BSRR, 1u << (3 + 16));
    wait_us(20000);
    put(GPIOG_BSRR, 1u << 3);
    wait_us(high_us);
    put(DSI_CMCR, DSI_CMCR_LOW_POWER);
    CLEAN();
}

// ---- scenarios ----

static void nothing_is_wrong_with_the_driver(void) {
    for (int kind = DISPLAY_NT35510; kind <= DISPLAY_OTM8009A; kind++) {
        if (bring_up((enum display_panel)kind, (struct change){NOTHING, 0, 0, 0, 0, 0}) != LCD_OK) {
            exit(1);
        }
        CLEAN();
        frame(true, true);
        CLEAN();
    }
}

static void host_and_phy_are_set_up_first(void) {
    WITHOUT(DSI_PCTLR, 0, "the host before its PHY");
    WITHOUT(DSI_CLCR, 0, "the clock lane is not in high speed");
    WRONG(DSI_PCONFR, 0, 10u << 8, "two lanes, stop-wait 10");
    WRONG(DSI_CCR, 0, 2, "the escape clock is not 62.5 / 4 MHz");
    WRONG(DSI_WPCR0, 0, 0x49, "a bit is not 8 quarter nanoseconds");
    WRONG(DSI_WPCR0, 0, 8, "another field of WPCR0 was lost");
    WITHOUT(DSI_CLTCR, 0, "the clock lane's times");
    WITHOUT(DSI_DLTCR, 0, "the data lanes' times");
    WITHOUT(DSI_MCR, 0, "not command mode in host and wrapper");
    WRONG(DSI_WCFGR, 0, 1, "colours, tearing effect, refresh or VSYNC of the wrapper");
    WITHOUT(DSI_LCOLCR, 0, "colour coding of the host");
    PUT_BEFORE(DSI_CR, 0, 0x50000014u, 1, "polarities or channel of the LTDC interface");
    WRONG(DSI_CMCR, 0, 0, "the first commands not in low power");
    WRONG(DSI_LCCR, 0, 480, "packet size");
    PUT_AFTER(DSI_CR, 0, DSI_CCR, 4, "configured while the host runs");
    PUT_AFTER(DSI_CR, 0, DSI_PCTLR, 6, "the PHY switched while the host runs");
    up();
    put(DSI_CR, 0);
    BROKE("the host off before the wrapper");
}

static void regulator_and_pll_in_their_order(void) {
    const uint32_t right = DSI_WRPCR_REGEN | DSI_WRPCR_IDF(5) | DSI_WRPCR_NDIV(100);
    PUT_BEFORE(DSI_WRPCR, 0, DSI_WRPCR, right | 1, "the PLL before its regulator");
    PUT_BEFORE(DSI_WRPCR, 1, DSI_PCTLR, 6, "the PHY before the PLL has locked");
    WRONG(DSI_WRPCR, 2, (right ^ DSI_WRPCR_NDIV(1)) | 1, "the PHY is not at 500 MHz");
    WRONG(DSI_WRPCR, 2, right | 1u << 31 | 1, "dividers changed together with the PLL's switch");
    HURRY(800, 0, 0, "the lock flag read within 400 us");
    up();
    put(DSI_WRPCR, 0);
    BROKE("the PLL off before the PHY");
    put(RCC_APB3RSTR, get(RCC_APB3RSTR) | RCC_APB3_DSI);
    BROKE("the DSI is reset while it runs");
}

static void packets(void) {
    PUT_BEFORE(DSI_CR, 0, DSI_GHCR, READ(0xdb), "the DSI host is off");
    WITHOUT(DSI_WCR, 0, "the DSI wrapper is off");
    PUT_AFTER(DSI_WCR, 3, DSI_GHCR, SHORT(0), "a command while a frame is sent"); // host on, off, on, frame
    WITHOUT(DSI_PCR, 0, "a read without bus turn-around");
    WITHOUT(DSI_WPCR1, 0, "a read without the receiver in low power");
    PUT_AFTER(DSI_GHCR, 0, DSI_GHCR, SHORT(0), "the FIFO of commands is not empty");
    started((struct change){AFTER_READ, DSI_GPDR, 0, SHORT(0), DSI_GHCR, 1}, "the bus has not turned back", __LINE__);
    started((struct change){NO_READ, DSI_GPDR, 0, 0x80, 0, 0}, "an answer was not read", __LINE__);
    WRONG(DSI_GHCR, 0, READ(0xdb) | 0x40, "another virtual channel");
    WRONG(DSI_GHCR, 1, SHORT(0) | 1u << 16, "a parameter to a command without one");
    WRONG(DSI_GHCR, 1, 0x39u | 19u << 8, "a payload of another length");
    WRONG(DSI_GHCR, 0, READ(0xdb) | 1u << 16, "a read with a parameter");
    WRONG(DSI_GHCR, 0, 0x07, "an unknown data type");
    WRONG(DSI_GHCR, 1, SHORT(0), "a payload without its packet");
    WRONG(DSI_CMCR, 1, 0x100, "neither low-power nor high-speed for all packets");
    PUT_AFTER(DSI_GHCR, 0, DSI_GPDR, 0, "a payload into an occupied FIFO");
    PUT_AFTER(DSI_GHCR, 0, DSI_CMCR, 0, "speed changed while a command is under way");
    started((struct change){BEFORE, DSI_GPDR, 0, 0, DSI_GPDR, 9}, "too much payload", __LINE__);
    up();
    display.faults.payload_full = true;
    put(DSI_GPDR, 0);
    CLEAN();
    put(DSI_GPDR, 0);
    BROKE("a payload into a full FIFO");
    get(DSI_GPDR);
    BROKE("an answer read before it is there");
}

static void frames(void) {
    WRONG(DSI_WCR, 0, 9, "other bits of WCR");
    WRONG(DSI_WCR, 0, 12, "a refresh together with the wrapper");
    PUT_BEFORE(DSI_CR, 0, DSI_WCR, 8, "the wrapper before the host");
    PUT_AFTER(LTDC_SRCR, 0, DSI_WCR, 8, "the wrapper before the LTDC's settings are taken over");
    PUT_AFTER(DSI_WCR, 3, DSI_WCR, 0, "the wrapper switched off during a frame");
    WRONG(DSI_WIFCR, 0, 3, "other flags cleared");
    up();
    put(DSI_CR, 0);
    put(DSI_WIFCR, 2);
    model.violation[0] = '\0';
    put(DSI_WCR, 12);
    BROKE("a refresh without the host");
    up();
    put(DSI_WIFCR, 2);
    put(DSI_GHCR, SHORT(0));
    put(DSI_WCR, 12);
    BROKE("a refresh before the commands are sent");
    up();
    frame(true, false);
    BROKE("a refresh with the end of the last still flagged");
    up();
    put(DSI_CMCR, DSI_CMCR_LOW_POWER);
    frame(true, true);
    BROKE("a refresh in low power");
    up();
    put(DSI_LCCR, 400);
    BROKE("configured while the host runs");
    frame(true, true);
    BROKE("a packet is not a line");
}

static void the_ltdc_is_set_up_for_the_frame(void) {
    WRONG(LTDC_SSCR, 0, 0x00020001u, "the sync is not ST's");
    WRONG(LTDC_BPCR, 0, 1u << 16 | 2, "the back porch is shorter than ST's");
    WRONG(LTDC_TWCR, 0, 0x03300200u, "the front porch is not ST's");
    WRONG(LTDC_L1WHPCR, 0, 100, "the layer is not as wide as the frame");
    WRONG(LTDC_L1WVPCR, 0, 100, "the layer is not as high as the frame");
    WRONG(LTDC_L1PFCR, 0, 1, "the layer is not RGB565");
    WRONG(LTDC_L1CACR, 0, 254, "the layer is not opaque");
    WRONG(LTDC_L1CFBAR, 0, MODEL_FRAMEBUFFER + 16, "the layer is not aligned");
    WRONG(LTDC_L1CFBLR, 0, 1600u << 16 | 1600, "the layer's line length or pitch is wrong");
    WRONG(LTDC_L1CFBLNR, 0, 479, "the layer's line count is wrong");
    WRONG(LTDC_L1CR, 0, 0, "the layer is off");
    PUT_AFTER(LTDC_SRCR, 0, LTDC_L1CR, 1, "a layer written while it is taken over");
    PUT_AFTER(LTDC_GCR, 0, LTDC_SSCR, 0x00010001u, "timing written while the LTDC runs");
    WRONG(LTDC_GCR, 0, 0x2223, "other bits of GCR");
    PUT_BEFORE(DSI_CR, 0, LTDC_GCR, 0x2221, "the LTDC before the DSI host");
    WRONG(LTDC_SRCR, 0, 2, "not an immediate reload");
    for (int little = 0; little < 2; little++) {
        up();
        change = (struct change){VALUE, LTDC_BPCR, 0, 2u << 16 | (little ? 2 : 130), 0, 0};
        seen = 0;
        lcd_show(&lcd, 0, 0, 16, 16);
        BROKE(little ? "too little blanking before the first pixel" : "more blanking than needed");
    }
    up();
    frame(false, true);
    BROKE("a refresh without the LTDC");
    up();
    model.pll3_n = 0;
    frame(true, true);
    BROKE("a refresh without a pixel clock");
    up();
    display.faults.underruns = 1;
    frame(true, true);
    CLEAN();
    put(DSI_WIFCR, 2);
    frame(true, false);
    BROKE("a refresh with old errors flagged");
    up();
    put(DSI_WCR, 0);
    put(LTDC_SRCR, 1); // while it is off it takes nothing over
    put(DSI_WIFCR, 2);
    put(DSI_WCR, 8);
    BROKE("the wrapper before the LTDC's settings");
    put(DSI_WCR, 12);
    model.violation[0] = '\0';
    up();
    put(DSI_WCR, 0);
    put(DSI_WIFCR, 2);
    put(LTDC_SRCR, 1);
    put(LTDC_GCR, 0x2221);
    display.faults.no_reload = true;
    put(DSI_WCR, 8);
    BROKE("the wrapper before the LTDC's settings");
    put(DSI_WCR, 12);
    BROKE("a refresh before the settings are taken over");
}

static void registers_that_cannot_be_reached(void) {
    up();
    get(LTDC_GCR);
    BROKE("read while the wrapper holds its clock");
    put(LTDC_GCR, 0x2220);
    BROKE("written while the wrapper holds its clock");
    put(DSI_WCR, 0);
    CLEAN();
    get(0x50001200u);
    BROKE("no register of the model");
    put(0x50001000u, 0);
    BROKE("a write to a register that the model does not have");
    ltdc_model()->read(ltdc_model(), 0x18, 2);
    BROKE("read by less than a word");
    ltdc_model()->write(ltdc_model(), 0x18, 2, 0x2220);
    BROKE("written by less than a word");
    get(0x50000600u);
    BROKE("no register of the model");
    put(0x50000020u, 0);
    BROKE("a write to a register that the model does not have");
    dsi_model()->read(dsi_model(), 0x04, 1);
    BROKE("read by less than a word");
    dsi_model()->write(dsi_model(), 0x2c, 1, 4);
    BROKE("written by less than a word");
}

static void the_panel_has_its_times(void) {
    HURRY(20000, 0, 9000, "a reset shorter than 10 ms");
    HURRY(120000, 0, 5000, "a read within 10 ms of the reset");
    HURRY(120000, 1, 6000, "a command within 120 ms of sleep-out");
    up();
    reset_panel(9000);
    tell(SHORT_1(0xb6, 0));
    BROKE("a command within 10 ms of the reset");
    up();
    reset_panel(50000);
    tell(SHORT_1(0xb6, 0));
    CLEAN();
    tell(SHORT(0x11));
    BROKE("sleep-out within 120 ms of the reset");
    up();
    reset_panel(130000);
    tell(SHORT(0x11));
    BROKE("sleep-out before the controller was set up");
    up();
    put(GPIOJ_BSRR, 1u << (12 + 16));
    put(GPIOG_BSRR, 1u << (3 + 16));
    tell(SHORT(0));
    BROKE("a command while the panel is in reset");
}

static void the_panel_asleep(void) {
    PUT_BEFORE(DSI_GHCR, 1, DSI_CMCR, 0, "a high-speed command to a sleeping panel");
    PUT_BEFORE(GPIOG_BSRR, 1, GPIOJ_BSRR, 1u << 12, "backlight before the first frame is shown");
    PUT_BEFORE(DSI_CMCR, 1, DSI_GHCR, SHORT(0x29), "display on before the first frame");
    up();
    tell(SHORT(0x10));
    BROKE("sleep-in while the display is on");
    frame(true, true);
    BROKE("a refresh of a sleeping panel");
    up();
    tell(SHORT(0x28));
    BROKE("display off behind a lit backlight");
    up();
    reset_panel(130000);
    tell(SHORT(0x29));
    BROKE("display on while asleep");
    tell(SHORT_1(0x3a, 0x77));
    BROKE("the pixel format while asleep");
}

static void what_the_panel_is_sent(void) {
    up();
    tell(SHORT_1(0x2a, 0));
    BROKE("a window command without four bytes");
    put(DSI_GPDR, 0x0300002au); // columns 0 to 800
    put(DSI_GPDR, 0x20);
    tell(0x39u | 5u << 8);
    BROKE("a window outside the panel");
    frame(true, true);
    BROKE("the panel's window is not the frame");
    tell(SHORT_1(0x60, 0));
    BROKE("a command that neither panel has");
    tell(READ(0xdc));
    BROKE("a read of something else than an identification");
    up();
    tell(SHORT_1(0x36, 0));
    frame(true, true);
    BROKE("a refresh with the panel in portrait");
    up();
    tell(SHORT_1(0x3a, 0x55));
    frame(true, true);
    BROKE("24 bits sent to a panel set for others");
}

static const struct scenario scenarios[] = {
    SCENARIO(nothing_is_wrong_with_the_driver),
    SCENARIO(host_and_phy_are_set_up_first),
    SCENARIO(regulator_and_pll_in_their_order),
    SCENARIO(packets),
    SCENARIO(frames),
    SCENARIO(the_ltdc_is_set_up_for_the_frame),
    SCENARIO(registers_that_cannot_be_reached),
    SCENARIO(the_panel_has_its_times),
    SCENARIO(the_panel_asleep),
    SCENARIO(what_the_panel_is_sent),
};

int main(int argc, char **argv) {
    return run_scenarios(scenarios, sizeof(scenarios) / sizeof(scenarios[0]), argc, argv);
}
