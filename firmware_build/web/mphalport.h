// What MicroPython asks of this port, beyond py/mphal.h.
#ifndef MPHALPORT_H
#define MPHALPORT_H

#include "py/obj.h"
#include "shared/runtime/interrupt_char.h"

#define MICROPY_HAL_HAS_VT100 (1)

void mp_hal_set_interrupt_char(int c);

// Calls of the C library that may be interrupted; nothing interrupts them here.
#define MP_HAL_RETRY_SYSCALL(ret, syscall, raise) \
    do { \
        ret = syscall; \
        if (ret == -1) { \
            int err = errno; \
            raise; \
        } \
    } while (0)

#endif
