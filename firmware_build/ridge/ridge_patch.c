// The patch layer: statistics of patches, contrast pairs of patches, filters, and features pooled over a grid. See ridge.h.
#include "ridge_kernels.h"
#include "ridge_random.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#define SIDE RIDGE_PATCH
#define ELEMENTS RIDGE_PATCH_LEN

// ---- places ----

static inline size_t places_of(size_t height, size_t width) {
    return (height - SIDE + 1) * (width - SIDE + 1);
}

// First element of the patch at a place; its rows are `width` apart.
static inline const int16_t *patch_at(const int16_t *image, size_t width, size_t place) {
    const size_t columns = width - SIDE + 1;
    return image + place / columns * width + place % columns;
}

static void copy_patch(const int16_t *from, size_t width, int16_t *out) {
    for (size_t r = 0; r < SIDE; ++r) {
        memcpy(out + r * SIDE, from + r * width, SIDE * sizeof *out);
    }
}

// ---- statistics ----

#define PER_IMAGE (12) // places of an image that count
#define FIRST_STEP (193)

// How far one place of an image is from the next: no common divisor with their number, so that none comes twice.
static size_t step_between(size_t places) {
    for (size_t step = FIRST_STEP;; ++step) {
        size_t a = step, b = places;
        while (b != 0) {
            const size_t rest = a % b;
            a = b;
            b = rest;
        }
        if (a == 1) {
            return step % places;
        }
    }
}

// out (.,36): the patches of an image that count; blank ones (all elements equal) are left out. Returns how many.
static size_t own_patches(const int16_t *image, size_t height, size_t width, size_t step, int16_t *out) {
    const size_t places = places_of(height, width);
    size_t place = ridge_crc32((const uint8_t *)image, height * width * sizeof *image, 0) % places;
    size_t count = 0;
    for (size_t j = 0; j < PER_IMAGE; ++j) {
        int16_t *const patch = out + count * ELEMENTS;
        copy_patch(patch_at(image, width, place), width, patch);
        size_t same = 1;
        while (same < ELEMENTS && patch[same] == patch[0]) {
            ++same;
        }
        count += same < ELEMENTS;
        place += step;
        place -= place < places ? 0 : places;
    }
    return count;
}

// squares (36) += those of `count` patches, by element.
static void add_squares(const int16_t *patches, size_t count, int64_t *squares) {
    for (size_t s = 0; s < count; ++s) {
        for (size_t k = 0; k < ELEMENTS; ++k) {
            const int32_t value = patches[s * ELEMENTS + k];
            squares[k] += value * value;
        }
    }
}

int32_t ridge_patch_gram(const int16_t *x, size_t n, size_t height, size_t width, int remove, int32_t *g, int32_t *sums,
    int16_t *work) {
    const size_t size = height * width, step = step_between(places_of(height, width));
    // As for gram: a call adds at most 12 n * max x^2 to any element, and at most as much to a sum.
    const int64_t batch = (int64_t)(n * PER_IMAGE) * ridge_largest_square(x, n * size);
    int64_t largest = 0;
    for (size_t k = 0; k < ELEMENTS; ++k) {
        const int64_t diagonal = remove ? 0 : g[ridge_packed_len(k) + k], sum = sums[k] < 0 ? -(int64_t)sums[k] : sums[k];
        largest = diagonal > largest ? diagonal : largest;
        largest = sum > largest ? sum : largest;
    }
    if (batch > INT32_MAX - largest) {
        return RIDGE_ERR_OVERFLOW;
    }
    if (remove) {
        int64_t squares[ELEMENTS] = {0};
        for (size_t i = 0; i < n; ++i) {
            add_squares(work, own_patches(x + i * size, height, width, step, work), squares);
        }
        for (size_t k = 0; k < ELEMENTS; ++k) {
            if (squares[k] > g[ridge_packed_len(k) + k]) {
                return RIDGE_ERR_NOT_ADDED;
            }
        }
    }
    const int32_t sign = remove ? -1 : 1;
    int16_t *const room = work + RIDGE_BATCH * ELEMENTS;
    int32_t patches = 0;
    for (size_t i = 0; i < n;) {
        size_t count = 0;
        for (; i < n && count + PER_IMAGE <= RIDGE_BATCH; ++i) {
            count += own_patches(x + i * size, height, width, step, work + count * ELEMENTS);
        }
        if (count == 0) { // blank images
            continue;
        }
        ridge_kernels->gram(work, count, ELEMENTS, sign, g, room);
        for (size_t s = 0; s < count; ++s) {
            for (size_t k = 0; k < ELEMENTS; ++k) {
                sums[k] += sign * work[s * ELEMENTS + k];
            }
        }
        patches += (int32_t)count;
    }
    return patches;
}

