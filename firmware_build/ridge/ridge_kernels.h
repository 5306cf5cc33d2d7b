// What the files of the core share. First the inner loops, in three sets that give the same bits: `ridge_plain` is C to read, `ridge_m7` is for Arm cores
// with DSP instructions and fused multiply-add (Cortex-M4F, M7), `ridge_wasm` for WebAssembly. Everything outside these loops is shared.
#ifndef RIDGE_KERNELS_H
#define RIDGE_KERNELS_H

#include "ridge.h"

#include <math.h>

#ifdef __wasm__
#include "ridge_fma.h"
#define fmaf ridge_fmaf
#endif

#define RIDGE_POOL_SIDE (6) // sums of 36 relus, each below 2^26, fit 32 bits

// A patch layer: w (q,36), bias (q).
struct ridge_filters {
    const int16_t *w;
    const int32_t *bias;
    size_t q;
    int32_t threshold;
};

struct ridge_kernels {
    const char *name;
    // g packed (m,m) += sign * x^T x, x (count,m), count from 1 to RIDGE_BATCH. work: ridge_gram_work_len(m).
    void (*gram)(const int16_t *x, size_t count, size_t m, int32_t sign, int32_t *g, int16_t *work);
    // Rows first..last-1 of k packed = x x^T, x (last,m), last - first <= RIDGE_PANEL. work: ridge_kernel_work_len(m).
    void (*kernel)(const int16_t *x, size_t first, size_t last, size_t m, int32_t *k, int16_t *work);
    // z (n,q) = x w^T, x (n,m), w (q,m), n <= RIDGE_ROWS. work: ridge_kernel_work_len(m), none for
    // n < 4.
    void (*product)(const int16_t *x, size_t n, size_t m, const int16_t *w, size_t q, int32_t *z, int16_t *work);
    // Panel rows start..m-1 of L y = b, in place; rows below start are zero and are not read. k ascends. Of the panel
    // columns 0..columns-1 are wanted; the others are finite and may hold anything then. room: another such panel.
    void (*forward)(const float *l, size_t start, size_t m, size_t columns, float *b, float *room);
    // Panel L^T x = y, in place. k descends.
    void (*backward)(const float *l, size_t m, size_t columns, float *b, float *room);
    // sum (PANEL,PANEL), lower triangle: sum[r][s] -= b[k][r] * b[k][s] over the m rows of the panel b, k ascending.
    void (*square)(const float *b, size_t m, float *sum);
    // out (m,p) = x^T c, x (n,m), c (n,p).
    void (*combine)(const int16_t *x, size_t n, size_t m, const float *c, size_t p, float *out);
    // room: the filters as pool wants them. RIDGE_POOL_ROOM(q) words.
    void (*pack_filters)(const struct ridge_filters *by, uint32_t *room);
    // sums (2q): of relu(z - threshold), then of relu(-z - threshold), over the patches at rows x columns places, both at
    // most RIDGE_POOL_SIDE, the first of them at x, whose rows are `width` apart.
    void (*pool)(const int16_t *x, size_t width, size_t rows, size_t columns, const struct ridge_filters *by,
        uint32_t *room, uint32_t *sums);
};

extern const struct ridge_kernels ridge_plain;
#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FEATURE_FMA) && defined(__thumb2__)
#define RIDGE_HAS_M7 (1)
extern const struct ridge_kernels ridge_m7;
#define RIDGE_BEST ridge_m7
#elif defined(__wasm_simd128__)
#define RIDGE_HAS_WASM (1)
extern const struct ridge_kernels ridge_wasm;
#define RIDGE_BEST ridge_wasm
#else
#define RIDGE_BEST ridge_plain
#endif

// The set in use: the one global of the core. All sets give the same bits, so it may change at any time.
extern const struct ridge_kernels *ridge_kernels;

// Whether |w.f + v| stays below 7e8 for all rows, so that products fit int32 and 16 squares fit int64.
int ridge_goodness_fits(const int16_t *f, size_t n, size_t m, const int16_t *w, const int32_t *v, size_t classes);

int64_t ridge_largest_square(const int16_t *x, size_t count);

uint64_t ridge_square_sum(const int16_t *x, size_t m);

int ridge_all_finite(const float *x, size_t count);

// To round, this is added and the sum cut to an integer: halves go away from zero. With 0.5 itself 0.49999997f would give 1.
#define RIDGE_BELOW_HALF (0x1.fffffep-2f)

static inline int16_t ridge_round_signed(float value) {
    return (int16_t)(int32_t)(value < 0.0f ? value - RIDGE_BELOW_HALF : value + RIDGE_BELOW_HALF);
}

static inline int16_t ridge_round_unit(float value) {
    return (int16_t)(int32_t)(value + RIDGE_BELOW_HALF); // value >= 0
}

// What scales a vector to length 512, from the sum of its squares.
static inline float ridge_unit_scale(float sum_of_squares) {
    return (float)RIDGE_UNIT / sqrtf(sum_of_squares);
}

// Add of int32 that wraps: where images are taken away that were never added a sum may leave int32, and adding them
// again must give back what was there.
static inline int32_t ridge_add(int32_t a, int32_t sign, int32_t b) {
    return (int32_t)((uint32_t)a + (uint32_t)sign * (uint32_t)b);
}

#endif
