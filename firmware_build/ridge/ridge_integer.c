// Integers: encoding, Gram matrices, class sums, projection, goodness and the kernel class layer. See ridge.h for shapes and bounds.
#include "ridge_kernels.h"

#include <stdbool.h>
#include <string.h>

#ifdef RIDGE_HAS_M7
#include <arm_acle.h>
#endif

#ifdef RIDGE_NO_DATA // a native module: set when it is imported
const struct ridge_kernels *ridge_kernels;
#else
const struct ridge_kernels *ridge_kernels = &RIDGE_BEST;
#endif

// Largest sum x^2 * m for which |w.x| < 2^31 holds for every int16 w (Cauchy-Schwarz, |w|^2 <= m * 2^30).
#define PROJECT_BOUND (4294967292u)

void ridge_encode(const uint8_t *images, size_t n, size_t d, const uint16_t *keep, size_t m, int16_t *x) {
    float root[256];
    for (size_t p = 0; p < 256; ++p) {
        root[p] = sqrtf((float)p);
    }
    for (size_t i = 0; i < n; ++i, images += d, x += m) {
        uint32_t sum = 0;
#pragma GCC unroll 8
        for (size_t j = 0; j < m; ++j) {
            sum += images[keep[j]];
        }
        if (sum == 0) {
            memset(x, 0, m * sizeof *x);
            continue;
        }
        int16_t code[256];
        const float scale = ridge_unit_scale((float)sum); // sum of the squares of sqrt(p) is the sum of p
        const size_t most = sum < 256 ? sum + 1 : 256; // no pixel is larger than their sum
#pragma GCC unroll 4
        for (size_t p = 0; p < most; ++p) {
            code[p] = ridge_round_unit(root[p] * scale);
        }
#pragma GCC unroll 8
        for (size_t j = 0; j < m; ++j) {
            x[j] = code[images[keep[j]]];
        }
    }
}

int64_t ridge_largest_square(const int16_t *x, size_t count) {
    int32_t low = 0, high = 0;
    size_t i = 0;
#ifdef RIDGE_HAS_M7 // two elements at once: 2.6 instructions each instead of 6
    int16x2_t lows = 0, highs = 0;
#pragma GCC unroll 4
    for (; i + 2 <= count; i += 2) {
        int16x2_t pair;
        memcpy(&pair, x + i, sizeof pair);
        (void)__ssub16(pair, lows);
        lows = (int16x2_t)__sel((uint8x4_t)lows, (uint8x4_t)pair);
        (void)__ssub16(pair, highs);
        highs = (int16x2_t)__sel((uint8x4_t)pair, (uint8x4_t)highs);
    }
    low = (int16_t)lows < lows >> 16 ? (int16_t)lows : lows >> 16;
    high = (int16_t)highs > highs >> 16 ? (int16_t)highs : highs >> 16;
#endif
    for (; i < count; ++i) {
        low = x[i] < low ? x[i] : low;
        high = x[i] > high ? x[i] : high;
    }
    const int64_t largest = -low > high ? -low : high;
    return largest * largest;
}

int ridge_gram(const int16_t *x, size_t n, size_t m, int remove, int32_t *g, int16_t *work) {
    // |G_ij| <= the largest diagonal element (Cauchy-Schwarz), and a batch adds at most n * max x^2 to any element.
    const int64_t batch = (int64_t)n * ridge_largest_square(x, n * m);
    int64_t diagonal = 0;
    for (size_t i = 0; i < m; ++i) {
        const int64_t d = g[ridge_packed_len(i) + i];
        diagonal = d > diagonal ? d : diagonal;
    }
    if (batch > INT32_MAX || (!remove && diagonal + batch > INT32_MAX)) {
        return RIDGE_ERR_OVERFLOW;
    }
    if (remove) {
        for (size_t i = 0; i < m; ++i) {
            int32_t sum = 0;
            for (size_t s = 0; s < n; ++s) {
                sum += (int32_t)x[s * m + i] * x[s * m + i];
            }
            if (sum > g[ridge_packed_len(i) + i]) {
                return RIDGE_ERR_NOT_ADDED;
            }
        }
    }
    for (size_t s = 0; s < n; s += RIDGE_BATCH) {
        ridge_kernels->gram(x + s * m, n - s < RIDGE_BATCH ? n - s : RIDGE_BATCH, m, remove ? -1 : 1, g, work);
    }
    return RIDGE_OK;
}