// ---- filters ----

#define TRIES (16) // places tried for a pair until its patches differ

void ridge_patch_contrast(const int16_t *x, size_t height, size_t width, const uint16_t *a, const uint16_t *b, size_t q,
    uint32_t seed, float *out) {
    const size_t size = height * width, places = places_of(height, width);
    uint32_t random = ridge_random_seeded(seed);
    for (size_t j = 0; j < q; ++j) {
        int32_t difference[ELEMENTS];
        bool differ = false;
        for (size_t tried = 0; tried < TRIES && !differ; ++tried) {
            const size_t place = ridge_random_next(&random) % places;
            int16_t positive[ELEMENTS], negative[ELEMENTS];
            copy_patch(patch_at(x + a[j] * size, width, place), width, positive);
            copy_patch(patch_at(x + b[j] * size, width, place), width, negative);
            for (size_t k = 0; k < ELEMENTS; ++k) {
                difference[k] = positive[k] - negative[k];
                differ = differ || difference[k] != 0;
            }
        }
        for (size_t k = 0; k < ELEMENTS; ++k) {
            out[k * q + j] = (float)difference[k] * (1.0f / RIDGE_UNIT);
        }
    }
}

#define MOST_EXPONENT (14) // a filter with responses of variance 1 is longer than that allows
#define BIAS_BITS (24)

// Row k of N^2 times the covariance of N patches, exact but for one rounding.
static void covariance_row(const int32_t *g, const int32_t *sums, int32_t patches, size_t k, float *row) {
    for (size_t i = 0; i < ELEMENTS; ++i) {
        const size_t at = i <= k ? ridge_packed_len(k) + i : ridge_packed_len(i) + k;
        row[i] = (float)((int64_t)patches * g[at] - (int64_t)sums[i] * sums[k]);
    }
}

static float largest_of(const float *b, size_t count, size_t stride) {
    float largest = 0.0f;
    for (size_t i = 0; i < count; ++i) {
        largest = fabsf(b[i * stride]) > largest ? fabsf(b[i * stride]) : largest;
    }
    return largest;
}

// The largest exponent e with |value| 2^e < 2^bits.
static int room_for(float value, int bits) {
    int e = 0;
    (void)frexpf(value, &e); // |value| < 2^e
    return value > 0.0f || value < 0.0f ? bits - e : MOST_EXPONENT;
}

int ridge_patch_filters(const float *b, const int32_t *g, const int32_t *sums, int32_t patches, size_t q, int16_t *w,
    int32_t *bias, int *exponent) {
    if (!ridge_all_finite(b, ELEMENTS * q)) {
        return RIDGE_ERR_NOT_FINITE;
    }
    // Columns are scaled by a power of two first, to a largest element from 2 to 4, so that no square is lost.
    float power[RIDGE_MAX_FILTERS], scale[RIDGE_MAX_FILTERS] = {0}, mean[RIDGE_MAX_FILTERS] = {0};
    for (size_t j = 0; j < q; ++j) {
        const float largest = largest_of(b + j, ELEMENTS, q);
        power[j] = largest < FLT_MIN ? 0.0f : ldexpf(1.0f, room_for(largest, 2)); // denormal: no direction left
    }
    for (size_t k = 0; k < ELEMENTS; ++k) {
        float row[ELEMENTS];
        covariance_row(g, sums, patches, k, row);
        for (size_t j = 0; j < q; ++j) {
            float sum = 0.0f;
            for (size_t i = 0; i < ELEMENTS; ++i) {
                sum = fmaf(row[i], b[i * q + j] * power[j], sum);
            }
            scale[j] = fmaf(b[k * q + j] * power[j], sum, scale[j]); // b' C b N^2
            mean[j] = fmaf(b[k * q + j] * power[j], (float)sums[k], mean[j]);
        }
    }
    int e = MOST_EXPONENT;
    const float all = (float)RIDGE_UNIT * (float)patches;
    for (size_t j = 0; j < q; ++j) {
        scale[j] = scale[j] > 0.0f ? all / sqrtf(scale[j]) : 0.0f;
        mean[j] = mean[j] * scale[j] / all;
        const int fits = room_for(largest_of(b + j, ELEMENTS, q) * power[j] * scale[j], 15);
        e = fits < e ? fits : e;
        e = room_for(mean[j], BIAS_BITS - 9) < e ? room_for(mean[j], BIAS_BITS - 9) : e;
    }
    for (size_t j = 0; j < q;) {
        int16_t *const row = w + j * ELEMENTS;
        for (size_t k = 0; k < ELEMENTS; ++k) {
            row[k] = ridge_round_signed(b[k * q + j] * power[j] * scale[j] * ldexpf(1.0f, e));
        }
        if (ridge_square_sum(row, ELEMENTS) < RIDGE_FILTER_BOUND) {
            ++j;
        } else { // all anew, half as large
            --e;
            j = 0;
        }
    }
    for (size_t j = 0; j < q; ++j) {
        const float value = ldexpf(mean[j], e + 9);
        bias[j] = (int32_t)(value < 0.0f ? value - RIDGE_BELOW_HALF : value + RIDGE_BELOW_HALF);
    }
    *exponent = e;
    return RIDGE_OK;
}

