// ridge_fmaf() against the C library's fmaf(): random triples, and those that were made to be hard to round. Prints how
// many there were; ends with status 1 and the first that differs.
#include "ridge_fma.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t state = 1;

static uint32_t number(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 16);
}

static float from_bits(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static float near_one(int exponents) {
    return ldexpf(1.0f + (float)(number() & 0x7fffff) * 0x1p-23f, (int)(number() % (unsigned)exponents) - exponents / 2)
        * (number() & 1 ? 1.0f : -1.0f);
}

int main(int argc, char **argv) {
    const long count = argc > 1 ? strtol(argv[1], NULL, 10) : 1000000;
    long twice = 0;
    for (long i = 0; i < count; ++i) {
        float a = from_bits(number()), b = from_bits(number()), c = from_bits(number());
        switch (i % 6) {
            case 0: // any bits at all: infinities, what is no number, tiny ones
                break;
            case 1: // of like size
                a = near_one(8), b = near_one(8), c = near_one(16);
                break;
            case 2: // the sum is about half of what a float holds
                a = near_one(2), b = 1.0f + (float)(number() % 8) * 0x1p-23f;
                c = ldexpf(near_one(2), (int)(number() % 60) - 30);
                break;
            case 3: // few bits, so that halves are met exactly
                a = (float)(number() % 4096), b = (float)(number() % 8193) * 0x1p-12f, c = (float)(number() % 0x1000000);
                break;
            case 4: // results that are smaller than normal floats
                a = ldexpf(near_one(4), -70), b = ldexpf(near_one(4), -60), c = from_bits(number() & 0x80ffffff);
                break;
            default: // half of the last bit of c and a trifle: only the trifle says where to round to
                a = near_one(2), b = i % 12 == 5 ? (2.0f - a) : 1.0f / a;
                c = near_one(2);
                a = ldexpf(a, -24), c = copysignf(1.0f + fabsf(c) - floorf(fabsf(c)), c);
        }
        const float want = fmaf(a, b, c), got = ridge_fmaf(a, b, c);
        twice += (float)((double)a * (double)b + (double)c) != want && want == want;
        if (memcmp(&want, &got, sizeof want) != 0 && !(want != want && got != got)) {
            printf("%a * %a + %a: want %a, got %a\n", (double)a, (double)b, (double)c, (double)want, (double)got);
            return 1;
        }
    }
    printf("%ld triples, %ld of them wrong if rounded twice\n", count, twice);
    return 0;
}
