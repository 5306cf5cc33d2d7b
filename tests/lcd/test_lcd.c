// Scenarios for lcd.c against the model, one a run: `test_lcd NAME`, or all names with --list. Exit 0: as wanted.
#include "lcd_model.h"

#include "../firmware_bench/scenarios.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct lcd lcd;

#define CHECK(condition) check(condition, #condition, __LINE__)

static void check(bool met, const char *what, int line) {
    if (!met) {
        printf("line %d: not so: %s\n", line, what);
        printf("fault: %s = 0x%08x; model: %s; %u us\n", lcd.fault.flag ? lcd.fault.flag : "-", (unsigned)lcd.fault.value,
            model.violation[0] ? model.violation : "no violation", (unsigned)model_us());
        exit(1);
    }
}

static void check_clean(void) {
    CHECK(model.violation[0] == '\0');
    CHECK(model_others_untouched());
}

// ---- pictures ----

static uint32_t random_state = 1;

static uint32_t random32(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state;
}

static uint16_t drawn(uint32_t x, uint32_t y) {
    return (uint16_t)(model.cached[(y * 800 + x) * 2] | model.cached[(y * 800 + x) * 2 + 1] << 8);
}

static void draw(uint32_t x, uint32_t y, uint32_t w, uint32_t h) {
    for (uint32_t r = y; r < y + h; r++) {
        for (uint32_t c = x; c < x + w; c++) {
            const uint32_t pixel = random32();
            model.cached[(r * 800 + c) * 2] = (uint8_t)pixel;
            model.cached[(r * 800 + c) * 2 + 1] = (uint8_t)(pixel >> 8);
        }
    }
}

static uint16_t before[480][800];

// The panel shows the rectangle as drawn; left and right of it at most 15 pixels more; elsewhere what it showed before.
static void check_shown(uint32_t x, uint32_t y, uint32_t w, uint32_t h) {
    const uint32_t left = x & ~15u, right = (x + w + 15) & ~15u;
    for (uint32_t r = 0; r < 480; r++) {
        for (uint32_t c = 0; c < 800; c++) {
            const bool sent = r >= y && r < y + h && c >= left && c < right;
            if (display.gram[r][c] != (sent ? drawn(c, r) : before[r][c])) {
                printf("pixel %u, %u of rectangle %u, %u, %u, %u\n", c, r, x, y, w, h);
                CHECK(false);
            }
        }
    }
}

static void show_and_check(uint32_t x, uint32_t y, uint32_t w, uint32_t h) {
    memcpy(before, display.gram, sizeof(before));
    const uint32_t frames = display.frames;
    const uint64_t wasted = display.free_running_ns;
    model.command_count = 0;
    draw(x, y, w, h);
    CHECK(lcd_show(&lcd, x, y, w, h) == LCD_OK);
    check_clean();
    CHECK(display.frames == frames + 1);
    CHECK(display_is_idle());
    CHECK(display.free_running_ns - wasted < 3000);
    check_shown(x, y, w, h);
}

// ---- what is sent to the panels, in another notation than lcd_panels.c: command:parameters, after ST's drivers ----

static const char common_told[] = "11: 3A:77 36:60 51:FF 53:24 55:00 5E:FF 2A:0000031F 2B:000001DF 29:";

static const char nt35510_told[] =
    "F0:55AA520801 B0:030303 B6:464646 B1:030303 B7:363636 B2:000002 B8:262626 BF:01 B3:090909 B9:363636 B5:080808 "
    "BA:262626 BC:008000 BD:008000 BE:0050 F0:55AA520800 B1:FC00 B6:03 B5:50 B7:0000 B8:01020202 BC:000000 CC:030000 "
    "BA:01 36:60 ";