uint64_t ridge_square_sum(const int16_t *x, size_t m) {
    uint64_t sum = 0;
    size_t i = 0;
#ifdef RIDGE_HAS_M7 // LDM brings whole words: 0.8 instructions an element
    for (const int16_t *from = x; (uintptr_t)x % 4 == 0 && i + 16 <= m; i += 16) {
        __asm__("ldmia %[from]!, {r4-r7}\n"
                "smlald %Q[sum], %R[sum], r4, r4\n"
                "smlald %Q[sum], %R[sum], r5, r5\n"
                "smlald %Q[sum], %R[sum], r6, r6\n"
                "smlald %Q[sum], %R[sum], r7, r7\n"
                "ldmia %[from]!, {r4-r7}\n"
                "smlald %Q[sum], %R[sum], r4, r4\n"
                "smlald %Q[sum], %R[sum], r5, r5\n"
                "smlald %Q[sum], %R[sum], r6, r6\n"
                "smlald %Q[sum], %R[sum], r7, r7\n"
                : [from] "+r"(from), [sum] "+r"(sum)
                :
                : "r4", "r5", "r6", "r7", "memory");
    }
#endif
    for (; i < m; ++i) {
        sum += (uint64_t)((int32_t)x[i] * x[i]);
    }
    return sum;
}

int ridge_kernel(const int16_t *x, size_t first, size_t n, size_t m, int32_t *k, int16_t *work) {
    for (size_t i = 0; i < n; ++i) {
        if (ridge_square_sum(x + i * m, m) > INT32_MAX) {
            return RIDGE_ERR_OVERFLOW;
        }
    }
    for (size_t i = first; i < n; i += RIDGE_PANEL) {
        ridge_kernels->kernel(x, i, n - i < RIDGE_PANEL ? n : i + RIDGE_PANEL, m, k, work);
    }
    return RIDGE_OK;
}

int ridge_class_sums(const int16_t *x, const uint8_t *labels, size_t n, size_t m, size_t classes, int remove,
    int32_t *sums, int32_t *counts) {
    int32_t add[256] = {0};
    for (size_t i = 0; i < n; ++i) {
        if (labels[i] >= classes) {
            return RIDGE_ERR_LABEL;
        }
        ++add[labels[i]];
    }
    for (size_t c = 0; c < classes; ++c) {
        if (remove && add[c] > counts[c]) {
            return RIDGE_ERR_NOT_ADDED;
        }
        // A class sum is at most images * 2^15, so 65535 images fit whatever their values.
        if (!remove && add[c] + (int64_t)counts[c] > INT32_MAX / 32768) {
            return RIDGE_ERR_OVERFLOW;
        }
    }
    const int32_t sign = remove ? -1 : 1;
    for (size_t i = 0; i < n; ++i) {
        int32_t *row = sums + labels[i] * m;
#pragma GCC unroll 4
        for (size_t j = 0; j < m; ++j) {
            row[j] = ridge_add(row[j], sign, x[i * m + j]);
        }
        counts[labels[i]] += sign;
    }
    return RIDGE_OK;
}

int64_t ridge_trace(const int32_t *g, size_t m) {
    int64_t sum = 0;
    for (size_t i = 0; i < m; ++i) {
        sum += g[ridge_packed_len(i) + i];
    }
    return sum;
}

int ridge_merge(int32_t *a, const int32_t *b, size_t count, int remove) {
    const int64_t sign = remove ? -1 : 1;
    for (size_t i = 0; i < count; ++i) {
        const int64_t sum = a[i] + sign * b[i];
        if (sum > INT32_MAX || sum < INT32_MIN) {
            return RIDGE_ERR_OVERFLOW;
        }
    }
    for (size_t i = 0; i < count; ++i) {
        a[i] = (int32_t)(a[i] + sign * b[i]);
    }
    return RIDGE_OK;
}

