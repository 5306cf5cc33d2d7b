// Backpropagation, see backprop.h. Both large products of a layer, X W forward and X' D for the gradient, are one kernel:
// u' v over rows, in tiles of 4 x 4 sums (on Arm with FMA the same instructions as ridge_m7.c), so that the baseline is not
// beaten by slow loops.
#include "backprop.h"

#include <math.h>
#include <string.h>

// tile (4, 4 at row stride `stride`) += u^T v over count rows; u and v have 4 floats each, at their strides.
static inline void tile_4x4(float *tile, size_t stride, const float *u, size_t u_stride, const float *v, size_t v_stride,
    size_t count) {
    float *t1 = tile + stride, *t2 = t1 + stride, *t3 = t2 + stride;
#if defined(__ARM_FEATURE_FMA) && defined(__thumb2__)
    const size_t u_bytes = u_stride * sizeof *u, v_bytes = v_stride * sizeof *v;
    __asm__ volatile(
        "vldmia %[t0], {s0-s3}\n"
        "vldmia %[t1], {s4-s7}\n"
        "vldmia %[t2], {s8-s11}\n"
        "vldmia %[t3], {s12-s15}\n"
        "1:\n"
        "vldmia %[u], {s16-s19}\n"
        "add %[u], %[u], %[us]\n"
        "vldmia %[v], {s20-s23}\n"
        "add %[v], %[v], %[vs]\n"
        "vfma.f32 s0, s16, s20\n"
        "vfma.f32 s1, s16, s21\n"
        "vfma.f32 s2, s16, s22\n"
        "vfma.f32 s3, s16, s23\n"
        "vfma.f32 s4, s17, s20\n"
        "vfma.f32 s5, s17, s21\n"
        "vfma.f32 s6, s17, s22\n"
        "vfma.f32 s7, s17, s23\n"
        "vfma.f32 s8, s18, s20\n"
        "vfma.f32 s9, s18, s21\n"
        "vfma.f32 s10, s18, s22\n"
        "vfma.f32 s11, s18, s23\n"
        "vfma.f32 s12, s19, s20\n"
        "vfma.f32 s13, s19, s21\n"
        "vfma.f32 s14, s19, s22\n"
        "vfma.f32 s15, s19, s23\n"
        "subs %[n], %[n], #1\n"
        "bne 1b\n"
        "vstmia %[t0], {s0-s3}\n"
        "vstmia %[t1], {s4-s7}\n"
        "vstmia %[t2], {s8-s11}\n"
        "vstmia %[t3], {s12-s15}\n"
        : [u] "+r"(u), [v] "+r"(v), [n] "+l"(count)
        : [t0] "r"(tile), [t1] "r"(t1), [t2] "r"(t2), [t3] "r"(t3), [us] "r"(u_bytes), [vs] "r"(v_bytes)
        : "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "s12", "s13", "s14", "s15", "s16",
        "s17", "s18", "s19", "s20", "s21", "s22", "s23", "cc", "memory");
#else
    float *const rows[4] = {tile, t1, t2, t3};
    for (size_t k = 0; k < count; ++k, u += u_stride, v += v_stride) {
        for (size_t r = 0; r < 4; ++r) {
            for (size_t c = 0; c < 4; ++c) {
                rows[r][c] += u[r] * v[c];
            }
        }
    }
#endif
}

// out (a,b) += u^T v, u (count,a), v (count,b); a and b multiples of 4, count above 0.
static void add_products(float *out, const float *u, size_t a, const float *v, size_t b, size_t count) {
    for (size_t i = 0; i < a; i += 4) {
        for (size_t j = 0; j < b; j += 4) {
            tile_4x4(out + i * b + j, b, u + i, a, v + j, b, count);
        }
    }
}

