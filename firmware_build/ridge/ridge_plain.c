// The plain kernels: C99 that says what is computed and in which order. Loops are shaped so that gcc vectorises them for
// x86 and aarch64; ridge_m7.c has the same sums in the registers of a Cortex-M7.
#include "ridge_kernels.h"

#include <math.h>
#include <string.h>

#define P RIDGE_PANEL
#define TILE (4) // rows solved together: 4 x 16 sums stay in registers

// ---- integers: exact, so the order is free ----

static inline int32_t dot(const int16_t *a, const int16_t *b, size_t m) {
    int32_t sum = 0;
    for (size_t i = 0; i < m; ++i) {
        sum += (int32_t)a[i] * b[i];
    }
    return sum;
}

static void gram(const int16_t *x, size_t count, size_t m, int32_t sign, int32_t *g, int16_t *work) {
    // Transposed first: the images side by side for each pixel, filled up with zeros to whole vectors.
    const size_t width = (count + 15) / 16 * 16;
    for (size_t i = 0; i < m; ++i) {
        int16_t *row = work + i * RIDGE_BATCH;
        for (size_t s = 0; s < count; ++s) {
            row[s] = x[s * m + i];
        }
        memset(row + count, 0, (width - count) * sizeof *row);
    }
    for (size_t i = 0; i < m; ++i) {
        for (size_t j = 0; j <= i; ++j) {
            *g = ridge_add(*g, sign, dot(work + i * RIDGE_BATCH, work + j * RIDGE_BATCH, width));
            ++g;
        }
    }
}

static void kernel(const int16_t *x, size_t first, size_t last, size_t m, int32_t *k, int16_t *work) {
    (void)work;
    for (size_t i = first; i < last; ++i) {
        int32_t *row = k + ridge_packed_len(i);
        for (size_t j = 0; j <= i; ++j) {
            row[j] = dot(x + i * m, x + j * m, m);
        }
    }
}

static void product(const int16_t *x, size_t n, size_t m, const int16_t *w, size_t q, int32_t *z, int16_t *work) {
    (void)work;
    for (size_t i = 0; i < n; ++i) {
        for (size_t j = 0; j < q; ++j) {
            z[i * q + j] = dot(x + i * m, w + j * m, m);
        }
    }
}

static void pack_filters(const struct ridge_filters *by, uint32_t *room) {
    (void)by;
    (void)room;
}

static void pool(const int16_t *x, size_t width, size_t rows, size_t columns, const struct ridge_filters *by,
    uint32_t *room, uint32_t *sums) {
    (void)room;
    memset(sums, 0, 2 * by->q * sizeof *sums);
    for (size_t r = 0; r < rows; ++r) {
        for (size_t c = 0; c < columns; ++c) {
            int16_t patch[RIDGE_PATCH_LEN];
            for (size_t k = 0; k < RIDGE_PATCH; ++k) {
                memcpy(patch + k * RIDGE_PATCH, x + (r + k) * width + c, RIDGE_PATCH * sizeof *patch);
            }
            for (size_t j = 0; j < by->q; ++j) {
                const int32_t z = dot(patch, by->w + j * RIDGE_PATCH_LEN, RIDGE_PATCH_LEN) - by->bias[j];
                sums[j] += z > by->threshold ? (uint32_t)(z - by->threshold) : 0;
                sums[by->q + j] += -z > by->threshold ? (uint32_t)(-z - by->threshold) : 0;
            }
        }
    }
}

// ---- floats: one fixed order for each element ----

static inline const float *packed_row(const float *l, size_t i) {
    return l + ridge_packed_len(i);
}

// sum (P) += a * y (P). Inlined into loops over k with the sums in named arrays, so that gcc keeps them in registers.
static inline void add_scaled(float *restrict sum, float a, const float *restrict y) {
    for (size_t c = 0; c < P; ++c) {
        sum[c] = fmaf(a, y[c], sum[c]);
    }
}

static inline void scale(float *restrict sum, float a) {
    for (size_t c = 0; c < P; ++c) {
        sum[c] *= a;
    }
}

// Panel rows start..m-1 of L y = b, in place; rows below start are zero and are not read.
static void forward(const float *l, size_t start, size_t m, size_t columns, float *b, float *room) {
    (void)room;
    (void)columns;
    size_t i = start;
    for (; i + TILE <= m; i += TILE) {
        const float *l0 = packed_row(l, i), *l1 = packed_row(l, i + 1);
        const float *l2 = packed_row(l, i + 2), *l3 = packed_row(l, i + 3);
        float *tile = b + i * P;
        float s0[P], s1[P], s2[P], s3[P];
        memcpy(s0, tile, sizeof s0);
        memcpy(s1, tile + P, sizeof s1);
        memcpy(s2, tile + 2 * P, sizeof s2);
        memcpy(s3, tile + 3 * P, sizeof s3);
        for (size_t k = start; k < i; ++k) {
            const float *y = b + k * P;
            add_scaled(s0, -l0[k], y);
            add_scaled(s1, -l1[k], y);
            add_scaled(s2, -l2[k], y);
            add_scaled(s3, -l3[k], y);
        }
        scale(s0, l0[i]);
        add_scaled(s1, -l1[i], s0);
        scale(s1, l1[i + 1]);
        add_scaled(s2, -l2[i], s0);
        add_scaled(s2, -l2[i + 1], s1);
        scale(s2, l2[i + 2]);
        add_scaled(s3, -l3[i], s0);
        add_scaled(s3, -l3[i + 1], s1);
        add_scaled(s3, -l3[i + 2], s2);
        scale(s3, l3[i + 3]);
        memcpy(tile, s0, sizeof s0);
        memcpy(tile + P, s1, sizeof s1);
        memcpy(tile + 2 * P, s2, sizeof s2);
        memcpy(tile + 3 * P, s3, sizeof s3);
    }
    for (; i < m; ++i) {
        const float *row = packed_row(l, i);
        for (size_t k = start; k < i; ++k) {
            add_scaled(b + i * P, -row[k], b + k * P);
        }
        scale(b + i * P, row[i]);
    }
}