static const char otm8009a_told[] =
    "00:00 FF:800901 00:80 FF:8009 00:80 C4:30 00:8A C4:40 00:B1 C5:A9 00:91 C5:34 00:B4 C0:50 00:00 D9:4E 00:81 C1:66 "
    "00:A1 C1:08 00:92 C5:01 00:95 C5:34 00:00 D8:7979 00:94 C5:33 00:A3 C0:1B 00:82 C5:83 00:81 C4:83 00:A1 C1:0E "
    "00:A6 B3:0001 00:80 CE:850100840100 00:A0 CE:180403390000001803033A000000 00:B0 CE:1802033B0000001801033C000000 "
    "00:C0 CF:01012020000001020000 00:D0 CF:00 00:80 CB:00000000000000000000 00:90 CB:000000000000000000000000000000 "
    "00:A0 CB:000000000000000000000000000000 00:B0 CB:00000000000000000000 00:C0 CB:000404040404000000000000000000 "
    "00:D0 CB:000000000000040404040400000000 00:E0 CB:00000000000000000000 00:F0 CB:FFFFFFFFFFFFFFFFFFFF "
    "00:80 CC:0026090B012500000000 00:90 CC:0000000000000000000000260A0C02 00:A0 CC:250000000000000000000000000000 "
    "00:B0 CC:00250C0A022600000000 00:C0 CC:0000000000000000000000250B0901 00:D0 CC:260000000000000000000000000000 "
    "00:81 C5:66 00:B6 F5:06 00:B1 C6:06 00:00 FF:FFFFFF 00:00 E1:00090F0E07100B0A04070B080F100A01 "
    "00:00 E2:00090F0E07100B0A04070B080F100A01 ";

static void check_told(const char *own) {
    static char sent[8000], want[8000];
    size_t n = 0;
    for (uint32_t i = 0; i < model.command_count; i++) {
        const struct model_command *command = &model.commands[i];
        n += (size_t)sprintf(sent + n, "%02X:", command->bytes[0]);
        for (int k = 1; k < command->count; k++) {
            n += (size_t)sprintf(sent + n, "%02X", command->bytes[k]);
        }
        sent[n++] = i + 1 < model.command_count ? ' ' : '\0';
    }
    snprintf(want, sizeof(want), "%s%s", own, common_told);
    if (strcmp(sent, want) != 0) {
        printf("sent:   %s\nwanted: %s\n", sent, want);
        CHECK(false);
    }
}

// Milliseconds from the n-th to the following command.
static uint32_t pause_after(uint32_t n) {
    return model.commands[n + 1].ms - model.commands[n].ms;
}

static uint32_t find(uint8_t command) {
    for (uint32_t i = 0; i < model.command_count; i++) {
        if (model.commands[i].bytes[0] == command) {
            return i;
        }
    }
    printf("command %02x was not sent\n", command);
    CHECK(false);
    return 0;
}

// ---- success ----

static int init(void) {
    return lcd_init(&lcd, &model_port, MODEL_FRAMEBUFFER);
}

static void bring_up(enum display_panel kind, enum lcd_panel panel) {
    model_start(kind);
    draw(0, 0, 800, 480);
    memset(before, 0, sizeof(before));
    CHECK(init() == LCD_OK);
    check_clean();
    CHECK(lcd.panel == panel);
    CHECK(lcd.pixel_khz == 41666);
    CHECK(display.light && display.display_on && !display.asleep && !display.reset_low);
    CHECK(display.frames == 1 && display_is_idle());
    CHECK(display.free_running_ns < 3000);
    check_shown(0, 0, 800, 480);
    CHECK(lcd.underruns == 0 && lcd.fault.flag == NULL);
}

static void nt35510_comes_up(void) {
    bring_up(DISPLAY_NT35510, LCD_PANEL_NT35510);
    check_told(nt35510_told);
    CHECK(lcd.id[0] == 0x80);
    CHECK(pause_after(find(0x36) - 1) >= 200);
    CHECK(pause_after(find(0x11)) >= 120);
    CHECK(model_us() < 600000);
}