// Whether every inner product of x with m int16 elements fits int32.
static bool product_fits(const int16_t *x, size_t m) {
    const uint64_t sum = ridge_square_sum(x, m);
    return sum <= PROJECT_BOUND && sum * m <= PROJECT_BOUND;
}

int ridge_project(const int16_t *x, size_t n, size_t m, const int16_t *w, size_t q, int32_t *work, int16_t *h) {
    for (size_t i = 0; i < n; ++i) {
        if (!product_fits(x + i * m, m)) {
            return RIDGE_ERR_OVERFLOW;
        }
    }
    int16_t *const panels = (int16_t *)(work + (n < RIDGE_ROWS ? n : RIDGE_ROWS) * q);
    for (size_t i = 0; i < n; i += RIDGE_ROWS) {
        const size_t rows = n - i < RIDGE_ROWS ? n - i : RIDGE_ROWS;
        ridge_kernels->product(x + i * m, rows, m, w, q, work, panels);
        for (size_t r = 0; r < rows; ++r, h += q) {
            int32_t *z = work + r * q;
            uint64_t sum = 0;
            for (size_t j = 0; j < q; ++j) {
                z[j] = z[j] > 0 ? z[j] : 0;
                sum += (uint64_t)((int64_t)z[j] * z[j]); // at most 2^62 more
                if (sum > (uint64_t)1 << 63) {
                    return RIDGE_ERR_OVERFLOW;
                }
            }
            if (sum == 0) {
                memset(h, 0, q * sizeof *h);
                continue;
            }
            const float scale = ridge_unit_scale((float)sum);
            for (size_t j = 0; j < q; ++j) {
                h[j] = ridge_round_unit((float)z[j] * scale);
            }
        }
    }
    return RIDGE_OK;
}

int ridge_nearest(const int16_t *x, size_t m, const int16_t *rows, size_t n, size_t *nearest, int32_t *dot) {
    if (!product_fits(x, m)) {
        return RIDGE_ERR_OVERFLOW;
    }
    *dot = INT32_MIN;
    for (size_t i = 0; i < n; i += RIDGE_PANEL) {
        int32_t z[RIDGE_PANEL];
        const size_t count = n - i < RIDGE_PANEL ? n - i : RIDGE_PANEL;
        ridge_kernels->product(x, 1, m, rows + i * m, count, z, NULL);
        for (size_t j = 0; j < count; ++j) {
            if (z[j] > *dot) {
                *dot = z[j];
                *nearest = i + j;
            }
        }
    }
    return RIDGE_OK;
}

int64_t ridge_extent(const int16_t *x, size_t n, size_t m, int16_t *smallest) {
    uint64_t longest = 0;
    *smallest = n == 0 ? 0 : x[0];
    for (size_t i = 0; i < n; ++i, x += m) {
        const uint64_t sum = ridge_square_sum(x, m);
        longest = sum > longest ? sum : longest;
#pragma GCC unroll 4
        for (size_t j = 0; j < m; ++j) {
            *smallest = x[j] < *smallest ? x[j] : *smallest;
        }
    }
    return (int64_t)longest;
}

#define OUTPUT_BOUND (700000000) // of |w.f + v|: products fit int32, and 16 squares int64

static int64_t largest_size(const int32_t *v, size_t count) {
    int64_t largest = 0;
    for (size_t i = 0; i < count; ++i) {
        const int64_t size = v[i] < 0 ? -(int64_t)v[i] : v[i];
        largest = size > largest ? size : largest;
    }
    return largest;
}