// Panel L^T x = y, in place; k descends. The ragged rows are at the end, so that the tiles start at multiples of 4.
static void backward(const float *l, size_t m, size_t columns, float *b, float *room) {
    (void)room;
    (void)columns;
    size_t i = m;
    while (i % TILE != 0) {
        --i;
        for (size_t k = m; k-- > i + 1;) {
            add_scaled(b + i * P, -packed_row(l, k)[i], b + k * P);
        }
        scale(b + i * P, packed_row(l, i)[i]);
    }
    while (i > 0) {
        i -= TILE;
        float *tile = b + i * P;
        float s0[P], s1[P], s2[P], s3[P];
        memcpy(s0, tile, sizeof s0);
        memcpy(s1, tile + P, sizeof s1);
        memcpy(s2, tile + 2 * P, sizeof s2);
        memcpy(s3, tile + 3 * P, sizeof s3);
        for (size_t k = m; k-- > i + TILE;) {
            const float *column = packed_row(l, k) + i, *x = b + k * P;
            add_scaled(s0, -column[0], x);
            add_scaled(s1, -column[1], x);
            add_scaled(s2, -column[2], x);
            add_scaled(s3, -column[3], x);
        }
        const float *l0 = packed_row(l, i) + i, *l1 = packed_row(l, i + 1) + i;
        const float *l2 = packed_row(l, i + 2) + i, *l3 = packed_row(l, i + 3) + i;
        scale(s3, l3[3]);
        add_scaled(s2, -l3[2], s3);
        scale(s2, l2[2]);
        add_scaled(s1, -l3[1], s3);
        add_scaled(s1, -l2[1], s2);
        scale(s1, l1[1]);
        add_scaled(s0, -l3[0], s3);
        add_scaled(s0, -l2[0], s2);
        add_scaled(s0, -l1[0], s1);
        scale(s0, l0[0]);
        memcpy(tile, s0, sizeof s0);
        memcpy(tile + P, s1, sizeof s1);
        memcpy(tile + 2 * P, s2, sizeof s2);
        memcpy(tile + 3 * P, s3, sizeof s3);
    }
}

static void square(const float *b, size_t m, float *sum) {
    for (size_t r = 0; r < P; r += TILE) {
        float s0[P], s1[P], s2[P], s3[P];
        memcpy(s0, sum + r * P, sizeof s0);
        memcpy(s1, sum + (r + 1) * P, sizeof s1);
        memcpy(s2, sum + (r + 2) * P, sizeof s2);
        memcpy(s3, sum + (r + 3) * P, sizeof s3);
        for (size_t k = 0; k < m; ++k) {
            const float *y = b + k * P;
            add_scaled(s0, -y[r], y);
            add_scaled(s1, -y[r + 1], y);
            add_scaled(s2, -y[r + 2], y);
            add_scaled(s3, -y[r + 3], y);
        }
        memcpy(sum + r * P, s0, sizeof s0);
        memcpy(sum + (r + 1) * P, s1, sizeof s1);
        memcpy(sum + (r + 2) * P, s2, sizeof s2);
        memcpy(sum + (r + 3) * P, s3, sizeof s3);
    }
}

static void combine(const int16_t *x, size_t n, size_t m, const float *c, size_t p, float *out) {
    for (size_t j = 0; j < m; j += TILE) {
        const size_t features = m - j < TILE ? m - j : TILE;
        for (size_t q = 0; q < p; q += P) {
            const size_t columns = p - q < P ? p - q : P;
            float s0[P] = {0}, s1[P] = {0}, s2[P] = {0}, s3[P] = {0};
            float coefficient[P] = {0};
            for (size_t i = 0; i < n; ++i) {
                const int16_t *row = x + i * m + j;
                memcpy(coefficient, c + i * p + q, columns * sizeof *coefficient);
                add_scaled(s0, (float)row[0], coefficient);
                if (features == TILE) {
                    add_scaled(s1, (float)row[1], coefficient);
                    add_scaled(s2, (float)row[2], coefficient);
                    add_scaled(s3, (float)row[3], coefficient);
                } else {
                    add_scaled(s1, features > 1 ? (float)row[1] : 0.0f, coefficient);
                    add_scaled(s2, features > 2 ? (float)row[2] : 0.0f, coefficient);
                }
            }
            const float *sums[TILE] = {s0, s1, s2, s3};
            for (size_t f = 0; f < features; ++f) {
                memcpy(out + (j + f) * p + q, sums[f], columns * sizeof *out);
            }
        }
    }
}

const struct ridge_kernels ridge_plain = {
    .name = "plain",
    .gram = gram,
    .kernel = kernel,
    .product = product,
    .forward = forward,
    .backward = backward,
    .square = square,
    .combine = combine,
    .pack_filters = pack_filters,
    .pool = pool,
};
