// What gcc and the core call in libm and libgcc: a native module is linked against neither. Each is correctly rounded, so
// the bits are those of the real ones. sqrtf() is an instruction on every processor this is built for. Plain C: a test on
// the host compares it with the host's.
#include <math.h>
#include <stdint.h>

union binary32 {
    float value;
    uint32_t bits;
};

static inline float power_of_2(int exponent) { // -126 to 127
    return (union binary32) {.bits = (uint32_t)(exponent + 127) << 23}.value;
}

float frexpf(float x, int *exponent) {
    union binary32 u = {x};
    *exponent = 0;
    if (x == 0.0f || (u.bits >> 23 & 0xff) == 0xff) {
        return x;
    }
    if ((u.bits >> 23 & 0xff) == 0) { // denormal
        u.value = x * 0x1p64f;
        *exponent = -64;
    }
    *exponent += (int)(u.bits >> 23 & 0xff) - 126;
    u.bits = (u.bits & 0x807fffff) | 126u << 23;
    return u.value;
}

float ldexpf(float x, int exponent) {
    int left = exponent > 300 ? 300 : exponent < -400 ? -400 : exponent; // further is 0 or infinity all the same
    for (; left > 127; left -= 127) {
        x *= 0x1p127f;
    }
    // 24 bits short of the smallest, so that what this step rounds is 0 after the last one.
    for (; left < -126; left += 102) {
        x *= 0x1p-102f;
    }
    return x * power_of_2(left);
}

#ifndef __FP_FAST_FMAF // no instruction for it

// a * b + c with one rounding. The product is exact in a double. The sum is rounded to odd there, which leaves the last of
// 53 bits to say that more follows, so that rounding to 24 bits is as if from the exact sum.
float fmaf(float a, float b, float c) {
    const double product = (double)a * (double)b;
    union {
        double value;
        uint64_t bits;
    } sum = {product + (double)c};
    const double other = sum.value - product;
    const double error = (product - (sum.value - other)) + ((double)c - other); // exact (Knuth)
    if ((error > 0.0 || error < 0.0) && !(sum.bits & 1)) {
        sum.bits += (error > 0.0) == (sum.value > 0.0) ? 1 : -1;
    }
    return (float)sum.value;
}

#endif

// 64-bit integers to float. The M4F and M7 have instructions for 32 bits: the highest 32, the last of them set if anything
// follows, which is all that rounding to 24 bits can see.
static float float_of_uint64(uint64_t value) {
    const uint32_t high = (uint32_t)(value >> 32);
    if (high == 0) {
        return (float)(uint32_t)value;
    }
    const int shift = 32 - __builtin_clz(high);
    const uint32_t top = (uint32_t)(value >> shift) | (value << (64 - shift) != 0);
    return (float)top * power_of_2(shift);
}

#ifdef __arm__
#define RUNTIME_ABI __attribute__((pcs("aapcs"))) // results in core registers, whatever the module's own convention
#else
#define RUNTIME_ABI
#endif

RUNTIME_ABI float __aeabi_ul2f(uint64_t value) {
    return float_of_uint64(value);
}

RUNTIME_ABI float __aeabi_l2f(int64_t value) {
    return value < 0 ? -float_of_uint64(0 - (uint64_t)value) : float_of_uint64((uint64_t)value);
}