static void otm8009a_comes_up(void) {
    bring_up(DISPLAY_OTM8009A, LCD_PANEL_OTM8009A);
    check_told(otm8009a_told);
    CHECK(lcd.id[0] == 0x00 && lcd.id[1] == 0x40);
    CHECK(pause_after(find(0xc4)) >= 10 && pause_after(find(0xc4) + 2) >= 10);
    CHECK(pause_after(find(0x11)) >= 120);
    CHECK(model_us() < 600000);
}

static void whole_frame_takes_10_ms(void) {
    bring_up(DISPLAY_NT35510, LCD_PANEL_NT35510);
    const uint32_t start = model_us();
    show_and_check(0, 0, 800, 480);
    CHECK(display.frame_w == 800 && display.frame_h == 480);
    CHECK(model_us() - start < 10000);
}

static void rectangles_of_every_edge(void) {
    bring_up(DISPLAY_OTM8009A, LCD_PANEL_OTM8009A);
    static const uint16_t edge[][4] = {
        {0, 0, 1, 1}, {799, 479, 1, 1}, {0, 479, 800, 1}, {799, 0, 1, 480}, {15, 3, 1, 7}, {15, 3, 2, 7}, {16, 0, 16, 2},
        {17, 255, 1, 3}, {31, 100, 17, 21}, {1, 1, 798, 478}, {784, 5, 16, 5}, {783, 5, 2, 5}, {0, 0, 15, 480},
        {255, 255, 257, 1}, {0, 256, 800, 224}, {256, 0, 256, 256}, {512, 470, 288, 10},
    };
    for (size_t i = 0; i < sizeof(edge) / sizeof(edge[0]); i++) {
        show_and_check(edge[i][0], edge[i][1], edge[i][2], edge[i][3]);
    }
    for (int i = 0; i < 60; i++) {
        const uint32_t x = random32() % 800, y = random32() % 480;
        show_and_check(x, y, 1 + random32() % (800 - x), 1 + random32() % (480 - y));
    }
}

static void small_rectangle_is_quick(void) {
    bring_up(DISPLAY_NT35510, LCD_PANEL_NT35510);
    const uint32_t start = model_us();
    show_and_check(304, 200, 24, 24);
    CHECK(display.frame_w == 32 && display.frame_h == 24);
    CHECK(model_us() - start < 150);
}

static void backlight_switches(void) {
    bring_up(DISPLAY_NT35510, LCD_PANEL_NT35510);
    CHECK(lcd_backlight(&lcd, false) == LCD_OK && !display.light);
    CHECK(lcd_backlight(&lcd, true) == LCD_OK && display.light);
    check_clean();
}

static void deinit_puts_to_sleep_and_init_wakes(void) {
    bring_up(DISPLAY_NT35510, LCD_PANEL_NT35510);
    const uint32_t start = model_us();
    const uint32_t sent = model.command_count;
    lcd_deinit(&lcd);
    check_clean();
    CHECK(model.command_count == sent + 2);
    CHECK(model.commands[sent].bytes[0] == 0x28 && model.commands[sent + 1].bytes[0] == 0x10);
    CHECK(model_us() - start >= 120000 && model_us() - start < 130000);
    CHECK(model_is_off());
    CHECK(lcd_show(&lcd, 0, 0, 1, 1) == LCD_ERR_OFF);
    CHECK(lcd_backlight(&lcd, true) == LCD_ERR_OFF && !display.light);
    lcd_deinit(&lcd);
    model.command_count = 0;
    CHECK(init() == LCD_OK);
    check_clean();
    CHECK(display.light && display_is_idle());
    check_told(nt35510_told);
}

static void init_twice_without_deinit(void) {
    bring_up(DISPLAY_OTM8009A, LCD_PANEL_OTM8009A);
    model.command_count = 0;
    CHECK(init() == LCD_OK);
    check_clean();
    CHECK(display.light && display_is_idle());
    check_told(otm8009a_told);
}

static void calls_before_init_are_refused(void) {
    model_start(DISPLAY_NT35510);
    memset(&lcd, 0, sizeof(lcd));
    CHECK(lcd_show(&lcd, 0, 0, 800, 480) == LCD_ERR_OFF);
    CHECK(lcd_backlight(&lcd, true) == LCD_ERR_OFF);
    lcd_deinit(&lcd);
    CHECK(model_us() == 0);
    check_clean();
}

