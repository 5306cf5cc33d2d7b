// The MicroPython module `baselines`, only in the benchmark's image: backpropagation (backprop.c) and, where its sources were
// there, CMSIS-DSP's matrix kernels. For device/scripts/dev/bench.py, which gives arrays that it made itself: lengths are
// checked, nothing more.
#include "backprop.h"
#include "py/runtime.h"

#ifdef BASELINES_CMSIS
#include "dsp/matrix_functions.h"
#endif

static void *get(mp_obj_t obj, const char *name, size_t bytes, mp_uint_t flags) {
    mp_buffer_info_t info;
    mp_get_buffer_raise(obj, &info, flags);
    if (info.len < bytes || (uintptr_t)info.buf % 4 != 0) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("%s: want %u aligned bytes, got %u"), name, (unsigned)bytes,
            (unsigned)info.len);
    }
    return info.buf;
}

static float *get_floats(mp_obj_t obj, const char *name, size_t count) {
    return get(obj, name, count * sizeof(float), MP_BUFFER_RW);
}

// shape: (inputs, hidden, classes, batch)
static struct backprop_shape get_shape(mp_obj_t obj) {
    mp_obj_t *items;
    mp_obj_get_array_fixed_n(obj, 4, &items);
    mp_int_t sizes[4];
    for (size_t i = 0; i < 4; ++i) {
        sizes[i] = mp_obj_get_int(items[i]);
        if (sizes[i] < 2 || sizes[i] > 4096 || (i != 2 && sizes[i] % 4 != 0)) {
            mp_raise_ValueError(MP_ERROR_TEXT("shape: want multiples of 4 (but for the classes) up to 4096"));
        }
    }
    if (sizes[2] > BACKPROP_MAX_CLASSES) {
        mp_raise_ValueError(MP_ERROR_TEXT("shape: want at most 16 classes"));
    }
    return (struct backprop_shape) {(size_t)sizes[0], (size_t)sizes[1], (size_t)sizes[2], (size_t)sizes[3]};
}

// sizes(shape) -> bytes of the weights, bytes of the workspace
static mp_obj_t sizes(mp_obj_t shape_in) {
    const struct backprop_shape shape = get_shape(shape_in);
    mp_obj_t items[] = {
        mp_obj_new_int_from_uint(sizeof(float) * backprop_weights_len(&shape)),
        mp_obj_new_int_from_uint(sizeof(float) * backprop_work_len(&shape)),
    };
    return mp_obj_new_tuple(2, items);
}
static MP_DEFINE_CONST_FUN_OBJ_1(sizes_obj, sizes);

// start(shape, seed, weights)
static mp_obj_t start(mp_obj_t shape_in, mp_obj_t seed, mp_obj_t weights) {
    const struct backprop_shape shape = get_shape(shape_in);
    backprop_start(&shape, (uint32_t)mp_obj_get_int_truncated(seed),
        get_floats(weights, "weights", backprop_weights_len(&shape)));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_3(start_obj, start);

// epoch(shape, images, labels, order, weights, gradient, moments or None, work, rate, steps) -> mean cross entropy
static mp_obj_t epoch(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    const struct backprop_shape shape = get_shape(args[0]);
    const size_t count = backprop_weights_len(&shape);
    mp_buffer_info_t labels;
    mp_get_buffer_raise(args[2], &labels, MP_BUFFER_READ);
    const size_t n = labels.len;
    const uint16_t *order = get(args[3], "order", n * sizeof(uint16_t), MP_BUFFER_READ);
    for (size_t i = 0; i < n; ++i) {
        if (order[i] >= n || ((const uint8_t *)labels.buf)[i] >= shape.classes) {
            mp_raise_ValueError(MP_ERROR_TEXT("order or labels: a number is out of range"));
        }
    }
    struct backprop_state state = {
        .weights = get_floats(args[4], "weights", count),
        .gradient = get_floats(args[5], "gradient", count),
        .moments = args[6] == mp_const_none ? NULL : get_floats(args[6], "moments", 2 * count),
        .work = get_floats(args[7], "work", backprop_work_len(&shape)),
        .rate = (float)mp_obj_get_float(args[8]),
        .steps = (uint32_t)mp_obj_get_int(args[9]),
    };
    const uint8_t *images = get(args[1], "images", n * shape.inputs, MP_BUFFER_READ);
    return mp_obj_new_float(backprop_epoch(&shape, &state, images, labels.buf, order, n));
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(epoch_obj, 10, 10, epoch);

#ifdef BASELINES_CMSIS
static void check(arm_status status) {
    if (status != ARM_MATH_SUCCESS) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("CMSIS-DSP: status %d"), (int)status);
    }
}

