// I2C4 as a master (RM0399, "I2C"): 7-bit addresses, polled or by interrupt, no DMA, no slave mode.
#ifndef FIRMWARE_BENCH_I2C_H
#define FIRMWARE_BENCH_I2C_H

#include "../model.h"

model_t *i2c4_model(void);

// What hangs on the bus. `i2c_there`: does anybody answer to the address now? Asked at the start of a write, whose first byte
// is a register. Reads and writes give 0, or an errno: then the master sees no acknowledge of the address or of the last byte.
enum { I2C_BURST = 62 }; // bytes of a read: always so many are asked for
extern bool (*i2c_there)(uint8_t address);
extern int (*i2c_read)(uint8_t address, uint8_t reg, uint8_t *data, unsigned count);
extern int (*i2c_write)(uint8_t address, uint8_t reg, const uint8_t *data, unsigned count);

#endif
