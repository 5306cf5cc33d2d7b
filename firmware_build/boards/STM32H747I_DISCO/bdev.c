#include "boards/STM32H747I_DISCO/bdev.c" // upstream's