int ridge_goodness_fits(const int16_t *f, size_t n, size_t m, const int16_t *w, const int32_t *v, size_t classes) {
    uint64_t longest_f = 0, longest_w = 0;
    for (size_t i = 0; i < n; ++i) {
        const uint64_t sum = ridge_square_sum(f + i * m, m);
        longest_f = sum > longest_f ? sum : longest_f;
    }
    for (size_t c = 0; c < classes; ++c) {
        const uint64_t sum = ridge_square_sum(w + c * m, m);
        longest_w = sum > longest_w ? sum : longest_w;
    }
    // |w.f| <= |w| |f| (Cauchy-Schwarz), so |w| |f| < 7e8 - |v| will do, both sides squared.
    const int64_t room = OUTPUT_BOUND - largest_size(v, classes * classes);
    uint64_t square;
    return room > 0 && !__builtin_mul_overflow(longest_f, longest_w, &square) && square < (uint64_t)(room * room);
}

// good (classes) from the outputs z (classes) without a label; gives the first label of most goodness.
static uint8_t goodness_of(const int32_t *z, const int32_t *v, size_t classes, int64_t *good) {
    size_t best = 0;
    for (size_t l = 0; l < classes; ++l) {
        good[l] = 0;
        for (size_t c = 0; c < classes; ++c) {
            const int64_t sum = z[c] + v[c * classes + l];
            good[l] += sum > 0 ? sum * sum : 0;
        }
        best = good[l] > good[best] ? l : best;
    }
    return (uint8_t)best;
}

int ridge_goodness(const int16_t *f, size_t n, size_t m, const int16_t *w, const int32_t *v, size_t classes,
    int64_t *good, uint8_t *labels) {
    if (!ridge_goodness_fits(f, n, m, w, v, classes)) {
        return RIDGE_ERR_OVERFLOW;
    }
    for (size_t i = 0; i < n; ++i, f += m, good += classes) {
        int32_t z[RIDGE_MAX_CLASSES];
        ridge_kernels->product(f, 1, m, w, classes, z, NULL);
        const uint8_t best = goodness_of(z, v, classes, good);
        if (labels) {
            labels[i] = best;
        }
    }
    return RIDGE_OK;
}

// ---- the kernel class layer ----

#define ONE (1 << 18)                    // inner product of two vectors of length 1
#define LARGEST_PRODUCT (ONE + ONE / 4)  // room for rounding, and more
#define LARGEST_PHI (1719926784LL)       // ((1 + 1.25)/2)^4 = 1.602 in units of 2^-30

// Whether all inner products are from -1 to 1.25, so that their powers fit int32.
static bool powers_fit(const int32_t *u, size_t count) {
#pragma GCC unroll 4
    for (size_t i = 0; i < count; ++i) {
        if ((uint32_t)u[i] + ONE > LARGEST_PRODUCT + ONE) {
            return false;
        }
    }
    return true;
}

static inline uint32_t high_word(uint32_t a, uint32_t b) {
    return (uint32_t)((uint64_t)a * b >> 32);
}

// t = (1 + u)/2 in units of 2^-19, its square t*t >> 8 and that one's square >> 30 in units of 2^-30.
static void power_all(int32_t *u, size_t count) {
#pragma GCC unroll 4
    for (size_t i = 0; i < count; ++i) {
        const uint32_t t = ((uint32_t)u[i] << 12) + ((uint32_t)ONE << 12);
        const uint32_t twice = high_word(t, t) * 2;
        u[i] = (int32_t)high_word(twice, twice);
    }
}

int ridge_powers(int32_t *k, size_t first, size_t last) {
    int32_t *const from = k + ridge_packed_len(first);
    const size_t count = ridge_packed_len(last) - ridge_packed_len(first);
    if (!powers_fit(from, count)) {
        return RIDGE_ERR_OVERFLOW;
    }
    power_all(from, count);
    return RIDGE_OK;
}

// Whether the outputs of a kernel class layer fit: |alpha| of each neuron summed, and the largest label weight.
static bool kernel_goodness_fits(const int16_t *alpha, size_t stored, const int32_t *v, size_t classes, int shift) {
    const int64_t room = OUTPUT_BOUND - largest_size(v, classes * classes);
    for (size_t c = 0; c < classes; ++c) {
        int64_t sum = 0;
#pragma GCC unroll 4
        for (size_t i = 0; i < stored; ++i) {
            const int32_t a = alpha[c * stored + i];
            sum += a < 0 ? -a : a;
        }
        if (room <= 0 || (sum * LARGEST_PHI >> shift) >= room) { // sum is below 2^31, LARGEST_PHI below 2^31
            return false;
        }
    }
    return true;
}

