// Floats: ridge regression by Cholesky factorisation, in float32 and in one fixed order. See ridge.h.
//
// Everything rests on two kernels over a panel (m rows of RIDGE_PANEL floats, one column a right-hand side):
// forward() solves L y = b and backward() L^T x = y. A block of rows of the factor itself is such a forward solve,
// with the rows of the system as right-hand sides; leverages and the diagonal of the inverse are others.
#include "ridge.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define P RIDGE_PANEL
#define TILE (4) // rows solved together: 4 x 16 sums stay in registers (8 AVX registers; the M7 takes 4 columns at a time)

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
static void forward(const float *l, size_t start, size_t m, float *restrict b) {
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
static void backward(const float *l, size_t m, float *restrict b) {
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

// Element (i,j), j <= i, of the system.
static inline float system_element(const struct ridge_system *a, size_t i, size_t j) {
    const size_t at = ridge_packed_len(i) + j;
    float value = (a->gram_i ? (float)a->gram_i[at] : a->gram_f[at]) * a->scale;
    if (a->rank1 != 0.0f) {
        value = a->v ? fmaf(a->rank1 * a->v[i], a->v[j], value) : value + a->rank1;
    }
    return i == j ? value + a->diagonal : value;
}

int ridge_factor(const struct ridge_system *a, size_t first, size_t last, float *l, float *work, size_t *row) {
    for (size_t i = first; i < last; i += P) {
        const size_t rows = last - i < P ? last - i : P;
        // The block's columns left of its diagonal: a forward solve with the block's rows as right-hand sides.
        for (size_t r = 0; r < P; ++r) {
            for (size_t k = 0; k < i; ++k) {
                work[k * P + r] = r < rows ? system_element(a, i + r, k) : 0.0f;
            }
        }
        forward(l, 0, i, work);
        // The triangle on the diagonal.
        for (size_t r = 0; r < rows; ++r) {
            float *out = l + ridge_packed_len(i + r);
            for (size_t k = 0; k < i; ++k) {
                out[k] = work[k * P + r];
            }
            for (size_t s = 0; s <= r; ++s) {
                const float *other = packed_row(l, i + s);
                const float element = system_element(a, i + r, i + s);
                float sum = element;
                for (size_t k = 0; k < i + s; ++k) {
                    sum = fmaf(-out[k], other[k], sum);
                }
                if (s < r) {
                    out[i + s] = sum * other[i + s];
                } else {
                    *row = i + r;
                    if (!isfinite(sum)) {
                        return RIDGE_ERR_NOT_FINITE;
                    }
                    if (!(sum > 4.0f * FLT_EPSILON * element)) {
                        return RIDGE_ERR_NOT_POSDEF;
                    }
                    out[i + s] = 1.0f / sqrtf(sum);
                }
            }
        }
    }
    return RIDGE_OK;
}

static int all_finite(const float *x, size_t count) {
    for (size_t i = 0; i < count; ++i) {
        if (!isfinite(x[i])) {
            return 0;
        }
    }
    return 1;
}

int ridge_solve(const float *l, size_t m, const float *b, size_t p, float *x, float *work) {
    if (!all_finite(b, m * p)) {
        return RIDGE_ERR_NOT_FINITE;
    }
    for (size_t j = 0; j < p; j += P) {
        const size_t columns = p - j < P ? p - j : P;
        for (size_t i = 0; i < m; ++i) {
            memset(work + i * P, 0, P * sizeof *work);
            memcpy(work + i * P, b + i * p + j, columns * sizeof *work);
        }
        forward(l, 0, m, work);
        backward(l, m, work);
        for (size_t i = 0; i < m; ++i) {
            memcpy(x + i * p + j, work + i * P, columns * sizeof *work);
        }
    }
    return all_finite(x, m * p) ? RIDGE_OK : RIDGE_ERR_NOT_FINITE;
}

// out (columns) = sum of squares down each column of the panel rows start..m-1.
static void column_squares(const float *b, size_t start, size_t m, size_t columns, float *out) {
    float sum[P] = {0};
    for (size_t i = start; i < m; ++i) {
        for (size_t c = 0; c < P; ++c) {
            sum[c] = fmaf(b[i * P + c], b[i * P + c], sum[c]);
        }
    }
    memcpy(out, sum, columns * sizeof *out);
}

void ridge_leverage(const float *l, size_t m, const int16_t *f, size_t n, const float *total, float ratio,
    float *out, float *work) {
    for (size_t i = 0; i < n; i += P) {
        const size_t columns = n - i < P ? n - i : P;
        memset(work, 0, m * P * sizeof *work);
        for (size_t c = 0; c < columns; ++c) {
            const int16_t *row = f + (i + c) * m;
            for (size_t j = 0; j < m; ++j) {
                work[j * P + c] = fmaf(-ratio, total[j], (float)row[j] * (1.0f / RIDGE_UNIT));
            }
        }
        forward(l, 0, m, work);
        column_squares(work, 0, m, columns, out + i);
    }
}

void ridge_inverse_diagonal(const float *l, size_t m, size_t first, size_t last, float *out, float *work) {
    for (size_t i = first; i < last; i += P) {
        const size_t columns = last - i < P ? last - i : P;
        memset(work + i * P, 0, (m - i) * P * sizeof *work);
        for (size_t c = 0; c < columns; ++c) {
            work[(i + c) * P + c] = 1.0f;
        }
        forward(l, i, m, work);
        column_squares(work, i, m, columns, out + i);
    }
}

void ridge_combine(const int16_t *x, size_t n, size_t m, const float *c, size_t p, float *out) {
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

void ridge_contrast(const int16_t *x, size_t m, const uint16_t *a, const uint16_t *b, size_t p, float *out) {
    for (size_t c = 0; c < p; ++c) {
        const int16_t *positive = x + a[c] * m, *negative = x + b[c] * m;
        for (size_t j = 0; j < m; ++j) {
            out[j * p + c] = (float)(positive[j] - negative[j]);
        }
    }
}

void ridge_class_targets(const int32_t *sums, const int32_t *counts, size_t m, size_t classes, float ratio,
    float *total, float *b) {
    for (size_t j = 0; j < m; ++j) {
        int64_t sum = 0;
        for (size_t c = 0; c < classes; ++c) {
            sum += sums[c * m + j];
        }
        total[j] = (float)sum * (1.0f / RIDGE_UNIT);
        for (size_t c = 0; c < classes; ++c) {
            b[j * classes + c] =
                fmaf(-ratio * (float)counts[c], total[j], (float)sums[c * m + j] * (1.0f / RIDGE_UNIT));
        }
    }
}

void ridge_total_dot(const float *total, const float *b, size_t m, size_t p, float *out) {
    for (size_t c = 0; c < p; ++c) {
        float sum = 0.0f;
        for (size_t j = 0; j < m; ++j) {
            sum = fmaf(total[j], b[j * p + c], sum);
        }
        out[c] = sum;
    }
}

static inline int16_t round_signed(float value) {
    return (int16_t)(int32_t)(value < 0.0f ? value - 0.5f : value + 0.5f);
}

int ridge_unit_rows(const float *b, size_t m, size_t p, int16_t *w) {
    if (!all_finite(b, m * p)) {
        return RIDGE_ERR_NOT_FINITE;
    }
    for (size_t c = 0; c < p; ++c, w += m) {
        // Scaled by the largest element first, so that neither tiny nor huge columns lose their sum of squares.
        float largest = 0.0f;
        for (size_t j = 0; j < m; ++j) {
            largest = fabsf(b[j * p + c]) > largest ? fabsf(b[j * p + c]) : largest;
        }
        if (largest < FLT_MIN) { // zero, or denormal: no direction left
            memset(w, 0, m * sizeof *w);
            continue;
        }
        float sum = 0.0f;
        for (size_t j = 0; j < m; ++j) {
            const float value = b[j * p + c] / largest;
            sum = fmaf(value, value, sum);
        }
        const float scale = (float)RIDGE_WEIGHT / sqrtf(sum);
        for (size_t j = 0; j < m; ++j) {
            w[j] = round_signed(b[j * p + c] / largest * scale);
        }
    }
    return RIDGE_OK;
}

int ridge_quantise(const float *b, size_t m, size_t p, int16_t *w, int *exponent) {
    float largest = 0.0f;
    for (size_t i = 0; i < m * p; ++i) {
        if (!isfinite(b[i])) {
            return RIDGE_ERR_NOT_FINITE;
        }
        largest = fabsf(b[i]) > largest ? fabsf(b[i]) : largest;
    }
    int e = 0;
    if (largest > 0.0f) {
        (void)frexpf(largest, &e); // largest < 2^e
    }
    // ldexp and the comparison are exact, so the exponent is the same everywhere.
    int best = 15 - e < *exponent ? 15 - e : *exponent;
    while (ldexpf(largest, best) + 0.5f >= 32768.0f) {
        --best;
    }
    for (size_t j = 0; j < m; ++j) {
        for (size_t c = 0; c < p; ++c) {
            w[c * m + j] = round_signed(ldexpf(b[j * p + c], best));
        }
    }
    *exponent = best;
    return RIDGE_OK;
}

int ridge_leave_one_out(const int16_t *f, size_t n, size_t m, const int16_t *w, const int32_t *v, size_t classes,
    const uint8_t *labels, const float *leverage, const struct ridge_left_out *by, uint8_t *predicted, float *residual,
    float *margin) {
    if (!all_finite(leverage, n)) {
        return RIDGE_ERR_NOT_FINITE;
    }
    for (size_t i = 0; i < n; ++i) {
        if (labels[i] >= classes) {
            return RIDGE_ERR_LABEL;
        }
    }
    for (size_t i = 0; i < n; ++i, f += m) {
        float slack = fmaf(by->factor, leverage[i], by->offset);
        if (!(slack > 4.0f * FLT_EPSILON * by->keep)) {
            slack = 4.0f * FLT_EPSILON * by->keep;
        }
        const float shared = (by->keep - slack) / (float)classes / slack; // v_i / ((1-g) - k v_i)
        float good[RIDGE_MAX_CLASSES] = {0};
        float squares = 0.0f;
        for (size_t c = 0; c < classes; ++c) {
            int64_t z = 0;
            for (size_t j = 0; j < m; ++j) {
                z += (int32_t)f[j] * w[c * m + j];
            }
            float error[RIDGE_MAX_CLASSES], target[RIDGE_MAX_CLASSES] = {0};
            if (c == labels[i]) {
                target[c] = 1.0f; // the neuron of the right class on positive data
            }
            float sum = 0.0f;
            for (size_t l = 0; l < classes; ++l) {
                error[l] = fmaf(-(float)(z + v[c * classes + l]), by->unit, target[l]);
                sum += error[l];
            }
            for (size_t l = 0; l < classes; ++l) {
                const float left_out = fmaf(shared, sum, error[l]) / by->keep;
                const float output = target[l] - left_out;
                squares = fmaf(left_out, left_out, squares);
                good[l] = output > 0.0f ? fmaf(output, output, good[l]) : good[l];
            }
        }
        size_t best = 0, other = labels[i] == 0 ? 1 : 0;
        for (size_t l = 0; l < classes; ++l) {
            best = good[l] > good[best] ? l : best;
            other = l != labels[i] && good[l] > good[other] ? l : other;
        }
        predicted[i] = (uint8_t)best;
        residual[i] = squares;
        margin[i] = good[labels[i]] - good[other];
    }
    return RIDGE_OK;
}
