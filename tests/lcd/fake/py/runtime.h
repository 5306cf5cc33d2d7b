// As much of MicroPython's headers as modlcd.c needs, for test_glue.c: an exception is a text and a jump, formats are
// checked by the compiler.
#ifndef FAKE_RUNTIME_H
#define FAKE_RUNTIME_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef const void *mp_obj_t;
typedef intptr_t mp_int_t;
typedef const char *mp_obj_type_t;
extern const mp_obj_type_t mp_type_OSError, mp_type_ValueError, mp_type_RuntimeError;

#define MP_ERROR_TEXT(text) text
__attribute__((noreturn)) void mp_raise_msg(const mp_obj_type_t *type, const char *text);
__attribute__((noreturn, format(printf, 2, 3))) void mp_raise_msg_varg(const mp_obj_type_t *type, const char *text, ...);

mp_int_t mp_obj_get_int(mp_obj_t obj);
bool mp_obj_is_true(mp_obj_t obj);
mp_obj_t mp_obj_new_int_from_uint(uint32_t value);
mp_obj_t mp_obj_new_bytearray_by_ref(size_t bytes, void *items);
extern const char mp_const_none[];

#define MP_OBJ_NEW_QSTR(name) (#name + 8) // without MP_QSTR_
#define MP_DEFINE_CONST_FUN_OBJ_0(name, f) mp_obj_t (*name)(void) = f
#define MP_DEFINE_CONST_FUN_OBJ_1(name, f) mp_obj_t (*name)(mp_obj_t) = f
#define MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(name, least, most, f) mp_obj_t (*name)(size_t, const mp_obj_t *) = f

typedef struct {
    const char *name;
    const void *value;
} mp_rom_map_elem_t;
#define MP_ROM_QSTR(name) (#name + 8)
#define MP_ROM_INT(value) ((const void *)(uintptr_t)(value))
#define MP_ROM_PTR(f) ((const void *)(f))
typedef struct {
    const mp_rom_map_elem_t *elements;
    size_t count;
} mp_obj_dict_t;
#define MP_DEFINE_CONST_DICT(name, table) const mp_obj_dict_t name = {table, sizeof(table) / sizeof(table[0])}
extern const int mp_type_module;
typedef struct {
    struct {
        const int *type;
    } base;
    mp_obj_dict_t *globals;
} mp_obj_module_t;
#define MP_REGISTER_MODULE(name, module) extern int module_is_registered

#endif
