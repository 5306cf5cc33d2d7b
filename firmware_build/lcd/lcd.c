// DSI host, LTDC and pins for the panel of the STM32H747I-DISCO: see lcd.h. Sources of the values: ST's board package
// (stm32h747i-disco-bsp) and its example LCD_DSI_CmdMode_PartialRefresh for this board and the OTM8009A; embassy's example
// `display` and rlvgl's platform for this board and the NT35510; ST's article on TouchGFX's partial framebuffer for
// rectangles of any size (on an STM32L4R9, whose DSI is the same); the HAL for the order of register accesses.
#include "lcd.h"
#include "lcd_registers.h"

#include <stddef.h>

// ---- registers ----

static uint32_t get(const struct lcd *lcd, uint32_t address) {
    return lcd->port->read32(lcd->port->context, address);
}

static void put(const struct lcd *lcd, uint32_t address, uint32_t value) {
    lcd->port->write32(lcd->port->context, address, value);
}

static void set(const struct lcd *lcd, uint32_t address, uint32_t bits) {
    put(lcd, address, get(lcd, address) | bits);
}

static void clear(const struct lcd *lcd, uint32_t address, uint32_t bits) {
    put(lcd, address, get(lcd, address) & ~bits);
}

static void delay_us(const struct lcd *lcd, uint32_t us) {
    lcd->port->delay_us(lcd->port->context, us);
}

static int fault(struct lcd *lcd, const char *flag, uint32_t value, int error) {
    lcd->fault = (struct lcd_fault) {.flag = flag, .value = value};
    if (get(lcd, RCC_APB3ENR) & RCC_APB3_DSI) {
        lcd->fault.isr0 = get(lcd, DSI_ISR0);
        lcd->fault.isr1 = get(lcd, DSI_ISR1);
        lcd->fault.psr = get(lcd, DSI_PSR);
    }
    return error;
}

// Until the bits under mask are `wanted`. The time is taken before the register, so that being kept from running for
// longer than the limit is no time-out.
static int wait_until(struct lcd *lcd, const char *flag, uint32_t address, uint32_t mask, uint32_t wanted, uint32_t limit_us,
    int error) {
    const uint32_t start = lcd->port->now_us(lcd->port->context);
    for (;;) {
        const bool late = lcd->port->now_us(lcd->port->context) - start >= limit_us;
        const uint32_t value = get(lcd, address);
        if ((value & mask) == wanted) {
            return LCD_OK;
        }
        if (late) {
            return fault(lcd, flag, value, error);
        }
    }
}

// ---- pins ----

#define RESET_PORT GPIOG // low: the panel, and the touch controller on it, are in reset
#define RESET_PIN (3u)
#define LIGHT_PORT GPIOJ // high: backlight on
#define LIGHT_PIN (12u)

static void drive(const struct lcd *lcd, uint32_t port, uint32_t pin, bool high) {
    put(lcd, port + GPIO_BSRR, 1u << (high ? pin : pin + 16));
}

// Push-pull output, low from the start.
static void make_output(const struct lcd *lcd, uint32_t port, uint32_t pin) {
    drive(lcd, port, pin, false);
    clear(lcd, port + GPIO_OTYPER, 1u << pin);
    put(lcd, port + GPIO_MODER, (get(lcd, port + GPIO_MODER) & ~(3u << 2 * pin)) | 1u << 2 * pin);
}

// ---- clocks ----

#define HSE_KHZ (25000u)
#define PIXEL_MIN_KHZ (10000u)
#define PIXEL_MAX_KHZ (60000u)