// ---- features ----

#define CELLS (RIDGE_GRID * RIDGE_GRID)
#define MIRROR_CELLS (RIDGE_GRID * RIDGE_MIRROR_COLUMNS / 2)
#define IMAGE_BOUND (3 << 17)         // squares of an image: half as much again as those of an encoded one
#define RESPONSE_BOUND (1 << 25)      // |bias| + threshold

// First place of cell k of `cells` in a direction with that many places: round(k places / cells).
static inline size_t border(size_t k, size_t places, size_t cells) {
    return (2 * k * places + cells) / (2 * cells);
}

// mean (2q): of the relus over the patches at rows x columns places, rounded down; gives their sum.
static uint64_t pool_cell(const int16_t *x, size_t width, size_t rows, size_t columns, const struct ridge_filters *by,
    uint32_t *room, uint32_t *mean) {
    const uint32_t count = (uint32_t)(rows * columns);
    const size_t channels = 2 * by->q;
    if (rows <= RIDGE_POOL_SIDE && columns <= RIDGE_POOL_SIDE) {
        ridge_kernels->pool(x, width, rows, columns, by, room, mean);
        uint64_t total = 0;
#pragma GCC unroll 4
        for (size_t k = 0; k < channels; ++k) {
            mean[k] /= count;
            total += mean[k];
        }
        return total;
    }
    // Of a large cell, block by block: quotients and remainders, as a sum may not fit 32 bits.
    uint32_t sums[2 * RIDGE_MAX_FILTERS], rest[2 * RIDGE_MAX_FILTERS];
    memset(mean, 0, channels * sizeof *mean);
    memset(rest, 0, channels * sizeof *rest);
    for (size_t r = 0; r < rows; r += RIDGE_POOL_SIDE) {
        const size_t high = rows - r < RIDGE_POOL_SIDE ? rows - r : RIDGE_POOL_SIDE;
        for (size_t c = 0; c < columns; c += RIDGE_POOL_SIDE) {
            const size_t wide = columns - c < RIDGE_POOL_SIDE ? columns - c : RIDGE_POOL_SIDE;
            ridge_kernels->pool(x + r * width + c, width, high, wide, by, room, sums);
            for (size_t k = 0; k < channels; ++k) {
                mean[k] += sums[k] / count;
                rest[k] += sums[k] % count;
            }
        }
    }
    uint64_t total = 0;
    for (size_t k = 0; k < channels; ++k) {
        mean[k] += rest[k] / count;
        total += mean[k];
    }
    return total;
}

// Whether sums over the images by these filters fit.
static int features_fit(const int16_t *x, size_t n, size_t pixels, const struct ridge_filters *by) {
    for (size_t j = 0; j < by->q; ++j) {
        const int64_t offset = by->bias[j] < 0 ? -(int64_t)by->bias[j] : by->bias[j];
        if (ridge_square_sum(by->w + j * ELEMENTS, ELEMENTS) >= RIDGE_FILTER_BOUND
            || offset + by->threshold > RESPONSE_BOUND) {
            return 0;
        }
    }
    for (size_t i = 0; i < n; ++i) {
        if (ridge_square_sum(x + i * pixels, pixels) > IMAGE_BOUND) {
            return 0;
        }
    }
    return 1;
}

