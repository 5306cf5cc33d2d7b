// Time, console, errors: MicroPython's on the module's imports.
#include <errno.h>
#include <string.h>

#include "imports.h"
#include "py/mperrno.h"
#include "py/mphal.h"
#include "py/runtime.h"
#include "py/stream.h"

#define TURN_MS (5.0) // a program runs so long before the page has its turn

static double turn;

static void wait(int timeout_ms) {
    if (import_wait(timeout_ms)) {
        mp_sched_keyboard_interrupt();
    }
    turn = import_now();
}

void web_nap(int timeout_ms) {
    wait(timeout_ms);
}

void web_yield(void) {
    if (import_now() - turn >= TURN_MS) {
        wait(0);
    }
}

// ---- time ----

mp_uint_t mp_hal_ticks_ms(void) {
    return (mp_uint_t)(uint64_t)import_now();
}

mp_uint_t mp_hal_ticks_us(void) {
    return (mp_uint_t)(uint64_t)(import_now() * 1e3);
}

mp_uint_t mp_hal_ticks_cpu(void) {
    return mp_hal_ticks_us();
}

uint64_t mp_hal_time_ns(void) {
    return (uint64_t)(import_epoch() * 1e3) * 1000;
}

void mp_hal_delay_ms(mp_uint_t ms) {
    const double end = import_now() + ms;
    double left = ms;
    do {
        mp_event_wait_ms((mp_uint_t)(left + 0.999));
        left = end - import_now();
    } while (left > 0);
    mp_handle_pending(true);
}

void mp_hal_delay_us(mp_uint_t us) {
    const double end = import_now() + us * 1e-3;
    if (us >= 1000) {
        mp_hal_delay_ms(us / 1000);
    }
    while (import_now() < end) {
    }
}

uint32_t web_random(void) {
    return import_random();
}

// ---- console ----

int mp_interrupt_char = -1;

void mp_hal_set_interrupt_char(int c) {
    mp_interrupt_char = c;
    import_interrupt(c);
}

int mp_hal_stdin_rx_chr(void) {
    for (;;) {
        const int c = import_read();
        if (c >= 0) {
            return c;
        }
        mp_handle_pending(true);
        wait(-1);
    }
}

uintptr_t mp_hal_stdio_poll(uintptr_t poll_flags) {
    return (poll_flags & MP_STREAM_POLL_RD && import_readable() ? MP_STREAM_POLL_RD : 0) | (poll_flags & MP_STREAM_POLL_WR);
}

mp_uint_t mp_hal_stdout_tx_strn(const char *text, size_t length) {
    import_write(text, length);
    return length;
}

// ---- errors ----

#undef errno
extern _Thread_local int errno; // WASI's

int web_errno(void) {
    switch (errno) {
        case ENOENT: return MP_ENOENT;
        case EIO: return MP_EIO;
        case EBADF: return MP_EBADF;
        case EACCES: return MP_EACCES;
        case EPERM: return MP_EPERM;
        case EEXIST: return MP_EEXIST;
        case ENODEV: return MP_ENODEV;
        case ENOTDIR: return MP_ENOTDIR;
        case EISDIR: return MP_EISDIR;
        case EINVAL: return MP_EINVAL;
        case EFBIG: return MP_EFBIG;
        case ENOSPC: return MP_ENOSPC;
        case ESPIPE: return MP_ESPIPE;
        case EROFS: return MP_EROFS;
        case ENOMEM: return MP_ENOMEM;
        case ENOTEMPTY: return 39; // Linux's
        case ENAMETOOLONG: return 36;
        case EXDEV: return 18;
        case ELOOP: return 40;
        default: return MP_EIO;
    }
}

void nlr_jump_fail(void *value) {
    (void)value;
    static const char text[] = "FATAL: an exception that nobody catches\r\n";
    import_write(text, sizeof(text) - 1);
    __builtin_trap();
}