// Goodness of one image from its phi with every stored one.
static uint8_t goodness_of_powers(const int32_t *phi, const int16_t *alpha, size_t stored, const int32_t *v,
    size_t classes, int shift, int64_t *good) {
    int32_t z[RIDGE_MAX_CLASSES];
    for (size_t c = 0; c < classes; c += 2) { // two neurons share what is loaded; of an odd number the last is its own other
        const size_t d = c + 1 < classes ? c + 1 : c;
        const int16_t *const one = alpha + c * stored, *const two = alpha + d * stored;
        int64_t first = 0, second = 0;
#pragma GCC unroll 4
        for (size_t j = 0; j < stored; ++j) {
            first += (int64_t)one[j] * phi[j];
            second += (int64_t)two[j] * phi[j];
        }
        z[c] = (int32_t)(first >> shift);
        z[d] = (int32_t)(second >> shift);
    }
    return goodness_of(z, v, classes, good);
}

int ridge_kernel_goodness(const int16_t *f, size_t n, size_t m, const int16_t *rows, size_t stored, const int16_t *alpha,
    const int32_t *v, size_t classes, int shift, int64_t *good, uint8_t *labels, int32_t *work) {
    if (!kernel_goodness_fits(alpha, stored, v, classes, shift)) {
        return RIDGE_ERR_OVERFLOW;
    }
    for (size_t i = 0; i < n; ++i) {
        if (!product_fits(f + i * m, m)) {
            return RIDGE_ERR_OVERFLOW;
        }
    }
    for (size_t i = 0; i < n; ++i, f += m, good += classes) {
        ridge_kernels->product(f, 1, m, rows, stored, work, NULL);
        if (!powers_fit(work, stored)) {
            return RIDGE_ERR_OVERFLOW;
        }
        power_all(work, stored);
        const uint8_t best = goodness_of_powers(work, alpha, stored, v, classes, shift, good);
        if (labels) {
            labels[i] = best;
        }
    }
    return RIDGE_OK;
}

int ridge_gram_goodness(const int32_t *k, size_t n, size_t first, size_t last, const int16_t *alpha, const int32_t *v,
    size_t classes, int shift, int64_t *good, uint8_t *labels, int32_t *work) {
    if (!kernel_goodness_fits(alpha, n, v, classes, shift)) {
        return RIDGE_ERR_OVERFLOW;
    }
    for (size_t i = first; i < last; ++i, good += classes) {
        // Along its row up to the diagonal, then down its column. A number below 0 is a large one here.
        const int32_t *at = k + ridge_packed_len(i);
        uint32_t largest = 0;
#pragma GCC unroll 4
        for (size_t j = 0; j < i; ++j) {
            const uint32_t value = (uint32_t)*at++;
            largest = value > largest ? value : largest;
            work[j] = (int32_t)value;
        }
#pragma GCC unroll 4
        for (size_t j = i; j < n; ++j) {
            const uint32_t value = (uint32_t)*at;
            largest = value > largest ? value : largest;
            work[j] = (int32_t)value;
            at += j + 1 < n ? j + 1 : 0;
        }
        if (largest > LARGEST_PHI) {
            return RIDGE_ERR_OVERFLOW;
        }
        const uint8_t best = goodness_of_powers(work, alpha, n, v, classes, shift, good);
        if (labels) {
            labels[i - first] = best;
        }
    }
    return RIDGE_OK;
}

int ridge_outputs(const int16_t *f, size_t n, size_t m, const int16_t *w, size_t q, int32_t *z) {
    for (size_t i = 0; i < n; ++i) {
        if (!product_fits(f + i * m, m)) {
            return RIDGE_ERR_OVERFLOW;
        }
    }
    for (size_t i = 0; i < n; ++i) {
        ridge_kernels->product(f + i * m, 1, m, w, q, z + i * q, NULL);
    }
    return RIDGE_OK;
}
