// Floats: ridge regression by Cholesky factorisation, in float32 and in one fixed order. See ridge.h.
//
// Everything rests on two kernels over a panel (m rows of RIDGE_PANEL floats, one column a right-hand side):
// forward() solves L y = b and backward() L^T x = y. A block of rows of the factor itself is such a forward solve,
// with the rows of the system as right-hand sides; leverages and the diagonal of the inverse are others.
#include "ridge_kernels.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#define P RIDGE_PANEL

static inline const float *packed_row(const float *l, size_t i) {
    return l + ridge_packed_len(i);
}

// out[k * stride] = element (i,k) of the system, k < count <= i: left of the diagonal.
static void system_row(const struct ridge_system *a, size_t i, size_t count, float *out, size_t stride) {
    const size_t at = ridge_packed_len(i);
    if (a->gram_i) {
        for (size_t k = 0; k < count; ++k) {
            out[k * stride] = (float)a->gram_i[at + k] * a->scale;
        }
    } else {
        for (size_t k = 0; k < count; ++k) {
            out[k * stride] = a->gram_f[at + k] * a->scale;
        }
    }
    if (a->rank1 != 0.0f && a->v) {
        const float factor = a->rank1 * a->v[i];
        for (size_t k = 0; k < count; ++k) {
            out[k * stride] = fmaf(factor, a->v[k], out[k * stride]);
        }
    } else if (a->rank1 != 0.0f) {
        for (size_t k = 0; k < count; ++k) {
            out[k * stride] += a->rank1;
        }
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
        if (rows < P) {
            memset(work, 0, i * P * sizeof *work);
        }
        for (size_t r = 0; r < rows; ++r) {
            system_row(a, i + r, i, work + r, P);
        }
        ridge_kernels->forward(l, 0, i, P, work, work + i * P);
        // The triangle on the diagonal: what the columns to the left leave of it, then its own Cholesky.
        float element[P] = {0}, triangle[P * P] = {0};
        for (size_t r = 0; r < rows; ++r) {
            for (size_t s = 0; s <= r; ++s) {
                triangle[r * P + s] = system_element(a, i + r, i + s);
            }
            element[r] = triangle[r * P + r];
        }
        ridge_kernels->square(work, i, triangle);
        for (size_t r = 0; r < rows; ++r) {
            float *out = l + ridge_packed_len(i + r);
            for (size_t k = 0; k < i; ++k) {
                out[k] = work[k * P + r];
            }
            for (size_t s = 0; s < r; ++s) {
                const float *other = packed_row(l, i + s) + i;
                float sum = triangle[r * P + s];
                for (size_t k = 0; k < s; ++k) {
                    sum = fmaf(-out[i + k], other[k], sum);
                }
                out[i + s] = sum * other[s];
            }
            float pivot = triangle[r * P + r];
            for (size_t k = 0; k < r; ++k) {
                pivot = fmaf(-out[i + k], out[i + k], pivot);
            }
            *row = i + r;
            if (!isfinite(pivot)) {
                return RIDGE_ERR_NOT_FINITE;
            }
            if (!(pivot > 4.0f * FLT_EPSILON * element[r])) {
                return RIDGE_ERR_NOT_POSDEF;
            }
            out[i + r] = 1.0f / sqrtf(pivot);
        }
    }
    return RIDGE_OK;
}

int ridge_all_finite(const float *x, size_t count) {
    for (size_t i = 0; i < count; ++i) {
        if (!isfinite(x[i])) {
            return 0;
        }
    }
    return 1;
}

