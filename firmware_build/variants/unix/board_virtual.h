// The unix port's own functions that modboard_virtual.c stands before, and how a board's process ends.
#ifndef BOARD_VIRTUAL_H
#define BOARD_VIRTUAL_H

void port_set_interrupt_char(char c);
void port_stdio_mode_raw(void);
void port_stdio_mode_orig(void);

// Exit statuses, read by host/uff_host/virtual_board/device.py.
enum {
    BOARD_SOFT_FRIENDLY = 40, // soft reset; the REPL was the friendly one
    BOARD_SOFT_RAW = 41,      // soft reset; the REPL was the raw one, and is again after it
    BOARD_RESET = 42,         // machine.reset()
};

#endif
