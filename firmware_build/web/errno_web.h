// WASI numbers errors otherwise than MicroPython. Included before the files that read errno to raise an OSError, it gives
// them MicroPython's number.
#ifndef ERRNO_WEB_H
#define ERRNO_WEB_H

#include <errno.h>

int web_errno(void);
#undef errno
#define errno web_errno()

#endif
