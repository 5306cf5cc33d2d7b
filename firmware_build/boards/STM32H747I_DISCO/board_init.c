#include "boards/STM32H747I_DISCO/board_init.c" // upstream's