static uint32_t next_random(uint32_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

static void uniform(float *w, size_t count, float limit, uint32_t *state) {
    for (size_t i = 0; i < count; ++i) {
        w[i] = limit * ((float)(next_random(state) >> 8) * (2.0f / 16777216.0f) - 1.0f);
    }
}

void backprop_start(const struct backprop_shape *s, uint32_t seed, float *weights) {
    uint32_t state = seed * 2654435769u + 1;
    state = state ? state : 1;
    const size_t first = s->inputs * s->hidden, second = s->hidden * s->classes;
    memset(weights, 0, backprop_weights_len(s) * sizeof *weights);
    uniform(weights, first, sqrtf(6.0f / (float)s->inputs), &state);
    uniform(weights + first + s->hidden, second, sqrtf(6.0f / (float)(s->hidden + s->classes)), &state);
}

// Cross entropy of one row of outputs, which become their errors.
static float outputs_to_errors(float *out, size_t classes, size_t label, float share) {
    float largest = out[0], sum = 0.0f;
    for (size_t c = 1; c < classes; ++c) {
        largest = out[c] > largest ? out[c] : largest;
    }
    const float right = out[label] - largest;
    for (size_t c = 0; c < classes; ++c) {
        out[c] = expf(out[c] - largest);
        sum += out[c];
    }
    for (size_t c = 0; c < classes; ++c) {
        out[c] = (out[c] / sum - (c == label ? 1.0f : 0.0f)) * share;
    }
    return logf(sum) - right;
}

static void descend(const struct backprop_state *state, size_t count) {
    float *restrict w = state->weights;
    const float *restrict g = state->gradient;
    if (!state->moments) {
        for (size_t i = 0; i < count; ++i) {
            w[i] -= state->rate * g[i];
        }
        return;
    }
    float *restrict mean = state->moments, *restrict square = state->moments + count;
    const float first = 0.9f, second = 0.999f, t = (float)state->steps;
    const float correct = sqrtf(1.0f - powf(second, t));
    const float rate = state->rate * correct / (1.0f - powf(first, t)), epsilon = 1e-8f * correct;
    for (size_t i = 0; i < count; ++i) {
        mean[i] += (1.0f - first) * (g[i] - mean[i]);
        square[i] += (1.0f - second) * (g[i] * g[i] - square[i]);
        w[i] -= rate * mean[i] / (sqrtf(square[i]) + epsilon);
    }
}

static float batch_step(const struct backprop_shape *s, struct backprop_state *state, const uint8_t *images,
    const uint8_t *labels, const uint16_t *order, size_t count) {
    const size_t m = s->inputs, q = s->hidden, k = s->classes, rows = (count + 3) / 4 * 4;
    float *const w1 = state->weights, *const b1 = w1 + m * q, *const w2 = b1 + q, *const b2 = w2 + q * k;
    float *const g1 = state->gradient, *const gb1 = g1 + m * q, *const g2 = gb1 + q, *const gb2 = g2 + q * k;
    float *const x = state->work, *const columns = x + rows * m, *const h = columns + rows * m;
    float *const d = h + rows * q;
    for (size_t r = 0; r < rows; ++r) { // rows beyond the last image are zero and have no error
        const uint8_t *image = r < count ? images + order[r] * m : NULL;
        for (size_t i = 0; i < m; ++i) {
            x[r * m + i] = columns[i * rows + r] = image ? (float)image[i] * (1.0f / 255.0f) : 0.0f;
        }
        memcpy(h + r * q, b1, q * sizeof *h);
    }
    add_products(h, columns, rows, w1, q, m);
    memset(state->gradient, 0, backprop_weights_len(s) * sizeof *state->gradient);
    float loss = 0.0f;
    for (size_t r = 0; r < rows; ++r) {
        float *hidden = h + r * q, *error = d + r * q, z[BACKPROP_MAX_CLASSES];
        if (r >= count) {
            memset(error, 0, q * sizeof *error);
            continue;
        }
        memcpy(z, b2, k * sizeof *z);
        for (size_t j = 0; j < q; ++j) {
            hidden[j] = hidden[j] > 0.0f ? hidden[j] : 0.0f;
            for (size_t c = 0; c < k; ++c) {
                z[c] += hidden[j] * w2[j * k + c];
            }
        }
        loss += outputs_to_errors(z, k, labels[order[r]], 1.0f / (float)count);
        for (size_t j = 0; j < q; ++j) {
            float sum = 0.0f;
            for (size_t c = 0; c < k; ++c) {
                sum += z[c] * w2[j * k + c];
                g2[j * k + c] += z[c] * hidden[j];
            }
            error[j] = hidden[j] > 0.0f ? sum : 0.0f;
            gb1[j] += error[j];
        }
        for (size_t c = 0; c < k; ++c) {
            gb2[c] += z[c];
        }
    }
    add_products(g1, x, m, d, q, rows);
    ++state->steps;
    descend(state, backprop_weights_len(s));
    return loss;
}

float backprop_epoch(const struct backprop_shape *s, struct backprop_state *state, const uint8_t *images,
    const uint8_t *labels, const uint16_t *order, size_t n) {
    float loss = 0.0f;
    for (size_t i = 0; i < n; i += s->batch) {
        loss += batch_step(s, state, images, labels, order + i, n - i < s->batch ? n - i : s->batch);
    }
    return loss / (float)n;
}
