#ifndef FAKE_MPHAL_H
#define FAKE_MPHAL_H

#include <stdint.h>

uint32_t mp_hal_ticks_us(void);
void mp_hal_delay_us(uint32_t us);
void clean_dcache(uintptr_t address, uint32_t bytes);
#define MP_HAL_CLEAN_DCACHE(address, bytes) clean_dcache(address, bytes)

#endif