// f = roots of the means, together of length 512; total is the sum of the means.
static void to_unit(const uint32_t *means, size_t count, uint64_t total, int16_t *f) {
    if (total == 0) {
        memset(f, 0, count * sizeof *f);
        return;
    }
    const float scale = ridge_unit_scale((float)total);
#pragma GCC unroll 4
    for (size_t k = 0; k < count; ++k) {
        f[k] = ridge_round_unit(sqrtf((float)means[k]) * scale);
    }
}

int ridge_patch_features(const int16_t *x, size_t n, size_t height, size_t width, const int16_t *w, const int32_t *bias,
    size_t q, int32_t threshold, int16_t *f, uint32_t *work) {
    const struct ridge_filters filters = {w, bias, q, threshold};
    if (!features_fit(x, n, height * width, &filters)) {
        return RIDGE_ERR_OVERFLOW;
    }
    const size_t down = height - SIDE + 1, across = width - SIDE + 1, channels = 2 * q;
    uint32_t *const means = work, *const room = means + CELLS * channels;
    ridge_kernels->pack_filters(&filters, room);
    for (size_t i = 0; i < n; ++i, x += height * width, f += CELLS * channels) {
        uint64_t total = 0;
        for (size_t cell = 0; cell < CELLS; ++cell) {
            const size_t r = cell / RIDGE_GRID, c = cell % RIDGE_GRID;
            const size_t top = border(r, down, RIDGE_GRID), left = border(c, across, RIDGE_GRID);
            total += pool_cell(x + top * width + left, width, border(r + 1, down, RIDGE_GRID) - top,
                border(c + 1, across, RIDGE_GRID) - left, &filters, room, means + cell * channels);
        }
        to_unit(means, CELLS * channels, total, f);
    }
    return RIDGE_OK;
}

int ridge_mirror_features(const int16_t *x, size_t n, size_t height, size_t width, const int16_t *w, const int32_t *bias,
    size_t q, int32_t threshold, int16_t *f, uint32_t *work) {
    const size_t channels = 4 * q;
    uint32_t *const means = work, *const other = means + MIRROR_CELLS * channels, *const room = other + channels;
    int32_t *const biases = (int32_t *)(room + RIDGE_POOL_ROOM(2 * q));
    int16_t *const both = (int16_t *)(biases + 2 * q);
    const struct ridge_filters own = {w, bias, q, threshold}, filters = {both, biases, 2 * q, threshold};
    if (!features_fit(x, n, height * width, &own)) {
        return RIDGE_ERR_OVERFLOW;
    }
    for (size_t j = 0; j < q; ++j) {
        biases[j] = biases[q + j] = bias[j];
        for (size_t k = 0; k < ELEMENTS; ++k) {
            both[j * ELEMENTS + k] = w[j * ELEMENTS + k];
            both[(q + j) * ELEMENTS + k] = w[j * ELEMENTS + k / SIDE * SIDE + SIDE - 1 - k % SIDE];
        }
    }
    ridge_kernels->pack_filters(&filters, room);
    const size_t down = height - SIDE + 1, across = width - SIDE + 1;
    for (size_t i = 0; i < n; ++i, x += height * width, f += MIRROR_CELLS * channels) {
        uint64_t total = 0;
        for (size_t cell = 0; cell < MIRROR_CELLS; ++cell) {
            const size_t r = cell / (RIDGE_MIRROR_COLUMNS / 2), c = cell % (RIDGE_MIRROR_COLUMNS / 2);
            const size_t top = border(r, down, RIDGE_GRID), rows = border(r + 1, down, RIDGE_GRID) - top;
            const size_t left = border(c, across, RIDGE_MIRROR_COLUMNS), end = border(c + 1, across, RIDGE_MIRROR_COLUMNS);
            const int16_t *const row = x + top * width;
            uint32_t *const mean = means + cell * channels;
            total += pool_cell(row + left, width, rows, end - left, &filters, room, mean);
            total += pool_cell(row + across - end, width, rows, end - left, &filters, room, other);
            for (size_t k = 0; k < channels; ++k) {
                mean[k] += other[k % (2 * q) < q ? k + q : k - q];
            }
        }
        to_unit(means, MIRROR_CELLS * channels, total, f);
    }
    return RIDGE_OK;
}
