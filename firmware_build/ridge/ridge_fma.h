// fmaf() where the processor has no such instruction and the C library's is slow: WebAssembly. The same bits.
//
// The product of two floats is exact in a double. Its sum with the third is rounded to 53 bits, then to 24: twice, which
// is wrong only where the first rounding has hidden on which side of a half the sum lies. So where the sum looks like a
// half of what a float holds, or is smaller than a normal float, which has fewer bits, it is rounded to odd instead: where
// it is inexact, its last bit is 1 and stands for all that was cut.
#ifndef RIDGE_FMA_H
#define RIDGE_FMA_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#define RIDGE_CUT (UINT64_C(0x1fffffff)) // the bits of a double that a float lacks
#define RIDGE_HALF (UINT64_C(0x10000000))

static inline double ridge_sum_to_odd(double a, double b) {
    double sum = a + b;
    const double part = sum - a;
    const double error = (a - (sum - part)) + (b - part);
    uint64_t bits;
    memcpy(&bits, &sum, sizeof bits);
    if (error != 0.0 && isfinite(sum) && !(bits & 1)) {
        bits = (error > 0.0) == (sum > 0.0) ? bits + 1 : bits - 1;
        memcpy(&sum, &bits, sizeof bits);
    }
    return sum;
}

static inline float ridge_fmaf(float a, float b, float c) {
    const double product = (double)a * (double)b;
    const double sum = product + (double)c;
    uint64_t bits;
    memcpy(&bits, &sum, sizeof bits);
    if ((bits & RIDGE_CUT) == RIDGE_HALF || (fabs(sum) < 0x1p-126 && sum != 0.0)) {
        return (float)ridge_sum_to_odd(product, (double)c);
    }
    return (float)sum;
}

#endif
