// One clock for all, for models tested without that of the RCC.
#include "fake_bench.h"

uint32_t fake_hz = 200000000;
bool fake_clock_on = true;

void bench_irq(unsigned number, bool level) {
    (void)number;
    (void)level;
}

bool bench_clock_on(unsigned peripheral) {
    (void)peripheral;
    return fake_clock_on;
}

uint32_t bench_clock_hz(unsigned clock) {
    (void)clock;
    return fake_hz;
}