static void slower_pixel_clock(void) {
    model_start(DISPLAY_NT35510);
    model.pll3_n = 132;
    model.pll3_r = 24;
    CHECK(init() == LCD_OK);
    check_clean();
    CHECK(lcd.pixel_khz == 27500);
    const uint32_t start = model_us();
    CHECK(lcd_show(&lcd, 0, 0, 800, 480) == LCD_OK);
    CHECK(model_us() - start > 14000 && model_us() - start < 15000);
}

static void slowest_pixel_clock_stays_in_time(void) {
    model_start(DISPLAY_NT35510);
    model.pll3_n = 96;
    model.pll3_r = 48;
    CHECK(init() == LCD_OK);
    check_clean();
    CHECK(lcd.pixel_khz == 10000 && display.frame_ns < 40000000);
}

static void fastest_pixel_clock(void) {
    model_start(DISPLAY_NT35510);
    model.pll3_n = 96;
    model.pll3_r = 8;
    CHECK(init() == LCD_OK);
    check_clean();
    CHECK(lcd.pixel_khz == 60000);
}

static void busy_fifo_is_waited_for(void) {
    model_start(DISPLAY_NT35510);
    display.faults.busy_us = 15000;
    CHECK(init() == LCD_OK);
    check_clean();
}

static void kept_from_running_is_no_time_out(void) {
    model_start(DISPLAY_NT35510);
    model.faults.preempted_us = 30000;
    CHECK(init() == LCD_OK);
    check_clean();
}

static void panel_that_answers_late(void) {
    model_start(DISPLAY_NT35510);
    display.faults.deaf_attempts = 3;
    CHECK(init() == LCD_OK);
    check_clean();
    CHECK(lcd.panel == LCD_PANEL_NT35510);
}

static void panel_that_knows_only_its_own_id(void) {
    model_start(DISPLAY_OTM8009A);
    display.faults.only_own_id = true;
    CHECK(init() == LCD_OK);
    check_clean();
    CHECK(lcd.panel == LCD_PANEL_OTM8009A);
    model_start(DISPLAY_NT35510);
    display.faults.only_own_id = true;
    CHECK(init() == LCD_OK);
    check_clean();
    CHECK(lcd.panel == LCD_PANEL_NT35510);
}

// At 41 MHz the LTDC is what takes the time, at 60 MHz the link: 800 x 480 x 3 bytes at 125 MB/s.
static void end_flagged_too_early_cuts_no_frame(void) {
    for (uint32_t r = 12; r >= 8; r -= 4) {
        model_start(DISPLAY_NT35510);
        model.pll3_n = 96;
        model.pll3_r = r;
        display.faults.early_flag = true;
        CHECK(init() == LCD_OK);
        check_clean();
        const uint32_t start = model_us();
        show_and_check(0, 0, 800, 480);
        CHECK(model_us() - start > 9200);
        show_and_check(0, 0, 16, 1);
        show_and_check(300, 7, 100, 100);
    }
}

static void underrun_is_sent_again(void) {
    bring_up(DISPLAY_NT35510, LCD_PANEL_NT35510);
    display.faults.underruns = 2;
    draw(100, 100, 50, 50);
    CHECK(lcd_show(&lcd, 100, 100, 50, 50) == LCD_OK);
    check_clean();
    CHECK(lcd.underruns == 2 && display.frames == 4);
    memcpy(before, display.gram, sizeof(before));
    check_shown(100, 100, 50, 50);
}

static void underrun_for_ever_is_counted(void) {
    bring_up(DISPLAY_NT35510, LCD_PANEL_NT35510);
    display.faults.underruns = 1000;
    CHECK(lcd_show(&lcd, 0, 0, 800, 480) == LCD_OK);
    check_clean();
    CHECK(lcd.underruns == 3 && display.frames == 4 && display.light);
}

// ---- failure: the error, its flag, a limit in time, everything off; then it works again without the fault ----

