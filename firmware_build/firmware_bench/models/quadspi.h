// The QUADSPI controller (RM0399, "Quad-SPI interface") with the board's flash behind it.
#ifndef FIRMWARE_BENCH_QUADSPI_H
#define FIRMWARE_BENCH_QUADSPI_H

#include "../model.h"

#define QUADSPI_WINDOW (0x90000000u)
#define QUADSPI_WINDOW_BYTES (256u << 20)
enum { QUADSPI_IRQ = 92 };

model_t *quadspi_model(void);

// A read of the memory-mapped window by the processor, size 1, 2 or 4. Outside that mode: a violation and zeros (a bus error).
uint32_t quadspi_mapped_read(uint32_t offset, unsigned size);

#endif
