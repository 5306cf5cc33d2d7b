// The kernels for WebAssembly with vectors of 128 bits: the float sums of ridge_plain.c, four columns and four rows at a
// time, in the same order and so with the same bits. It has no fused multiply-add; see ridge_fma.h. Integers go by dot
// products of eight.
#include "ridge_kernels.h"

#ifdef RIDGE_HAS_WASM

#include <string.h>
#include <wasm_simd128.h>

#define P RIDGE_PANEL
#define TILE (4)
#define COLUMNS (4)

// ---- integers: exact, so the order is free ----

static inline int32_t dot(const int16_t *a, const int16_t *b, size_t m) {
    v128_t sum = wasm_i32x4_const_splat(0);
    size_t i = 0;
    for (; i + 8 <= m; i += 8) {
        sum = wasm_i32x4_add(sum, wasm_i32x4_dot_i16x8(wasm_v128_load(a + i), wasm_v128_load(b + i)));
    }
    int32_t all = wasm_i32x4_extract_lane(sum, 0) + wasm_i32x4_extract_lane(sum, 1) + wasm_i32x4_extract_lane(sum, 2)
        + wasm_i32x4_extract_lane(sum, 3);
    for (; i < m; ++i) {
        all += (int32_t)a[i] * b[i];
    }
    return all;
}

// out[c] = dot(a, b + c * m, m) for four c.
static inline void four_dots(const int16_t *a, const int16_t *b, size_t m, int32_t *out) {
    v128_t s0 = wasm_i32x4_const_splat(0), s1 = s0, s2 = s0, s3 = s0;
    size_t i = 0;
    for (; i + 8 <= m; i += 8) {
        const v128_t x = wasm_v128_load(a + i);
        s0 = wasm_i32x4_add(s0, wasm_i32x4_dot_i16x8(x, wasm_v128_load(b + i)));
        s1 = wasm_i32x4_add(s1, wasm_i32x4_dot_i16x8(x, wasm_v128_load(b + m + i)));
        s2 = wasm_i32x4_add(s2, wasm_i32x4_dot_i16x8(x, wasm_v128_load(b + 2 * m + i)));
        s3 = wasm_i32x4_add(s3, wasm_i32x4_dot_i16x8(x, wasm_v128_load(b + 3 * m + i)));
    }
    // Transposed and added.
    const v128_t a01 = wasm_i32x4_shuffle(s0, s1, 0, 4, 1, 5), b01 = wasm_i32x4_shuffle(s0, s1, 2, 6, 3, 7);
    const v128_t a23 = wasm_i32x4_shuffle(s2, s3, 0, 4, 1, 5), b23 = wasm_i32x4_shuffle(s2, s3, 2, 6, 3, 7);
    const v128_t s01 = wasm_i32x4_add(a01, b01), s23 = wasm_i32x4_add(a23, b23);
    int32_t sums[4];
    wasm_v128_store(sums, wasm_i32x4_add(wasm_i32x4_shuffle(s01, s23, 0, 1, 4, 5), wasm_i32x4_shuffle(s01, s23, 2, 3, 6, 7)));
    for (size_t c = 0; c < 4; ++c) {
        for (size_t k = i; k < m; ++k) {
            sums[c] += (int32_t)a[k] * b[c * m + k];
        }
        out[c] = sums[c];
    }
}

static void dots(const int16_t *a, const int16_t *b, size_t count, size_t m, int32_t *out) {
    size_t c = 0;
    for (; c + 4 <= count; c += 4) {
        four_dots(a, b + c * m, m, out + c);
    }
    for (; c < count; ++c) {
        out[c] = dot(a, b + c * m, m);
    }
}

