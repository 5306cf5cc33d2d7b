// GPIO ports A to K (RM0399, "General-purpose I/Os").
#ifndef FIRMWARE_BENCH_GPIO_H
#define FIRMWARE_BENCH_GPIO_H

#include "../model.h"

enum { GPIO_PORTS = 11 };

model_t *gpio_model(unsigned port); // 0: A

// What is at the pins from outside, asked at each read of IDR: a bit of `driven` where something drives, of `levels` its level.
extern void (*gpio_outside)(unsigned port, uint16_t *driven, uint16_t *levels);

#endif