// PLL3 is the board's to set up, because it feeds other peripherals too. Checked before LTDC's registers are touched:
// without a pixel clock an access to them may never end.
static int check_clocks(struct lcd *lcd) {
    const uint32_t state = get(lcd, RCC_CR);
    if (!(state & RCC_CR_HSERDY)) {
        return fault(lcd, "CR.HSERDY", state, LCD_ERR_HSE);
    }
    const uint32_t source = get(lcd, RCC_PLLCKSELR);
    const uint32_t m = RCC_PLLCKSELR_DIVM3(source);
    const uint32_t dividers = get(lcd, RCC_PLL3DIVR);
    lcd->pixel_khz = m == 0 ? 0 : HSE_KHZ / m * RCC_PLL3DIVR_N3(dividers) / RCC_PLL3DIVR_R3(dividers);
    if (!(state & RCC_CR_PLL3RDY)) {
        return fault(lcd, "CR.PLL3RDY", state, LCD_ERR_PIXEL_CLOCK);
    }
    if ((source & RCC_PLLCKSELR_PLLSRC) != RCC_PLLCKSELR_PLLSRC_HSE) {
        return fault(lcd, "PLLCKSELR.PLLSRC", source, LCD_ERR_PIXEL_CLOCK);
    }
    const uint32_t outputs = get(lcd, RCC_PLLCFGR);
    if (!(outputs & RCC_PLLCFGR_DIVR3EN)) {
        return fault(lcd, "PLLCFGR.DIVR3EN", outputs, LCD_ERR_PIXEL_CLOCK);
    }
    if (lcd->pixel_khz < PIXEL_MIN_KHZ || lcd->pixel_khz > PIXEL_MAX_KHZ) {
        return fault(lcd, "PLL3DIVR", dividers, LCD_ERR_PIXEL_CLOCK);
    }
    return LCD_OK;
}

// Both peripherals clocked, in their reset state and out of reset. Reading back lets the clock arrive (RM0399, RCC).
static void clock_peripherals(const struct lcd *lcd) {
    clear(lcd, RCC_D1CCIPR, RCC_D1CCIPR_DSISEL);
    set(lcd, RCC_APB3ENR, RCC_APB3_LTDC | RCC_APB3_DSI);
    get(lcd, RCC_APB3ENR);
    set(lcd, RCC_APB3RSTR, RCC_APB3_LTDC | RCC_APB3_DSI);
    clear(lcd, RCC_APB3RSTR, RCC_APB3_LTDC | RCC_APB3_DSI);
}

// ---- DSI host ----

// PLL: 25 MHz / 5 * 2 * 100 = 1 GHz, halved: 500 Mbit/s on each of two lanes, a byte clock of 62.5 MHz.
#define PLL_IDF (5u)
#define PLL_NDIV (100u)
#define PLL_LOCK_US (400u)    // before the lock flag may be looked at
#define ESCAPE_DIVIDER (4u)   // 15.6 MHz in low-power mode; at most 20
#define BIT_QUARTER_NS (8u)   // a bit lasts 2 ns
#define RGB888 (5u)           // colour coding of host and wrapper
#define LANES (2u)
#define LANE_TURN (35u)       // byte clocks between high-speed and low-power; one value for both ways (HAL's erratum note)
#define STOP_WAIT (10u)

static int start_dsi(struct lcd *lcd) {
    set(lcd, DSI_WRPCR, DSI_WRPCR_REGEN);
    int error = wait_until(lcd, "WISR.RRS", DSI_WISR, DSI_WISR_RRS, DSI_WISR_RRS, LCD_READY_LIMIT_US, LCD_ERR_REGULATOR);
    if (error != LCD_OK) {
        return error;
    }
    put(lcd, DSI_WRPCR, DSI_WRPCR_REGEN | DSI_WRPCR_IDF(PLL_IDF) | DSI_WRPCR_NDIV(PLL_NDIV)); // ODF 0: divided by 1
    set(lcd, DSI_WRPCR, DSI_WRPCR_PLLEN);
    delay_us(lcd, 2 * PLL_LOCK_US);
    error = wait_until(lcd, "WISR.PLLLS", DSI_WISR, DSI_WISR_PLLLS, DSI_WISR_PLLLS, LCD_READY_LIMIT_US, LCD_ERR_PLL);
    if (error != LCD_OK) {
        return error;
    }

    put(lcd, DSI_PCTLR, DSI_PCTLR_CKE | DSI_PCTLR_DEN);
    put(lcd, DSI_CLCR, DSI_CLCR_DPCC); // the clock lane keeps running
    put(lcd, DSI_PCONFR, STOP_WAIT << 8 | (LANES - 1));
    put(lcd, DSI_CCR, ESCAPE_DIVIDER);
    put(lcd, DSI_WPCR0, (get(lcd, DSI_WPCR0) & ~DSI_WPCR0_UIX4) | BIT_QUARTER_NS);
    put(lcd, DSI_CLTCR, LANE_TURN << 16 | LANE_TURN);
    put(lcd, DSI_DLTCR, LANE_TURN << 24 | LANE_TURN << 16);

    put(lcd, DSI_MCR, DSI_MCR_CMDM);
    put(lcd, DSI_WCFGR, DSI_WCFGR_DSIM | RGB888 << 1); // no tearing effect, refresh on request, halt at VSYNC's falling edge
    // Channel 0 and active-high signals from the LTDC (LVCIDR, LPCR) are what the reset leaves.
    put(lcd, DSI_LCOLCR, RGB888);
    put(lcd, DSI_LCCR, LCD_WIDTH);     // pixels a packet may hold; a narrower line makes a packet of its own (TouchGFX)
    put(lcd, DSI_CMCR, DSI_CMCR_LOW_POWER); // a panel in reset state understands that at any speed
    put(lcd, DSI_PCR, DSI_PCR_BTAE);   // the bus turns round for answers
    set(lcd, DSI_WPCR1, DSI_WPCR1_FLPRXLPM); // ST's command-mode examples set it with the above

    put(lcd, DSI_CR, DSI_CR_EN);
    put(lcd, DSI_WCR, DSI_WCR_DSIEN);
    return LCD_OK;
}

