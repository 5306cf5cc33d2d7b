// The module `guarded`, for tests under AddressSanitizer: buffers that lie alone in the C heap, each exactly as long as it
// is, so that the first byte read or written beside one is found; MicroPython's own heap is one block to the sanitizer.
#include <stdlib.h>
#include <string.h>

#include "py/binary.h"
#include "py/runtime.h"

// Buffer(typecode, n or buffer, skip=0): n zeros or a copy of what the buffer holds, `skip` bytes off any alignment.
// free() gives the memory back: a buffer of length 0 from then on. A memoryview does not keep it alive.
typedef struct {
    mp_obj_base_t base;
    char typecode;
    size_t size; // of an element
    size_t bytes;
    size_t skip;
    char *block;
} buffer_t;

static const mp_obj_type_t buffer_type;

static mp_obj_t buffer_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    mp_arg_check_num(n_args, n_kw, 2, 3, false);
    const char typecode = *mp_obj_str_get_str(args[0]);
    const size_t size = mp_binary_get_size('@', typecode, NULL);
    mp_buffer_info_t from = {.buf = NULL};
    if (mp_obj_is_int(args[1])) {
        from.len = (size_t)mp_obj_get_int(args[1]) * size;
    } else {
        mp_get_buffer_raise(args[1], &from, MP_BUFFER_READ);
    }
    buffer_t *self = mp_obj_malloc_with_finaliser(buffer_t, type);
    *self = (buffer_t) {self->base, typecode, size, from.len, n_args > 2 ? (size_t)mp_obj_get_int(args[2]) : 0, NULL};
    self->block = malloc(self->skip + self->bytes);
    if (self->block == NULL) {
        m_malloc_fail(self->bytes);
    }
    if (from.buf == NULL) {
        memset(self->block + self->skip, 0, self->bytes);
    } else {
        memcpy(self->block + self->skip, from.buf, self->bytes);
    }
    return MP_OBJ_FROM_PTR(self);
}

static mp_int_t buffer_get_buffer(mp_obj_t self_in, mp_buffer_info_t *info, mp_uint_t flags) {
    const buffer_t *self = MP_OBJ_TO_PTR(self_in);
    *info = (mp_buffer_info_t) {
        .buf = self->block == NULL ? NULL : self->block + self->skip,
        .len = self->bytes,
        .typecode = self->typecode,
    };
    return 0;
}

static mp_obj_t buffer_unary_op(mp_unary_op_t op, mp_obj_t self_in) {
    const buffer_t *self = MP_OBJ_TO_PTR(self_in);
    return op == MP_UNARY_OP_LEN ? mp_obj_new_int_from_uint(self->bytes / self->size) : MP_OBJ_NULL;
}

static mp_obj_t buffer_free(mp_obj_t self_in) {
    buffer_t *self = MP_OBJ_TO_PTR(self_in);
    free(self->block);
    self->block = NULL;
    self->bytes = 0;
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(buffer_free_obj, buffer_free);

static const mp_rom_map_elem_t buffer_locals_table[] = {
    {MP_ROM_QSTR(MP_QSTR_free), MP_ROM_PTR(&buffer_free_obj)},
    {MP_ROM_QSTR(MP_QSTR___del__), MP_ROM_PTR(&buffer_free_obj)},
};
static MP_DEFINE_CONST_DICT(buffer_locals, buffer_locals_table);

static MP_DEFINE_CONST_OBJ_TYPE(buffer_type, MP_QSTR_Buffer, MP_TYPE_FLAG_NONE, make_new, buffer_make_new, unary_op,
    buffer_unary_op, buffer, buffer_get_buffer, locals_dict, &buffer_locals);

static const mp_rom_map_elem_t globals_table[] = {
    {MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_guarded)},
    {MP_ROM_QSTR(MP_QSTR_Buffer), MP_ROM_PTR(&buffer_type)},
};
static MP_DEFINE_CONST_DICT(globals, globals_table);

const mp_obj_module_t guarded_module = {
    .base = {&mp_type_module},
    .globals = (mp_obj_dict_t *)&globals,
};
MP_REGISTER_MODULE(MP_QSTR_guarded, guarded_module);
