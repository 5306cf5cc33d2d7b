// Time: TIMER0 counts 25 MHz in 32 bits and wraps after 172 s, so one half of the dual timer counts every 256th tick beside
// it and tells how often. Its other half ends naps.
//
// With `-icount shift=6` QEMU lets 64 ns pass for each instruction, 1.6 ticks: ticks then count instructions, the same
// number in every run.
#include "board.h"
#include "py/mphal.h"
#include "py/runtime.h"

#define TIMER0 0x40000000
#define DUAL1 0x40002000
#define DUAL2 0x40002020
enum { CTRL = 0x0, VALUE = 0x4, RELOAD = 0x8 };                               // of TIMER0
enum { DUAL_LOAD = 0x0, DUAL_VALUE = 0x4, DUAL_CONTROL = 0x8, DUAL_CLEAR = 0xc }; // of each half
enum { ONE_SHOT = 1, WIDE = 2, BY_256 = 8, INTERRUPT = 0x20, ENABLE = 0x80 }; // DUAL_CONTROL
#define HZ 25000000

static uint32_t fine_start, coarse_last;
static uint64_t coarse; // in 256 ticks
static uint64_t first;  // what ticks_instructions() counts from
static bool counting;

void ticks_start(void) {
    REG(TIMER0 + RELOAD) = UINT32_MAX;
    REG(TIMER0 + VALUE) = UINT32_MAX;
    REG(TIMER0 + CTRL) = 1;
    REG(DUAL1 + DUAL_LOAD) = UINT32_MAX;
    REG(DUAL1 + DUAL_CONTROL) = WIDE | BY_256 | ENABLE;
    fine_start = ~REG(TIMER0 + VALUE);
    coarse_last = ~REG(DUAL1 + DUAL_VALUE);
    coarse = 0;
    irq_enable(10);
}

// Must be asked at least every 12 hours; any time function does.
uint64_t ticks_now(void) {
    const uint32_t fine = ~REG(TIMER0 + VALUE) - fine_start;
    const uint32_t now = ~REG(DUAL1 + DUAL_VALUE);
    coarse += (uint32_t)(now - coarse_last);
    coarse_last = now;
    // The number that ends in `fine` and is nearest to what the coarse counter says.
    const uint64_t about = coarse * 256;
    return about + (uint64_t)(int64_t)(int32_t)(fine - (uint32_t)about);
}

// 5 instructions are 8 ticks, and where within a tick the count began depends on when the machine last woke. Five readings,
// an instruction apart, meet every such place once: their sum is 8 for each instruction, exactly.
uint64_t ticks_instructions(void) {
    const uint64_t now = ticks_now();
    uint32_t at[5];
    __asm volatile (
        "ldr %0, [%5]\n ldr %1, [%5]\n ldr %2, [%5]\n ldr %3, [%5]\n ldr %4, [%5]\n"
        : "=&r" (at[0]), "=&r" (at[1]), "=&r" (at[2]), "=&r" (at[3]), "=&r" (at[4]) : "r" (TIMER0 + VALUE));
    uint64_t sum = 5 * now;
    for (int i = 0; i < 5; ++i) {
        sum += ~at[i] - fine_start - (uint32_t)now;
    }
    if (!counting) {
        counting = true;
        first = sum;
    }
    return (sum - first) / 8;
}

void ticks_restart(void) {
    counting = false;
}

// A loop of a known number of instructions takes exactly its ticks, or nobody counts.
bool ticks_counted(void) {
    uint32_t loops = 4000;
    const uint32_t start = ~REG(TIMER0 + VALUE);
    __asm volatile ("1: subs %0, #1\n bne 1b" : "+r" (loops) : : "cc");
    const uint32_t took = ~REG(TIMER0 + VALUE) - start;
    const uint32_t wanted = 2 * 4000 * 8 / 5;
    return took >= wanted && took < wanted + 32;
}

mp_uint_t mp_hal_ticks_ms(void) {
    return (mp_uint_t)(ticks_now() / (HZ / 1000));
}

mp_uint_t mp_hal_ticks_us(void) {
    return (mp_uint_t)(ticks_now() / (HZ / 1000000));
}

mp_uint_t mp_hal_ticks_cpu(void) { // instructions, where they are counted
    return (mp_uint_t)ticks_instructions();
}

uint64_t mp_hal_time_ns(void) { // since power-on: there is no clock that keeps the date
    return ticks_now() * (1000000000 / HZ);
}

void nap_irq(void) {
    REG(DUAL2 + DUAL_CLEAR) = 1;
}

// Until an interrupt, or for this long, at most 10 ms; so one that comes just before costs no more.
static void nap(uint64_t ticks) {
    const uint64_t most = HZ / 100;
    REG(DUAL2 + DUAL_CONTROL) = 0;
    REG(DUAL2 + DUAL_LOAD) = (uint32_t)(ticks < 1 ? 1 : ticks < most ? ticks : most);
    REG(DUAL2 + DUAL_CONTROL) = ONE_SHOT | WIDE | INTERRUPT | ENABLE;
    wait_for_interrupt();
    REG(DUAL2 + DUAL_CONTROL) = 0;
}

void board_nap(int timeout_ms) {
    nap(timeout_ms < 0 ? HZ : (uint64_t)timeout_ms * (HZ / 1000));
}

void mp_hal_delay_us(mp_uint_t us) {
    const uint64_t end = ticks_now() + (uint64_t)us * (HZ / 1000000);
    for (;;) {
        mp_handle_pending(true);
        const uint64_t now = ticks_now();
        if (now >= end) {
            return;
        }
        nap(end - now);
    }
}

void mp_hal_delay_ms(mp_uint_t ms) {
    const uint64_t end = ticks_now() + (uint64_t)ms * (HZ / 1000);
    for (;;) {
        mp_handle_pending(true);
        const uint64_t now = ticks_now();
        if (now >= end) {
            return;
        }
        nap(end - now);
    }
}