static void failed(int got, int error, const char *flag, uint32_t limit_ms, uint32_t start_us) {
    CHECK(got == error);
    check_clean();
    CHECK((flag == NULL) == (lcd.fault.flag == NULL));
    CHECK(flag == NULL || strcmp(lcd.fault.flag, flag) == 0);
    CHECK((model_us() - start_us) / 1000 < limit_ms);
    CHECK(model_is_off());
    CHECK(lcd.panel == LCD_PANEL_NONE && lcd.underruns == 0);
    CHECK(lcd_show(&lcd, 0, 0, 800, 480) == LCD_ERR_OFF);
    CHECK(lcd_backlight(&lcd, true) == LCD_ERR_OFF);
    if (display.kind == DISPLAY_NO_PANEL) {
        return;
    }
    memset(&model.faults, 0, sizeof(model.faults));
    memset(&display.faults, 0, sizeof(display.faults));
    model.pll3_n = 100;
    model.pll3_r = 12;
    CHECK(init() == LCD_OK);
    check_clean();
    CHECK(display.light && display_is_idle());
}

static void init_fails(int error, const char *flag, uint32_t limit_ms) {
    const int got = init();
    CHECK(!display.ever_lit);
    failed(got, error, flag, limit_ms, 0);
}

static void show_fails(int error, const char *flag, uint32_t limit_ms) {
    const uint32_t start = model_us();
    failed(lcd_show(&lcd, 10, 10, 100, 100), error, flag, limit_ms, start);
}

static void no_oscillator(void) {
    model_start(DISPLAY_NT35510);
    model.faults.no_hse = true;
    init_fails(LCD_ERR_HSE, "CR.HSERDY", 1);
}

static void pixel_clock_is_off(void) {
    model_start(DISPLAY_NT35510);
    model.faults.no_pll3 = true;
    init_fails(LCD_ERR_PIXEL_CLOCK, "CR.PLL3RDY", 1);
}

static void pixel_clock_is_not_from_the_oscillator(void) {
    model_start(DISPLAY_NT35510);
    model.faults.pll3_from_hsi = true;
    init_fails(LCD_ERR_PIXEL_CLOCK, "PLLCKSELR.PLLSRC", 1);
}

static void pixel_clock_has_no_output(void) {
    model_start(DISPLAY_NT35510);
    model.faults.no_divr3 = true;
    init_fails(LCD_ERR_PIXEL_CLOCK, "PLLCFGR.DIVR3EN", 1);
}

static void pixel_clock_has_no_input(void) {
    model_start(DISPLAY_NT35510);
    model.faults.no_divm3 = true;
    CHECK(init() == LCD_ERR_PIXEL_CLOCK && lcd.pixel_khz == 0);
    init_fails(LCD_ERR_PIXEL_CLOCK, "PLL3DIVR", 1);
}

static void pixel_clock_of_upstream_is_too_fast(void) {
    model_start(DISPLAY_NT35510);
    model.pll3_n = 96;
    model.pll3_r = 4;
    init_fails(LCD_ERR_PIXEL_CLOCK, "PLL3DIVR", 1);
}

static void pixel_clock_is_too_slow(void) {
    model_start(DISPLAY_NT35510);
    model.pll3_n = 96;
    model.pll3_r = 49;
    init_fails(LCD_ERR_PIXEL_CLOCK, "PLL3DIVR", 1);
}

static void regulator_never_ready(void) {
    model_start(DISPLAY_NT35510);
    display.faults.no_regulator = true;
    init_fails(LCD_ERR_REGULATOR, "WISR.RRS", 170);
    CHECK(model.command_count > 0);
}

static void pll_never_locks(void) {
    model_start(DISPLAY_OTM8009A);
    display.faults.no_lock = true;
    init_fails(LCD_ERR_PLL, "WISR.PLLLS", 170);
}

