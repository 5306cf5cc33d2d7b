#include "plain.h"

#include <stdlib.h>
#include <string.h>

struct plain {
    model_t model;
    const struct plain_value *values;
    uint32_t *registers;
};

static uint32_t read_plain(model_t *model, uint32_t offset, unsigned size) {
    const struct plain *plain = (struct plain *)(void *)model;
    const uint32_t word = plain->registers[offset / 4] >> 8 * (offset & 3);
    return size == 4 ? word : word & ((1u << 8 * size) - 1);
}

static void write_plain(model_t *model, uint32_t offset, unsigned size, uint32_t value) {
    const struct plain *plain = (struct plain *)(void *)model;
    uint32_t mask = (size == 4 ? ~0u : (1u << 8 * size) - 1) << 8 * (offset & 3);
    for (const struct plain_value *one = plain->values; one && one->kept; one++) {
        if (one->offset == (offset & ~3u)) {
            mask &= ~one->kept;
        }
    }
    uint32_t *word = &plain->registers[offset / 4];
    *word = (*word & ~mask) | (value << 8 * (offset & 3) & mask);
}

static void reset_plain(model_t *model) {
    const struct plain *plain = (struct plain *)(void *)model;
    memset(plain->registers, 0, model->size);
    for (const struct plain_value *one = plain->values; one && (one->kept || one->value); one++) {
        plain->registers[one->offset / 4] = one->value;
    }
}

model_t *plain_model(const char *name, uint32_t base, uint32_t size, const struct plain_value *values) {
    struct plain *plain = calloc(1, sizeof(*plain));
    uint32_t *registers = calloc(size / 4, 4);
    if (!plain || !registers) {
        abort();
    }
    plain->model = (model_t){
        .name = name, .base = base, .size = size, .read = read_plain, .write = write_plain, .reset = reset_plain};
    plain->values = values;
    plain->registers = registers;
    return &plain->model;
}
