// Peripherals of which nothing but the storage of their registers is used.
#ifndef FIRMWARE_BENCH_PLAIN_H
#define FIRMWARE_BENCH_PLAIN_H

#include "../model.h"

struct plain_value {
    uint32_t offset, value, kept; // at reset; bits that writes do not change
};

// A model of `size` bytes of registers at `base`; `values` ends with a line of kept = 0.
model_t *plain_model(const char *name, uint32_t base, uint32_t size, const struct plain_value *values);

#endif
