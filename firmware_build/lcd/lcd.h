// lcd: the 4-inch panel (MB1166, 800 x 480 in landscape) of the STM32H747I-DISCO, in DSI adapted command mode.
// C99 without MicroPython's, ST's or Arm's headers: every register access goes through struct lcd_port, so that the tests
// run this code against a model of the registers (tests/lcd). modlcd.c gives it to Python.
//
// How it works. The panel has memory of its own and shows that by itself. lcd_show() sends one rectangle of the
// framebuffer: the window is sent to the panel, the LTDC reads the rectangle once from SDRAM, the DSI host carries it over two
// lanes of 500 Mbit/s. Between calls the LTDC is off and nothing but the processor touches the SDRAM. Pixels lie in the
// framebuffer as RGB565 (little-endian) and travel as 24 bits: that is what ST's and embassy's command-mode examples
// send, and so the panel's order of bytes for 16 bits does not matter.
//
// Two controllers exist, told apart by reading their identification: NT35510 (MB1166 A09) and OTM8009A (those before).
//
// Before lcd_init(): HSE runs at 25 MHz and feeds the PLLs; PLL3_R, the pixel clock, runs at 10 to 60 MHz; SDRAM works.
// Taken by lcd_init(): pins PG3 (reset of the panel and of its touch controller) and PJ12 (backlight), DSI, LTDC.
// Interrupts and DMA are not used. Calls block: lcd_init() 0.3 to 0.5 s, lcd_show() 10 ms for the whole screen at
// 41.7 MHz. Nothing waits without a limit (LCD_*_US); whatever fails leaves backlight and panel off.
#ifndef LCD_H
#define LCD_H

#include <stdbool.h>
#include <stdint.h>

#define LCD_WIDTH (800u)
#define LCD_HEIGHT (480u)
#define LCD_PITCH (LCD_WIDTH * 2)                     // bytes from one line of the framebuffer to the next
#define LCD_FRAMEBUFFER_BYTES (LCD_PITCH * LCD_HEIGHT)
#define LCD_ALIGN (32u)                               // of the framebuffer, bytes: a cache line, an AXI burst

// Limits. A flag that is not there in time is an error; a slower success is not waited for.
#define LCD_READY_LIMIT_US (20000u)    // regulator, PLL lock, FIFO of commands, answer to a read
#define LCD_RELOAD_LIMIT_US (1000u)    // LTDC takes over its settings
#define LCD_REFRESH_LIMIT_US (100000u) // one frame; at the slowest pixel clock a whole one takes 39 ms

enum lcd_error {
    LCD_OK = 0,
    LCD_ERR_OFF = -1,         // lcd_init() has not succeeded, or the display was switched off since
    LCD_ERR_HSE = -2,         // the 25 MHz oscillator, which the DSI PLL runs from, is not ready
    LCD_ERR_PIXEL_CLOCK = -3, // PLL3_R is off or outside 10 to 60 MHz
    LCD_ERR_REGULATOR = -4,   // DSI's 1.2 V regulator was not ready in time
    LCD_ERR_PLL = -5,         // the DSI PLL did not lock in time
    LCD_ERR_FIFO = -6,        // a command was not taken or not sent in time
    LCD_ERR_NO_PANEL = -7,    // no answer to a read in time, four attempts long
    LCD_ERR_WRONG_PANEL = -8, // answers, but neither panel's: lcd->id
    LCD_ERR_RELOAD = -9,      // LTDC did not take over its settings in time
    LCD_ERR_REFRESH = -10,    // the end of a frame did not come in time
    LCD_ERR_BUS = -11,        // LTDC could not read the framebuffer
};

enum lcd_panel {
    LCD_PANEL_NONE,
    LCD_PANEL_NT35510,
    LCD_PANEL_OTM8009A,
};

// How the core reaches the machine. `context` is handed through.
struct lcd_port {
    uint32_t (*read32)(void *context, uint32_t address);
    void (*write32)(void *context, uint32_t address, uint32_t value);
    uint32_t (*now_us)(void *context); // may wrap at 2^32
    void (*delay_us)(void *context, uint32_t us);
    void (*clean)(void *context, uint32_t address, uint32_t bytes); // data cache to memory; both multiples of LCD_ALIGN
    void *context;
};

// What was waited for in vain, and what the DSI host said of itself then.
struct lcd_fault {
    const char *flag;  // "WISR.PLLLS", or NULL
    uint32_t value;    // of that register
    uint32_t isr0, isr1, psr; // 0 where the DSI host was not clocked yet
};

// Owned by the caller; all zero before the first lcd_init(). Read, do not write.
struct lcd {
    const struct lcd_port *port;
    uint32_t framebuffer;   // address
    enum lcd_panel panel;   // LCD_PANEL_NONE: off
    uint32_t pixel_khz;
    uint32_t underruns;     // frames in which the LTDC's FIFO ran empty (sent again, twice at most)
    uint8_t id[2];          // what reads of RDID2 (0xDB) and RDID1 (0xDA) gave at the last attempt
    struct lcd_fault fault; // of the last error
};

// Brings everything up, sends the whole framebuffer, then lights the backlight. framebuffer: address of
// LCD_FRAMEBUFFER_BYTES, aligned to LCD_ALIGN. May be called again at any time (it resets the panel).
int lcd_init(struct lcd *lcd, const struct lcd_port *port, uint32_t framebuffer);

// Sends a rectangle, which must lie within the screen and not be empty. Its left and right edges are widened to multiples
// of 16 pixels (LCD_ALIGN bytes). An error switches the display off.
int lcd_show(struct lcd *lcd, uint32_t x, uint32_t y, uint32_t w, uint32_t h);

int lcd_backlight(struct lcd *lcd, bool on);

// Display to sleep, everything off. Never fails; does nothing where it is off.
void lcd_deinit(struct lcd *lcd);

// ---- lcd_panels.c: the commands that set a panel up. For lcd.c ----

// Records of a count byte and that many bytes: a command with its parameters. Count 0: a wait, the next byte in units of
// 10 ms. With `shifted`, the first of those bytes is the parameter of an address shift (command 0x00) sent before.
struct lcd_commands {
    const uint8_t *bytes;
    uint16_t count;
    bool shifted;
};

// In order: the controller's own registers, then what both panels share up to the first frame.
struct lcd_commands lcd_panel_commands(enum lcd_panel panel);
struct lcd_commands lcd_common_commands(void);

#endif
