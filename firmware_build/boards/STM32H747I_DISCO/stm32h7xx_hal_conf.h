#include "boards/STM32H747I_DISCO/stm32h7xx_hal_conf.h" // upstream's
