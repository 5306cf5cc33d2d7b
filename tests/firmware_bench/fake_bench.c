#include "fake_bench.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t now_ns;
char violation[200];

void clean(void) {
    violation[0] = '\0';
}

uint64_t bench_now_ns(void) {
    return now_ns;
}

void bench_violation(const char *format, ...) {
    if (violation[0] == '\0') {
        va_list args;
        va_start(args, format);
        vsnprintf(violation, sizeof(violation), format, args);
        va_end(args);
    }
}

void wait_ns(model_t *model, uint64_t ns) {
    now_ns += ns;
    if (model != NULL && model->advance != NULL) {
        model->advance(model, now_ns);
    }
}

void check(bool met, const char *what, int line) {
    if (!met) {
        printf("line %d: not so: %s\nviolation: %s\n", line, what, violation);
        exit(1);
    }
}

void check_broke(const char *words, int line) {
    if (words == NULL ? violation[0] != '\0' : strstr(violation, words) == NULL) {
        printf("line %d: wanted %s\ngot: %s\n", line, words ? words : "no violation", violation);
        exit(1);
    }
    clean();
}
