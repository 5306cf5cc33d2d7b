// backprop: the baseline that learns by gradient. A network inputs-hidden-classes (ReLU, softmax, cross entropy) in float32,
// trained in batches by plain gradient descent or by Adam. C99 on arrays of the caller, no allocation, as ridge.h.
#ifndef BACKPROP_H
#define BACKPROP_H

#include <stddef.h>
#include <stdint.h>

#define BACKPROP_MAX_CLASSES (16)

// Sizes: inputs, hidden and batch are multiples of 4, classes at most BACKPROP_MAX_CLASSES.
struct backprop_shape {
    size_t inputs, hidden, classes, batch;
};

// Weights: layer 1 (inputs,hidden), its biases (hidden), layer 2 (hidden,classes), its biases (classes).
static inline size_t backprop_weights_len(const struct backprop_shape *s) {
    return s->inputs * s->hidden + s->hidden + s->hidden * s->classes + s->classes;
}

// Workspace, floats: pixels twice (rows and columns), hidden values, their errors.
static inline size_t backprop_work_len(const struct backprop_shape *s) {
    return s->batch * (2 * s->inputs + 2 * s->hidden);
}

struct backprop_state {
    float *weights;
    float *gradient;  // as weights
    float *moments;   // twice as weights, zero at the start; NULL: plain gradient descent
    float *work;
    float rate;
    uint32_t steps;   // batches seen so far
};

// He's uniform start for layer 1, Glorot's for layer 2, biases zero.
void backprop_start(const struct backprop_shape *s, uint32_t seed, float *weights);

// One pass over images u8 (n,inputs) with labels (n), in the given order (n). Gives the mean cross entropy.
float backprop_epoch(const struct backprop_shape *s, struct backprop_state *state, const uint8_t *images,
    const uint8_t *labels, const uint16_t *order, size_t n);

#endif
