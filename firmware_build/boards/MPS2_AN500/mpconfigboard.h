// The qemu port's configuration with what it leaves out: time, Ctrl-C, binary stdio, a file system.
#include "mpconfigport.h"

#undef MICROPY_PY_TIME
#define MICROPY_PY_TIME (1)
#undef MICROPY_PY_SELECT
#define MICROPY_PY_SELECT (1)
#undef MICROPY_PY_ASYNCIO
#define MICROPY_PY_ASYNCIO (1)
#undef MICROPY_PY_SYS_STDIO_BUFFER
#define MICROPY_PY_SYS_STDIO_BUFFER (1)

#define MICROPY_KBD_EXCEPTION (1)
#define MICROPY_PY_OS_SYNC (1)
#define MICROPY_PY_OS_UNAME (1)
#define MICROPY_HW_ENABLE_USB (0)
#define MICROPY_REPL_STDIN_BUFFER_MAX (2048) // the ring of console.c holds as much

void board_nap(int timeout_ms);
#define MICROPY_INTERNAL_WFE(timeout_ms) board_nap(timeout_ms)
