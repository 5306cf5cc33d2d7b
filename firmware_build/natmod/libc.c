// What gcc and the core call in libc: a native module is linked against none.
#include "py/dynruntime.h"

#include <string.h>

void *memcpy(void *restrict to, const void *restrict from, size_t count) {
    return mp_fun_table.memmove_(to, from, count);
}

void *memset(void *to, int byte, size_t count) {
    return mp_fun_table.memset_(to, byte, count);
}

size_t strlen(const char *text) {
    const char *end = text;
    while (*end) {
        ++end;
    }
    return (size_t)(end - text);
}

int strcmp(const char *a, const char *b) {
    while (*a && *a == *b) {
        ++a;
        ++b;
    }
    return (unsigned char)*a - (unsigned char)*b;
}