// Data types of packets (MIPI DSI).
#define DCS_SHORT_WRITE_0 (0x05u)
#define DCS_SHORT_WRITE_1 (0x15u)
#define DCS_READ (0x06u)
#define DCS_LONG_WRITE (0x39u)

// What is shared by all DCS panels.
#define DCS_SLEEP_IN (0x10u)
#define DCS_DISPLAY_OFF (0x28u)
#define DCS_DISPLAY_ON (0x29u)
#define DCS_COLUMNS (0x2au)
#define DCS_ROWS (0x2bu)
#define DCS_RDID1 (0xdau)
#define DCS_RDID2 (0xdbu)

static int wait_sent(struct lcd *lcd) {
    const uint32_t empty = DSI_GPSR_CMDFE | DSI_GPSR_PWRFE;
    return wait_until(lcd, "GPSR.CMDFE, PWRFE", DSI_GPSR, empty, empty, LCD_READY_LIMIT_US, LCD_ERR_FIFO);
}

// One command of count bytes (1 or more). When it returns the command is on its way, so waits that must follow it hold.
static int send(struct lcd *lcd, const uint8_t *bytes, uint32_t count) {
    int error = wait_sent(lcd);
    uint32_t header;
    if (count <= 2) {
        header = count == 1 ? DCS_SHORT_WRITE_0 : DCS_SHORT_WRITE_1 | (uint32_t)bytes[1] << 16;
        header |= (uint32_t)bytes[0] << 8;
    } else {
        header = DCS_LONG_WRITE | count << 8;
        for (uint32_t i = 0; i < count && error == LCD_OK; i += 4) {
            uint32_t word = 0;
            for (uint32_t k = 0; k < 4 && i + k < count; k++) {
                word |= (uint32_t)bytes[i + k] << 8 * k;
            }
            error = wait_until(lcd, "GPSR.PWRFF", DSI_GPSR, DSI_GPSR_PWRFF, 0, LCD_READY_LIMIT_US, LCD_ERR_FIFO);
            if (error == LCD_OK) {
                put(lcd, DSI_GPDR, word);
            }
        }
    }
    if (error != LCD_OK) {
        return error;
    }
    put(lcd, DSI_GHCR, header);
    return wait_sent(lcd);
}

static int send_byte(struct lcd *lcd, uint8_t command) {
    return send(lcd, &command, 1);
}

static int send_all(struct lcd *lcd, struct lcd_commands commands) {
    const uint8_t *at = commands.bytes;
    const uint8_t *const end = at + commands.count;
    int error = LCD_OK;
    while (error == LCD_OK && at < end) {
        uint32_t count = *at++;
        if (count == 0) {
            delay_us(lcd, *at++ * 10000u);
            continue;
        }
        if (commands.shifted) {
            const uint8_t shift[2] = {0x00, *at++};
            count--;
            error = send(lcd, shift, 2);
        }
        if (error == LCD_OK) {
            error = send(lcd, at, count);
        }
        at += count;
    }
    return error;
}

