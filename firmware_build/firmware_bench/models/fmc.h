// The FMC's SDRAM controller (RM0399, "SDRAM controller") and the board's SDRAM behind its second bank.
#ifndef FIRMWARE_BENCH_FMC_H
#define FIRMWARE_BENCH_FMC_H

#include "../model.h"

#define SDRAM_BASE (0xd0000000u)
#define SDRAM_BYTES (32u << 20)

model_t *fmc_model(void);

// Can it be read and written now, with what is in it kept? False before its initialisation, without its clock, in
// power-down, or after its rows went without a refresh for too long.
bool fmc_sdram_ready(void);

// An access to it: says what is missing, once until that changes. Ends self-refresh (RM0399, "Self-refresh mode").
void fmc_sdram_access(uint32_t address);

#endif