static uint16_t get_side(mp_obj_t obj) {
    const mp_int_t side = mp_obj_get_int(obj);
    if (side < 1 || side > 4096) {
        mp_raise_ValueError(MP_ERROR_TEXT("want sides of 1 to 4096"));
    }
    return (uint16_t)side;
}

// mult_f32(a, rows, inner, b, columns, out): out = a b
static mp_obj_t mult_f32(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    const uint16_t rows = get_side(args[1]), inner = get_side(args[2]), columns = get_side(args[4]);
    const arm_matrix_instance_f32 a = {rows, inner, get_floats(args[0], "a", rows * inner)};
    const arm_matrix_instance_f32 b = {inner, columns, get_floats(args[3], "b", inner * columns)};
    arm_matrix_instance_f32 out = {rows, columns, get_floats(args[5], "out", rows * columns)};
    check(arm_mat_mult_f32(&a, &b, &out));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(mult_f32_obj, 6, 6, mult_f32);

// mult_q15(a, rows, inner, b, columns, out, work): out = a b / 2^15, saturated; work as large as b
static mp_obj_t mult_q15(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    const uint16_t rows = get_side(args[1]), inner = get_side(args[2]), columns = get_side(args[4]);
    const arm_matrix_instance_q15 a = {rows, inner, get(args[0], "a", 2 * rows * inner, MP_BUFFER_READ)};
    const arm_matrix_instance_q15 b = {inner, columns, get(args[3], "b", 2 * inner * columns, MP_BUFFER_READ)};
    arm_matrix_instance_q15 out = {rows, columns, get(args[5], "out", 2 * rows * columns, MP_BUFFER_RW)};
    check(arm_mat_mult_q15(&a, &b, &out, get(args[6], "work", 2 * inner * columns, MP_BUFFER_RW)));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(mult_q15_obj, 7, 7, mult_q15);

// cholesky_f32(a, order, out): out out' = a, both whole matrices
static mp_obj_t cholesky_f32(mp_obj_t a_in, mp_obj_t order_in, mp_obj_t out_in) {
    const uint16_t n = get_side(order_in);
    const arm_matrix_instance_f32 a = {n, n, get_floats(a_in, "a", n * n)};
    arm_matrix_instance_f32 out = {n, n, get_floats(out_in, "out", n * n)};
    check(arm_mat_cholesky_f32(&a, &out));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_3(cholesky_f32_obj, cholesky_f32);
#endif

static const mp_rom_map_elem_t globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_baselines) },
    { MP_ROM_QSTR(MP_QSTR_sizes), MP_ROM_PTR(&sizes_obj) },
    { MP_ROM_QSTR(MP_QSTR_start), MP_ROM_PTR(&start_obj) },
    { MP_ROM_QSTR(MP_QSTR_epoch), MP_ROM_PTR(&epoch_obj) },
#ifdef BASELINES_CMSIS
    { MP_ROM_QSTR(MP_QSTR_mult_f32), MP_ROM_PTR(&mult_f32_obj) },
    { MP_ROM_QSTR(MP_QSTR_mult_q15), MP_ROM_PTR(&mult_q15_obj) },
    { MP_ROM_QSTR(MP_QSTR_cholesky_f32), MP_ROM_PTR(&cholesky_f32_obj) },
#endif
};
static MP_DEFINE_CONST_DICT(globals, globals_table);

const mp_obj_module_t baselines_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&globals,
};

MP_REGISTER_MODULE(MP_QSTR_baselines, baselines_module);
