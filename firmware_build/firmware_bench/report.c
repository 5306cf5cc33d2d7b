// The bench's output: violations with their place, and its own failures.
#include "bench.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEPT = 256 };
static struct {
    uint32_t at;
    char text[160];
} reported[KEPT];
static unsigned reported_count, violations;
static FILE *out;

void report_open(const char *path) {
    out = path ? fopen(path, "a") : stderr;
    if (!out) {
        fail("%s cannot be written", path);
    }
    setvbuf(out, NULL, _IOLBF, 0);
}

void report_line(const char *format, ...) {
    va_list args;
    va_start(args, format);
    vfprintf(out ? out : stderr, format, args);
    va_end(args);
    fputc('\n', out ? out : stderr);
}

void fail(const char *format, ...) {
    va_list args;
    va_start(args, format);
    fputs("firmware_bench: ", stderr);
    vfprintf(stderr, format, args);
    va_end(args);
    fputs(".\n", stderr);
    exit(2);
}

unsigned report_violations(void) {
    return violations;
}

void report_coverage(void) {
    bus_coverage(out);
}

// The same at the same place is reported once. After KEPT of them all others are only counted: a loop that breaks a rule
// at ever other addresses would print without end.
void bench_violation(const char *format, ...) {
    char text[160];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    violations++;
    bus_find_instruction();
    for (unsigned i = 0; i < reported_count; i++) {
        if (reported[i].at == instruction_at && strcmp(reported[i].text, text) == 0) {
            return;
        }
    }
    if (reported_count == KEPT) {
        return;
    }
    reported[reported_count].at = instruction_at;
    memcpy(reported[reported_count++].text, text, sizeof(text));
    static char place[512];
    static uint32_t place_at; // a loop asks for the same one again and again, and addr2line takes its time
    if (!place[0] || place_at != instruction_at) {
        place_at = instruction_at;
        symbols_place(instruction_at, place, sizeof(place));
    }
    report_line("violation: %s; at 0x%08x in %s, after %.6f s", text, (unsigned)instruction_at, place,
        (double)bench_now_ns() / 1e9);
    if (reported_count == KEPT) {
        report_line("violations: %u were printed; further ones are only counted", (unsigned)KEPT);
    }
}