static void fault_carries_the_host_state(void) {
    model_start(DISPLAY_NT35510);
    display.faults.no_lock = true;
    CHECK(init() == LCD_ERR_PLL);
    CHECK(lcd.fault.value == 0x1000 && lcd.fault.isr0 == 2 && lcd.fault.isr1 == 0x80 && lcd.fault.psr == 0x1528);
    model_start(DISPLAY_NT35510);
    model.faults.no_hse = true;
    CHECK(init() == LCD_ERR_HSE);
    CHECK(lcd.fault.isr0 == 0 && lcd.fault.isr1 == 0 && lcd.fault.psr == 0);
}

static void fifo_stuck_from_the_start(void) {
    model_start(DISPLAY_NT35510);
    display.faults.link_stuck = true;
    init_fails(LCD_ERR_FIFO, "GPSR.CMDFE, PWRFE", 170);
}

// Stuck after any packet: the right error, in time, wherever it happens.
static void fifo_stuck_anywhere(void) {
    static const enum display_panel kinds[2] = {DISPLAY_NT35510, DISPLAY_OTM8009A};
    for (int k = 0; k < 2; k++) {
        model_start(kinds[k]);
        CHECK(init() == LCD_OK);
        const uint32_t packets = model.command_count + (uint32_t)k + 1; // and the reads
        for (uint32_t n = 2; n <= packets; n++) {
            model_start(kinds[k]);
            display.faults.link_stuck = true;
            display.faults.link_stuck_after = n;
            const int error = init();
            CHECK(error == LCD_ERR_FIFO);
            CHECK(strcmp(lcd.fault.flag, "GPSR.CMDFE, PWRFE") == 0);
            CHECK(model_us() < 700000 && model_is_off() && !display.ever_lit);
            check_clean();
        }
    }
}

static void payload_fifo_full(void) {
    model_start(DISPLAY_NT35510);
    display.faults.payload_full = true;
    init_fails(LCD_ERR_FIFO, "GPSR.PWRFF", 190);
}

static void no_panel(void) {
    model_start(DISPLAY_NO_PANEL);
    init_fails(LCD_ERR_NO_PANEL, "GPSR.PRDFE", 700);
}

static void deaf_panel(void) {
    model_start(DISPLAY_NT35510);
    display.faults.deaf_attempts = 4;
    init_fails(LCD_ERR_NO_PANEL, "GPSR.PRDFE", 700);
}

static void wrong_panel_with(uint8_t id2, uint8_t id1) {
    model_start(DISPLAY_NT35510);
    display.faults.ids_given = true;
    display.faults.id2 = id2;
    display.faults.id1 = id1;
    const int error = init();
    CHECK(lcd.id[0] == id2 && lcd.id[1] == id1);
    CHECK(model.command_count == 0 && display.reads == 8); // nothing was sent to a panel we do not know
    failed(error, LCD_ERR_WRONG_PANEL, NULL, 600, 0);
}

static void panel_that_answers_zero(void) {
    wrong_panel_with(0x00, 0x00);
}

static void panel_that_answers_ones(void) {
    wrong_panel_with(0xff, 0xff);
}

static void panel_with_ids_swapped(void) {
    wrong_panel_with(0x40, 0x80);
}

static void settings_never_taken_over(void) {
    model_start(DISPLAY_NT35510);
    display.faults.no_reload = true;
    init_fails(LCD_ERR_RELOAD, "SRCR.IMR", 600);
}

static void first_frame_never_ends(void) {
    model_start(DISPLAY_OTM8009A);
    display.faults.no_end = true;
    init_fails(LCD_ERR_REFRESH, "WISR.ERIF, BUSY", 700);
}

static void later_frame_never_ends(void) {
    bring_up(DISPLAY_NT35510, LCD_PANEL_NT35510);
    display.faults.no_end = true;
    show_fails(LCD_ERR_REFRESH, "WISR.ERIF, BUSY", 102);
    bring_up(DISPLAY_NT35510, LCD_PANEL_NT35510);
    display.faults.no_end = display.faults.early_flag = true;
    show_fails(LCD_ERR_REFRESH, "WISR.ERIF, BUSY", 102);
}

