// The generator of the library (contrast.py has the same): Marsaglia's xorshift, shifts of 13, 17 and 5.
#ifndef RIDGE_RANDOM_H
#define RIDGE_RANDOM_H

#include <stdint.h>

// The next number, 0 to 2^32-1.
static inline uint32_t ridge_random_next(uint32_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

// State for a seed; the first 8 numbers are thrown away.
static inline uint32_t ridge_random_seeded(uint32_t seed) {
    uint32_t state = seed * 2654435769u + 1u;
    state = state != 0 ? state : 1;
    for (int i = 0; i < 8; ++i) {
        (void)ridge_random_next(&state);
    }
    return state;
}

#endif