// Reads one byte. A packet of one byte is what a panel returns unless told otherwise.
static int read_byte(struct lcd *lcd, uint8_t command, uint8_t *byte) {
    int error = wait_sent(lcd);
    if (error != LCD_OK) {
        return error;
    }
    put(lcd, DSI_GHCR, DCS_READ | (uint32_t)command << 8);
    error = wait_until(lcd, "GPSR.PRDFE", DSI_GPSR, DSI_GPSR_PRDFE, 0, LCD_READY_LIMIT_US, LCD_ERR_NO_PANEL);
    if (error != LCD_OK) {
        return error;
    }
    *byte = (uint8_t)get(lcd, DSI_GPDR);
    return wait_until(lcd, "GPSR.RCB", DSI_GPSR, DSI_GPSR_RCB, 0, LCD_READY_LIMIT_US, LCD_ERR_NO_PANEL);
}

// ---- finding the panel ----

#define ATTEMPTS (4)            // each panel is asked first in half of them: a read without an answer blocks the next one
#define RESET_LOW_US (20000u)   // as ST
#define RESET_HIGH_US (120000u) // before sleep-out (DCS); ST waits 10 ms, Zephyr 200

static const struct {
    uint8_t command, id;
    enum lcd_panel panel;
} known[2] = {
    {DCS_RDID2, 0x80, LCD_PANEL_NT35510},
    {DCS_RDID1, 0x40, LCD_PANEL_OTM8009A},
};

// From what switch_off() leaves.
static int connect(struct lcd *lcd, uint32_t first) {
    delay_us(lcd, RESET_LOW_US);
    drive(lcd, RESET_PORT, RESET_PIN, true);
    delay_us(lcd, RESET_HIGH_US);
    clock_peripherals(lcd);
    int error = start_dsi(lcd);
    for (uint32_t i = 0; i < 2 && error == LCD_OK; i++) {
        const uint32_t k = (first + i) % 2;
        error = read_byte(lcd, known[k].command, &lcd->id[k]);
        if (error == LCD_OK && lcd->id[k] == known[k].id) {
            lcd->panel = known[k].panel;
            return LCD_OK;
        }
    }
    return error != LCD_OK ? error : fault(lcd, NULL, 0, LCD_ERR_WRONG_PANEL);
}

// Light, panel, DSI and LTDC off, whatever state they are in: wrapper, host, PHY, PLL and regulator as HAL_DSI_DeInit does
// it, the LTDC by its reset alone (for its own registers see check_clocks).
static void switch_off(struct lcd *lcd) {
    drive(lcd, LIGHT_PORT, LIGHT_PIN, false);
    drive(lcd, RESET_PORT, RESET_PIN, false);
    if (get(lcd, RCC_APB3ENR) & RCC_APB3_DSI) {
        put(lcd, DSI_WCR, 0);
        put(lcd, DSI_CR, 0);
        put(lcd, DSI_PCTLR, 0);
        put(lcd, DSI_WRPCR, 0);
    }
    set(lcd, RCC_APB3RSTR, RCC_APB3_LTDC | RCC_APB3_DSI);
    clear(lcd, RCC_APB3RSTR, RCC_APB3_LTDC | RCC_APB3_DSI);
    clear(lcd, RCC_APB3ENR, RCC_APB3_LTDC | RCC_APB3_DSI);
    lcd->panel = LCD_PANEL_NONE;
}

// ---- pixels ----

// LTDC's frame around a window, as in ST's example: sync 2, back porch 1, front porch 1, both ways (registers hold sums).
#define SYNC (1u)
#define PORCH (2u)
// But as long a vertical back porch as makes 2400 pixels of blanking, what ST's whole screen has (57 us at 42 MHz): a
// narrow window's lines are so short that its first pixels would come before the wrapper has taken over.
#define BLANK_PIXELS (2400u)
#define ALIGN_PIXELS (LCD_ALIGN / 2)