static void later_settings_never_taken_over(void) {
    bring_up(DISPLAY_NT35510, LCD_PANEL_NT35510);
    display.faults.no_reload = true;
    show_fails(LCD_ERR_RELOAD, "SRCR.IMR", 3);
}

static void framebuffer_cannot_be_read(void) {
    bring_up(DISPLAY_NT35510, LCD_PANEL_NT35510);
    display.faults.bus_error = true;
    show_fails(LCD_ERR_BUS, "ISR.TERRIF", 2);
}

static void first_framebuffer_cannot_be_read(void) {
    model_start(DISPLAY_NT35510);
    display.faults.bus_error = true;
    init_fails(LCD_ERR_BUS, "ISR.TERRIF", 600);
}

static void link_gets_stuck_later(void) {
    bring_up(DISPLAY_NT35510, LCD_PANEL_NT35510);
    display.faults.link_stuck = true;
    show_fails(LCD_ERR_FIFO, "GPSR.CMDFE, PWRFE", 22);
}

static void deinit_with_a_stuck_link_ends(void) {
    bring_up(DISPLAY_NT35510, LCD_PANEL_NT35510);
    display.faults.link_stuck = true;
    const uint32_t start = model_us();
    lcd_deinit(&lcd);
    CHECK(model_us() - start < 22000);
    CHECK(model_is_off());
    check_clean();
}

// ----

static const struct scenario scenarios[] = {
    SCENARIO(nt35510_comes_up),
    SCENARIO(otm8009a_comes_up),
    SCENARIO(whole_frame_takes_10_ms),
    SCENARIO(rectangles_of_every_edge),
    SCENARIO(small_rectangle_is_quick),
    SCENARIO(backlight_switches),
    SCENARIO(deinit_puts_to_sleep_and_init_wakes),
    SCENARIO(init_twice_without_deinit),
    SCENARIO(calls_before_init_are_refused),
    SCENARIO(slower_pixel_clock),
    SCENARIO(slowest_pixel_clock_stays_in_time),
    SCENARIO(fastest_pixel_clock),
    SCENARIO(busy_fifo_is_waited_for),
    SCENARIO(kept_from_running_is_no_time_out),
    SCENARIO(panel_that_answers_late),
    SCENARIO(panel_that_knows_only_its_own_id),
    SCENARIO(end_flagged_too_early_cuts_no_frame),
    SCENARIO(underrun_is_sent_again),
    SCENARIO(underrun_for_ever_is_counted),
    SCENARIO(no_oscillator),
    SCENARIO(pixel_clock_is_off),
    SCENARIO(pixel_clock_is_not_from_the_oscillator),
    SCENARIO(pixel_clock_has_no_output),
    SCENARIO(pixel_clock_has_no_input),
    SCENARIO(pixel_clock_of_upstream_is_too_fast),
    SCENARIO(pixel_clock_is_too_slow),
    SCENARIO(regulator_never_ready),
    SCENARIO(pll_never_locks),
    SCENARIO(fault_carries_the_host_state),
    SCENARIO(fifo_stuck_from_the_start),
    SCENARIO(fifo_stuck_anywhere),
    SCENARIO(payload_fifo_full),
    SCENARIO(no_panel),
    SCENARIO(deaf_panel),
    SCENARIO(panel_that_answers_zero),
    SCENARIO(panel_that_answers_ones),
    SCENARIO(panel_with_ids_swapped),
    SCENARIO(settings_never_taken_over),
    SCENARIO(first_frame_never_ends),
    SCENARIO(later_frame_never_ends),
    SCENARIO(later_settings_never_taken_over),
    SCENARIO(framebuffer_cannot_be_read),
    SCENARIO(first_framebuffer_cannot_be_read),
    SCENARIO(link_gets_stuck_later),
    SCENARIO(deinit_with_a_stuck_link_ends),
};

int main(int argc, char **argv) {
    return run_scenarios(scenarios, sizeof(scenarios) / sizeof(scenarios[0]), argc, argv);
}