static void gram(const int16_t *x, size_t count, size_t m, int32_t sign, int32_t *g, int16_t *work) {
    // Transposed first: the images side by side for each pixel, filled up with zeros to whole vectors.
    for (size_t i = 0; i < m; ++i) {
        int16_t *row = work + i * RIDGE_BATCH;
        for (size_t s = 0; s < count; ++s) {
            row[s] = x[s * m + i];
        }
        memset(row + count, 0, (RIDGE_BATCH - count) * sizeof *row);
    }
    for (size_t i = 0; i < m; ++i) {
        size_t j = 0;
        for (; j + 4 <= i + 1; j += 4) {
            int32_t four[4];
            four_dots(work + i * RIDGE_BATCH, work + j * RIDGE_BATCH, RIDGE_BATCH, four);
            for (size_t c = 0; c < 4; ++c, ++g) {
                *g = ridge_add(*g, sign, four[c]);
            }
        }
        for (; j <= i; ++j, ++g) {
            *g = ridge_add(*g, sign, dot(work + i * RIDGE_BATCH, work + j * RIDGE_BATCH, RIDGE_BATCH));
        }
    }
}

static void kernel(const int16_t *x, size_t first, size_t last, size_t m, int32_t *k, int16_t *work) {
    (void)work;
    for (size_t i = first; i < last; ++i) {
        dots(x + i * m, x, i + 1, m, k + ridge_packed_len(i));
    }
}