// Blanking and all, in pixel clocks: a frame cannot take less.
static uint32_t program_ltdc(const struct lcd *lcd, uint32_t address, uint32_t w, uint32_t h) {
    const uint32_t lines = (BLANK_PIXELS + w + 3) / (w + 4); // of w + 4 pixels: 3 for the whole screen
    const uint32_t porch = lines - 1; // the widest window makes it PORCH
    put(lcd, LTDC_SSCR, SYNC << 16 | SYNC);
    put(lcd, LTDC_BPCR, PORCH << 16 | porch);
    put(lcd, LTDC_AWCR, (PORCH + w) << 16 | (porch + h));
    put(lcd, LTDC_TWCR, (PORCH + w + 1) << 16 | (porch + h + 1));
    put(lcd, LTDC_L1WHPCR, (PORCH + w) << 16 | (PORCH + 1));
    put(lcd, LTDC_L1WVPCR, (porch + h) << 16 | (porch + 1));
    put(lcd, LTDC_L1PFCR, LTDC_L1PFCR_RGB565);
    put(lcd, LTDC_L1CACR, 255);
    put(lcd, LTDC_L1BFCR, LTDC_L1BFCR_ALPHA);
    put(lcd, LTDC_L1CFBAR, address);
    put(lcd, LTDC_L1CFBLR, LCD_PITCH << 16 | (w * 2 + 7));
    put(lcd, LTDC_L1CFBLNR, h);
    put(lcd, LTDC_L1CR, LTDC_L1CR_LEN);
    put(lcd, LTDC_SRCR, LTDC_SRCR_IMR);
    return (w + 4) * (lines + h + 1);
}

// One frame of w x h pixels from address; *underrun: the FIFO ran empty. The wrapper is off whenever LTDC's registers are
// touched (it stops their clock), and the LTDC is off whenever no frame is under way (it would read the SDRAM on and on).
static int refresh(struct lcd *lcd, uint32_t address, uint32_t w, uint32_t h, bool *underrun) {
    put(lcd, DSI_WCR, 0);
    const uint32_t clocks = program_ltdc(lcd, address, w, h);
    put(lcd, LTDC_ICR, LTDC_FLAG_UNDERRUN | LTDC_FLAG_BUS);
    put(lcd, DSI_WIFCR, DSI_WIFCR_CERIF);
    set(lcd, LTDC_GCR, LTDC_GCR_LTDCEN);
    int error = wait_until(lcd, "SRCR.IMR", LTDC_SRCR, LTDC_SRCR_IMR, 0, LCD_RELOAD_LIMIT_US, LCD_ERR_RELOAD);
    if (error != LCD_OK) {
        return error;
    }
    put(lcd, DSI_WCR, DSI_WCR_DSIEN);
    put(lcd, DSI_WCR, DSI_WCR_DSIEN | DSI_WCR_LTDCEN);
    // Others saw the end flagged at the start too (rlvgl), so it counts only after the least time and with nothing under
    // way. No flag is cleared on the way: an interrupt in between could make that the wrong one.
    delay_us(lcd, clocks * 1000 / lcd->pixel_khz);
    error = wait_until(lcd, "WISR.ERIF, BUSY", DSI_WISR, DSI_WISR_ERIF | DSI_WISR_BUSY, DSI_WISR_ERIF, LCD_REFRESH_LIMIT_US,
        LCD_ERR_REFRESH);
    if (error != LCD_OK) {
        return error;
    }
    put(lcd, DSI_WCR, 0);
    clear(lcd, LTDC_GCR, LTDC_GCR_LTDCEN);
    const uint32_t flags = get(lcd, LTDC_ISR);
    put(lcd, DSI_WCR, DSI_WCR_DSIEN);
    *underrun = flags & LTDC_FLAG_UNDERRUN;
    return flags & LTDC_FLAG_BUS ? fault(lcd, "ISR.TERRIF", flags, LCD_ERR_BUS) : LCD_OK;
}

static int set_window(struct lcd *lcd, uint8_t command, uint32_t first, uint32_t last) {
    const uint8_t bytes[5] = {command, (uint8_t)(first >> 8), (uint8_t)first, (uint8_t)(last >> 8), (uint8_t)last};
    return send(lcd, bytes, sizeof(bytes));
}