int ridge_solve(const float *l, size_t m, const float *b, size_t p, float *x, float *work) {
    if (!ridge_all_finite(b, m * p)) {
        return RIDGE_ERR_NOT_FINITE;
    }
    for (size_t j = 0; j < p; j += P) {
        const size_t columns = p - j < P ? p - j : P;
        for (size_t i = 0; i < m; ++i) {
            memset(work + i * P, 0, P * sizeof *work);
            memcpy(work + i * P, b + i * p + j, columns * sizeof *work);
        }
        ridge_kernels->forward(l, 0, m, columns, work, work + m * P);
        ridge_kernels->backward(l, m, columns, work, work + m * P);
        for (size_t i = 0; i < m; ++i) {
            memcpy(x + i * p + j, work + i * P, columns * sizeof *work);
        }
    }
    return ridge_all_finite(x, m * p) ? RIDGE_OK : RIDGE_ERR_NOT_FINITE;
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

// out (columns,columns) = the inner products of the panel's columns, over its rows start..m-1.
static void column_products(const float *b, size_t start, size_t m, size_t columns, float *out) {
    float negative[P * P] = {0};
    ridge_kernels->square(b + start * P, m - start, negative);
    for (size_t r = 0; r < columns; ++r) {
        for (size_t s = 0; s <= r; ++s) {
            out[r * columns + s] = out[s * columns + r] = 0.0f - negative[r * P + s];
        }
    }
}

// Panel columns L^-1 u_c, u_c = f_c / RIDGE_UNIT - ratio * total.
static void leverage_panel(const float *l, size_t m, const int16_t *f, size_t columns, const float *total, float ratio,
    float *work) {
    memset(work, 0, m * P * sizeof *work);
    for (size_t c = 0; c < columns; ++c, f += m) {
        for (size_t j = 0; j < m; ++j) {
            work[j * P + c] = fmaf(-ratio, total[j], (float)f[j] * (1.0f / RIDGE_UNIT));
        }
    }
    ridge_kernels->forward(l, 0, m, columns, work, work + m * P);
}

void ridge_leverage(const float *l, size_t m, const int16_t *f, size_t n, const float *total, float ratio,
    float *out, float *work) {
    for (size_t i = 0; i < n; i += P) {
        const size_t columns = n - i < P ? n - i : P;
        leverage_panel(l, m, f + i * m, columns, total, ratio, work);
        column_squares(work, 0, m, columns, out + i);
    }
}

void ridge_leverage_block(const float *l, size_t m, const int16_t *f, size_t n, const float *total, float ratio,
    float *out, float *work) {
    leverage_panel(l, m, f, n, total, ratio, work);
    column_products(work, 0, m, n, out);
}

// Panel columns first..first+columns-1 of L^-1, from row first on.
static void inverse_panel(const float *l, size_t m, size_t first, size_t columns, float *work) {
    memset(work + first * P, 0, (m - first) * P * sizeof *work);
    for (size_t c = 0; c < columns; ++c) {
        work[(first + c) * P + c] = 1.0f;
    }
    ridge_kernels->forward(l, first, m, columns, work, work + m * P);
}

void ridge_inverse_diagonal(const float *l, size_t m, size_t first, size_t last, float *out, float *work) {
    for (size_t i = first; i < last; i += P) {
        const size_t columns = last - i < P ? last - i : P;
        inverse_panel(l, m, i, columns, work);
        column_squares(work, i, m, columns, out + i);
    }
}

void ridge_inverse_block(const float *l, size_t m, size_t first, size_t last, float *out, float *work) {
    inverse_panel(l, m, first, last - first, work);
    column_products(work, first, m, last - first, out);
}

void ridge_combine(const int16_t *x, size_t n, size_t m, const float *c, size_t p, float *out) {
    ridge_kernels->combine(x, n, m, c, p, out);
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

int ridge_unit_rows(const float *b, size_t m, size_t p, int16_t *w) {
    if (!ridge_all_finite(b, m * p)) {
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
        const float inverse = 1.0f / largest;
        float sum = 0.0f;
        for (size_t j = 0; j < m; ++j) {
            const float value = b[j * p + c] * inverse;
            sum = fmaf(value, value, sum);
        }
        const float scale = (float)RIDGE_WEIGHT / sqrtf(sum);
        for (size_t j = 0; j < m; ++j) {
            w[j] = ridge_round_signed(b[j * p + c] * inverse * scale);
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
            w[c * m + j] = ridge_round_signed(ldexpf(b[j * p + c], best));
        }
    }
    *exponent = best;
    return RIDGE_OK;
}

int ridge_leave_one_out(const int16_t *f, size_t n, size_t m, const int16_t *w, const int32_t *v, size_t classes,
    const uint8_t *labels, const float *leverage, const struct ridge_left_out *by, uint8_t *predicted, float *residual,
    float *margin) {
    if (!ridge_all_finite(leverage, n)) {
        return RIDGE_ERR_NOT_FINITE;
    }
    for (size_t i = 0; i < n; ++i) {
        if (labels[i] >= classes) {
            return RIDGE_ERR_LABEL;
        }
    }
    if (!ridge_goodness_fits(f, n, m, w, v, classes)) {
        return RIDGE_ERR_OVERFLOW;
    }
    for (size_t i = 0; i < n; ++i, f += m) {
        int32_t z[RIDGE_MAX_CLASSES];
        ridge_kernels->product(f, 1, m, w, classes, z, NULL);
        float slack = fmaf(by->factor, leverage[i], by->offset);
        if (!(slack > 4.0f * FLT_EPSILON * by->keep)) {
            slack = 4.0f * FLT_EPSILON * by->keep;
        }
        const float shared = (by->keep - slack) / (float)classes / slack; // v_i / ((1-g) - k v_i)
        float good[RIDGE_MAX_CLASSES] = {0};
        float squares = 0.0f;
        for (size_t c = 0; c < classes; ++c) {
            float error[RIDGE_MAX_CLASSES], target[RIDGE_MAX_CLASSES] = {0};
            float gain = 1.0f;
            if (c == labels[i]) { // the neuron of the right class on positive data
                target[c] = by->targets ? by->targets[c] : 1.0f;
                gain = by->targets ? by->targets[classes + c] : 1.0f;
            }
            float sum = 0.0f;
            for (size_t l = 0; l < classes; ++l) {
                error[l] = fmaf(-(float)(z[c] + v[c * classes + l]), by->unit, target[l]);
                sum += error[l];
            }
            for (size_t l = 0; l < classes; ++l) {
                const float left_out = fmaf(shared, sum, error[l]) / by->keep;
                const float output = (target[l] - left_out) * gain, off = target[l] - output;
                squares = fmaf(off, off, squares);
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

// Row 0 of the inverse of a (r,r), r <= P, by a Cholesky factor; a has rows of `stride`, is symmetric and has a positive
// diagonal.
static void first_inverse_row(const float *a, size_t stride, size_t r, float *out) {
    float l[P][P], inverse[P]; // inverse: of the factor's diagonal
    for (size_t i = 0; i < r; ++i) {
        for (size_t j = 0; j < i; ++j) {
            float sum = a[i * stride + j];
            for (size_t k = 0; k < j; ++k) {
                sum = fmaf(-l[i][k], l[j][k], sum);
            }
            l[i][j] = sum * inverse[j];
        }
        float pivot = a[i * stride + i];
        for (size_t k = 0; k < i; ++k) {
            pivot = fmaf(-l[i][k], l[i][k], pivot);
        }
        const float least = 4.0f * FLT_EPSILON * a[i * stride + i]; // all that rounding left of it
        inverse[i] = 1.0f / sqrtf(pivot > least ? pivot : least);
    }
    for (size_t i = 0; i < r; ++i) {
        float sum = i == 0 ? 1.0f : 0.0f;
        for (size_t k = 0; k < i; ++k) {
            sum = fmaf(-l[i][k], out[k], sum);
        }
        out[i] = sum * inverse[i];
    }
    for (size_t i = r; i-- > 0;) {
        float sum = out[i];
        for (size_t k = r; k-- > i + 1;) {
            sum = fmaf(-l[k][i], out[k], sum);
        }
        out[i] = sum * inverse[i];
    }
}

int ridge_leave_group_out(const float *block, size_t r, const float *residual, const uint8_t *labels,
    const struct ridge_groups *by, uint8_t *predicted, float *residuals, float *margins) {
    const size_t classes = by->classes, groups = r / by->group;
    const float *const numbers[] = {by->targets, by->gain, by->across, by->own};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; ++i) {
        if (!ridge_all_finite(numbers[i], classes)) {
            return RIDGE_ERR_NOT_FINITE;
        }
    }
    if (!ridge_all_finite(block, r * r) || !ridge_all_finite(residual, r * classes)) {
        return RIDGE_ERR_NOT_FINITE;
    }
    for (size_t i = 0; i < r; ++i) {
        if (!(block[i * r + i] > 0.0f)) {
            return RIDGE_ERR_NOT_POSDEF;
        }
    }
    for (size_t i = 0; i < groups; ++i) {
        if (labels[i] >= classes) {
            return RIDGE_ERR_LABEL;
        }
    }
    uint8_t nearest[P];
    float wrong[P], apart_by[P];
    for (size_t i = 0; i < groups; ++i) {
        const size_t label = labels[i];
        const float *const own = residual + i * by->group * classes;
        float row[P], good[RIDGE_MAX_CLASSES] = {0}, squares = 0.0f;
        first_inverse_row(block + i * by->group * (r + 1), r, by->group, row);
        for (size_t c = 0; c < classes; ++c) {
            const bool right = c == label;
            float error = 0.0f;
            for (size_t j = 0; j < by->group; ++j) {
                error = fmaf(row[j], own[j * classes + c], error);
            }
            const float mean = (right ? by->targets[c] / (float)classes : 0.0f) - error;
            const float apart = right ? by->own[c] : by->across[c];
            for (size_t l = 0; l < classes; ++l) {
                const float share = (l == c ? 1.0f : 0.0f) - 1.0f / (float)classes;
                const float output = fmaf(apart, share, mean) * (right ? by->gain[c] : 1.0f);
                const float off = (right && l == label ? by->targets[c] : 0.0f) - output;
                squares = fmaf(off, off, squares);
                good[l] = output > 0.0f ? fmaf(output, output, good[l]) : good[l];
            }
        }
        size_t best = 0, other = label == 0 ? 1 : 0;
        for (size_t l = 0; l < classes; ++l) {
            best = good[l] > good[best] ? l : best;
            other = l != label && good[l] > good[other] ? l : other;
        }
        nearest[i] = (uint8_t)best;
        wrong[i] = squares;
        apart_by[i] = good[label] - good[other];
    }
    if (!ridge_all_finite(wrong, groups) || !ridge_all_finite(apart_by, groups)) {
        return RIDGE_ERR_NOT_POSDEF; // an indefinite block: no inverse of a system
    }
    memcpy(predicted, nearest, groups);
    memcpy(residuals, wrong, groups * sizeof *wrong);
    memcpy(margins, apart_by, groups * sizeof *apart_by);
    return RIDGE_OK;
}
