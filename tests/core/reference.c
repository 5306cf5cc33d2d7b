// Plain loops, see reference.h. The order that ridge.h promises is all there is: k ascends in sums and in forward
// substitution and descends in back substitution, every multiply-add is an fmaf, divisions are by a reciprocal.
#include "reference.h"

#include <math.h>

static size_t at(size_t i, size_t j) {
    return i * (i + 1) / 2 + j;
}

static float element(const struct ridge_system *a, size_t i, size_t j) {
    float value = a->gram_i ? (float)a->gram_i[at(i, j)] : a->gram_f[at(i, j)];
    value *= a->scale;
    if (a->rank1 != 0.0f && a->v) {
        const float left = a->rank1 * a->v[i];
        value = fmaf(left, a->v[j], value);
    } else if (a->rank1 != 0.0f) {
        value += a->rank1;
    }
    if (i == j) {
        value += a->diagonal;
    }
    return value;
}

void reference_factor(const struct ridge_system *a, size_t m, float *l) {
    for (size_t i = 0; i < m; ++i) {
        for (size_t j = 0; j <= i; ++j) {
            float sum = element(a, i, j);
            for (size_t k = 0; k < j; ++k) {
                sum = fmaf(-l[at(i, k)], l[at(j, k)], sum);
            }
            l[at(i, j)] = j < i ? sum * l[at(j, j)] : 1.0f / sqrtf(sum);
        }
    }
}

void reference_solve(const float *l, size_t m, const float *b, size_t p, float *x) {
    for (size_t c = 0; c < p; ++c) {
        for (size_t i = 0; i < m; ++i) {
            float sum = b[i * p + c];
            for (size_t k = 0; k < i; ++k) {
                sum = fmaf(-l[at(i, k)], x[k * p + c], sum);
            }
            x[i * p + c] = sum * l[at(i, i)];
        }
        for (size_t i = m; i-- > 0;) {
            float sum = x[i * p + c];
            for (size_t k = m; k-- > i + 1;) {
                sum = fmaf(-l[at(k, i)], x[k * p + c], sum);
            }
            x[i * p + c] = sum * l[at(i, i)];
        }
    }
}
