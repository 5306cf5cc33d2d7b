// As the stm32 port's, as far as modboard_h747.c looks.
#ifndef FAKE_BOARDCTRL_H
#define FAKE_BOARDCTRL_H

#include <stdbool.h>
#include <stdint.h>

enum {
    BOARDCTRL_RESET_MODE_NORMAL = 1,
    BOARDCTRL_RESET_MODE_SAFE_MODE = 2,
    BOARDCTRL_RESET_MODE_FACTORY_FILESYSTEM = 3,
};

typedef struct _boardctrl_state_t {
    uint8_t reset_mode;
    bool log_soft_reset;
} boardctrl_state_t;

void boardctrl_top_soft_reset_loop(boardctrl_state_t *state);
void board_h747_top_soft_reset_loop(boardctrl_state_t *state); // the board's own header's

#endif
