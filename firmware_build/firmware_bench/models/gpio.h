// GPIO ports A to K (RM0399, "General-purpose I/Os").
#ifndef FIRMWARE_BENCH_GPIO_H
#define FIRMWARE_BENCH_GPIO_H

#include "../model.h"

enum { GPIO_PORTS = 11 };

model_t *gpio_model(unsigned port); // 0: A

// What is at the pins from outside, asked at each read of IDR: a bit of `driven` where something drives, of `levels` its level.
extern void (*gpio_outside)(unsigned port, uint16_t *driven, uint16_t *levels);
// Called when a register of the port was written or reset: what it drives may have changed.
extern void (*gpio_changed)(unsigned port);

// Is the pin an output now, and of which level? Open drain at 1 drives nothing.
bool gpio_drives(unsigned port, unsigned pin, bool *level);

#endif