static void product(const int16_t *x, size_t n, size_t m, const int16_t *w, size_t q, int32_t *z, int16_t *work) {
    (void)work;
    for (size_t i = 0; i < n; ++i) {
        dots(x + i * m, w, q, m, z + i * q);
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

// Four sums: floats, held as doubles.
struct sums {
    v128_t low, high;
};

static inline struct sums load(const float *x) {
    const v128_t four = wasm_v128_load(x);
    return (struct sums) {wasm_f64x2_promote_low_f32x4(four),
        wasm_f64x2_promote_low_f32x4(wasm_i32x4_shuffle(four, four, 2, 3, 2, 3))};
}

static inline v128_t floats(struct sums s) {
    return wasm_i32x4_shuffle(wasm_f32x4_demote_f64x2_zero(s.low), wasm_f32x4_demote_f64x2_zero(s.high), 0, 1, 4, 5);
}

static inline void store(float *x, struct sums s) {
    wasm_v128_store(x, floats(s));
}

static inline struct sums rounded(struct sums s) {
    return (struct sums) {wasm_f64x2_promote_low_f32x4(wasm_f32x4_demote_f64x2_zero(s.low)),
        wasm_f64x2_promote_low_f32x4(wasm_f32x4_demote_f64x2_zero(s.high))};
}

// sums * a, an ordinary product of floats.
static inline struct sums scaled(struct sums s, float a) {
    float x[COLUMNS];
    wasm_v128_store(x, wasm_f32x4_mul(floats(s), wasm_f32x4_splat(a)));
    return load(x);
}

// a * y + s, not yet rounded to floats.
static inline struct sums added(struct sums s, v128_t a, struct sums y) {
    return (struct sums) {wasm_f64x2_add(wasm_f64x2_mul(a, y.low), s.low), wasm_f64x2_add(wasm_f64x2_mul(a, y.high), s.high)};
}

// Lanes that may not be rounded as they are: a half of what a float holds, or tiny but not 0 (twice its bits, so without
// the sign, less 1, as an unsigned number below those of 2^-126).
static inline v128_t doubtful_lanes(v128_t t) {
    const v128_t half = wasm_i64x2_eq(wasm_v128_and(t, wasm_i64x2_const_splat(RIDGE_CUT)), wasm_i64x2_const_splat(RIDGE_HALF));
    const v128_t size = wasm_i64x2_add(wasm_i64x2_add(t, t), wasm_i64x2_const_splat(INT64_MAX));
    const v128_t tiny = wasm_i64x2_lt(size, wasm_i64x2_const_splat((int64_t)UINT64_C(0xf01fffffffffffff)));
    return wasm_v128_or(half, tiny);
}

static inline v128_t doubtful(struct sums t) {
    return wasm_v128_or(doubtful_lanes(t.low), doubtful_lanes(t.high));
}

static v128_t exact_lanes(v128_t s, v128_t a, v128_t y) {
    double sum[2], product[2];
    wasm_v128_store(sum, s);
    wasm_v128_store(product, wasm_f64x2_mul(a, y));
    return wasm_f64x2_make(ridge_sum_to_odd(product[0], sum[0]), ridge_sum_to_odd(product[1], sum[1]));
}

static __attribute__((noinline)) struct sums exact(struct sums s, v128_t a, struct sums y) {
    return (struct sums) {exact_lanes(s.low, a, y.low), exact_lanes(s.high, a, y.high)};
}

static inline v128_t splat(float a) {
    return wasm_f64x2_splat((double)a);
}

// fmaf(a, y, s) in each lane.
static inline struct sums add_scaled(struct sums s, float a, struct sums y) {
    struct sums t = added(s, splat(a), y);
    if (wasm_v128_any_true(doubtful(t))) {
        t = exact(s, splat(a), y);
    }
    return rounded(t);
}

struct tile {
    struct sums row[TILE];
};

// The same for four rows, each with its own a.
static inline struct tile add_tile(struct tile s, float a0, float a1, float a2, float a3, struct sums y) {
    const v128_t a[TILE] = {splat(a0), splat(a1), splat(a2), splat(a3)};
    struct tile t = {{added(s.row[0], a[0], y), added(s.row[1], a[1], y), added(s.row[2], a[2], y), added(s.row[3], a[3], y)}};
    const v128_t doubt = wasm_v128_or(wasm_v128_or(doubtful(t.row[0]), doubtful(t.row[1])),
        wasm_v128_or(doubtful(t.row[2]), doubtful(t.row[3])));
    if (__builtin_expect(wasm_v128_any_true(doubt), 0)) {
        for (size_t r = 0; r < TILE; ++r) {
            t.row[r] = exact(s.row[r], a[r], y);
        }
    }
    return (struct tile) {{rounded(t.row[0]), rounded(t.row[1]), rounded(t.row[2]), rounded(t.row[3])}};
}

static inline struct tile load_tile(const float *x) {
    return (struct tile) {{load(x), load(x + P), load(x + 2 * P), load(x + 3 * P)}};
}

static inline void store_tile(float *x, const struct tile *t) {
    for (size_t r = 0; r < TILE; ++r) {
        store(x + r * P, t->row[r]);
    }
}

static inline const float *packed_row(const float *l, size_t i) {
    return l + ridge_packed_len(i);
}

static void forward(const float *l, size_t start, size_t m, size_t columns, float *b, float *room) {
    (void)room;
    size_t i = start;
    for (; i + TILE <= m; i += TILE) {
        const float *l0 = packed_row(l, i), *l1 = packed_row(l, i + 1);
        const float *l2 = packed_row(l, i + 2), *l3 = packed_row(l, i + 3);
        for (size_t c = 0; c < columns; c += COLUMNS) {
            float *const at = b + i * P + c;
            struct tile s = load_tile(at);
            for (size_t k = start; k < i; ++k) {
                s = add_tile(s, -l0[k], -l1[k], -l2[k], -l3[k], load(b + k * P + c));
            }
            struct sums *const row = s.row;
            row[0] = scaled(row[0], l0[i]);
            row[1] = scaled(add_scaled(row[1], -l1[i], row[0]), l1[i + 1]);
            row[2] = add_scaled(row[2], -l2[i], row[0]);
            row[2] = scaled(add_scaled(row[2], -l2[i + 1], row[1]), l2[i + 2]);
            row[3] = add_scaled(row[3], -l3[i], row[0]);
            row[3] = add_scaled(row[3], -l3[i + 1], row[1]);
            row[3] = scaled(add_scaled(row[3], -l3[i + 2], row[2]), l3[i + 3]);
            store_tile(at, &s);
        }
    }
    for (; i < m; ++i) {
        const float *row = packed_row(l, i);
        for (size_t c = 0; c < columns; c += COLUMNS) {
            struct sums s = load(b + i * P + c);
            for (size_t k = start; k < i; ++k) {
                s = add_scaled(s, -row[k], load(b + k * P + c));
            }
            store(b + i * P + c, scaled(s, row[i]));
        }
    }
}

static void backward(const float *l, size_t m, size_t columns, float *b, float *room) {
    (void)room;
    size_t i = m;
    while (i % TILE != 0) {
        --i;
        for (size_t c = 0; c < columns; c += COLUMNS) {
            struct sums s = load(b + i * P + c);
            for (size_t k = m; k-- > i + 1;) {
                s = add_scaled(s, -packed_row(l, k)[i], load(b + k * P + c));
            }
            store(b + i * P + c, scaled(s, packed_row(l, i)[i]));
        }
    }
    while (i > 0) {
        i -= TILE;
        const float *l0 = packed_row(l, i) + i, *l1 = packed_row(l, i + 1) + i;
        const float *l2 = packed_row(l, i + 2) + i, *l3 = packed_row(l, i + 3) + i;
        for (size_t c = 0; c < columns; c += COLUMNS) {
            float *const at = b + i * P + c;
            struct tile s = load_tile(at);
            for (size_t k = m; k-- > i + TILE;) {
                const float *const column = packed_row(l, k) + i;
                s = add_tile(s, -column[0], -column[1], -column[2], -column[3], load(b + k * P + c));
            }
            struct sums *const row = s.row;
            row[3] = scaled(row[3], l3[3]);
            row[2] = scaled(add_scaled(row[2], -l3[2], row[3]), l2[2]);
            row[1] = add_scaled(row[1], -l3[1], row[3]);
            row[1] = scaled(add_scaled(row[1], -l2[1], row[2]), l1[1]);
            row[0] = add_scaled(row[0], -l3[0], row[3]);
            row[0] = add_scaled(row[0], -l2[0], row[2]);
            row[0] = scaled(add_scaled(row[0], -l1[0], row[1]), l0[0]);
            store_tile(at, &s);
        }
    }
}

static void square(const float *b, size_t m, float *sum) {
    for (size_t r = 0; r < P; r += TILE) {
        for (size_t c = 0; c <= r; c += COLUMNS) {
            struct tile s = load_tile(sum + r * P + c);
            for (size_t k = 0; k < m; ++k) {
                const float *const y = b + k * P;
                s = add_tile(s, -y[r], -y[r + 1], -y[r + 2], -y[r + 3], load(y + c));
            }
            store_tile(sum + r * P + c, &s);
        }
    }
}

// Rows 0..3 of x^T c, columns 0..3; fewer features or columns are filled up with zeros.
static inline __attribute__((always_inline)) struct tile combine_tile(const int16_t *x, size_t n, size_t m, const float *c, size_t p,
    size_t features, size_t columns) {
    const struct sums none = {wasm_f64x2_const_splat(0.0), wasm_f64x2_const_splat(0.0)};
    struct tile s = {{none, none, none, none}};
    for (size_t i = 0; i < n; ++i) {
        int16_t row[TILE] = {0};
        float coefficient[COLUMNS] = {0};
        memcpy(row, x + i * m, features * sizeof *row);
        memcpy(coefficient, c + i * p, columns * sizeof *coefficient);
        s = add_tile(s, (float)row[0], (float)row[1], (float)row[2], (float)row[3], load(coefficient));
    }
    return s;
}

static void combine(const int16_t *x, size_t n, size_t m, const float *c, size_t p, float *out) {
    for (size_t j = 0; j < m; j += TILE) {
        const size_t features = m - j < TILE ? m - j : TILE;
        for (size_t q = 0; q < p; q += COLUMNS) {
            const size_t columns = p - q < COLUMNS ? p - q : COLUMNS;
            const struct tile s = features == TILE && columns == COLUMNS
                ? combine_tile(x + j, n, m, c + q, p, TILE, COLUMNS) : combine_tile(x + j, n, m, c + q, p, features, columns);
            for (size_t f = 0; f < features; ++f) {
                float four[COLUMNS];
                store(four, s.row[f]);
                memcpy(out + (j + f) * p + q, four, columns * sizeof *out);
            }
        }
    }
}

const struct ridge_kernels ridge_wasm = {
    .name = "wasm",
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

#endif