static int send_pixels(struct lcd *lcd, uint32_t x, uint32_t y, uint32_t w, uint32_t h) {
    const uint32_t right = (x + w + ALIGN_PIXELS - 1) / ALIGN_PIXELS * ALIGN_PIXELS;
    x = x / ALIGN_PIXELS * ALIGN_PIXELS;
    w = right - x;
    const uint32_t address = lcd->framebuffer + y * LCD_PITCH + x * 2;
    if (w == LCD_WIDTH) {
        lcd->port->clean(lcd->port->context, address, h * LCD_PITCH);
    } else {
        for (uint32_t row = 0; row < h; row++) {
            lcd->port->clean(lcd->port->context, address + row * LCD_PITCH, w * 2);
        }
    }
    int error = set_window(lcd, DCS_COLUMNS, x, x + w - 1);
    if (error == LCD_OK) {
        error = set_window(lcd, DCS_ROWS, y, y + h - 1);
    }
    bool again = true;
    for (int tries = 0; tries < 3 && again && error == LCD_OK; tries++) {
        again = false;
        error = refresh(lcd, address, w, h, &again);
        lcd->underruns += again;
    }
    return error;
}

// ---- calls ----

int lcd_init(struct lcd *lcd, const struct lcd_port *port, uint32_t framebuffer) {
    *lcd = (struct lcd) {.port = port, .framebuffer = framebuffer};
    set(lcd, RCC_AHB4ENR, RCC_AHB4ENR_GPIOG | RCC_AHB4ENR_GPIOJ);
    get(lcd, RCC_AHB4ENR);
    make_output(lcd, LIGHT_PORT, LIGHT_PIN);
    make_output(lcd, RESET_PORT, RESET_PIN);
    switch_off(lcd);

    int error = check_clocks(lcd);
    if (error != LCD_OK) {
        return error;
    }
    for (uint32_t attempt = 0; attempt < ATTEMPTS; attempt++) {
        error = connect(lcd, attempt);
        if (error != LCD_ERR_NO_PANEL && error != LCD_ERR_WRONG_PANEL) {
            break;
        }
        switch_off(lcd);
    }
    if (error == LCD_OK) {
        error = send_all(lcd, lcd_panel_commands(lcd->panel));
    }
    if (error == LCD_OK) {
        error = send_all(lcd, lcd_common_commands());
    }
    if (error == LCD_OK) {
        put(lcd, DSI_CMCR, 0); // from here at high speed
        error = send_pixels(lcd, 0, 0, LCD_WIDTH, LCD_HEIGHT);
    }
    if (error == LCD_OK) {
        error = send_byte(lcd, DCS_DISPLAY_ON);
    }
    if (error != LCD_OK) {
        switch_off(lcd);
        return error;
    }
    drive(lcd, LIGHT_PORT, LIGHT_PIN, true);
    return LCD_OK;
}

int lcd_show(struct lcd *lcd, uint32_t x, uint32_t y, uint32_t w, uint32_t h) {
    if (lcd->panel == LCD_PANEL_NONE) {
        return LCD_ERR_OFF;
    }
    const int error = send_pixels(lcd, x, y, w, h);
    if (error != LCD_OK) {
        switch_off(lcd);
    }
    return error;
}

int lcd_backlight(struct lcd *lcd, bool on) {
    if (lcd->panel == LCD_PANEL_NONE) {
        return LCD_ERR_OFF;
    }
    drive(lcd, LIGHT_PORT, LIGHT_PIN, on);
    return LCD_OK;
}

#define SLEEP_IN_US (120000u) // the panel discharges (DCS)

void lcd_deinit(struct lcd *lcd) {
    if (lcd->panel == LCD_PANEL_NONE) {
        return;
    }
    drive(lcd, LIGHT_PORT, LIGHT_PIN, false);
    if (send_byte(lcd, DCS_DISPLAY_OFF) == LCD_OK && send_byte(lcd, DCS_SLEEP_IN) == LCD_OK) {
        delay_us(lcd, SLEEP_IN_US);
    }
    switch_off(lcd);
}
