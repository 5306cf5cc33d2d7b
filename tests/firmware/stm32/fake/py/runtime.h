// As much of MicroPython's headers as modboard_h747.c needs, for test_memory.c: a name and a string are the same text, an
// exception is a text and a jump, formats are checked by the compiler (%q is not C's, see there).
#ifndef FAKE_RUNTIME_H
#define FAKE_RUNTIME_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef const void *mp_obj_t;
typedef intptr_t mp_int_t;
typedef uintptr_t mp_uint_t;
typedef const char *qstr;
typedef const char *mp_obj_type_t;
extern const mp_obj_type_t mp_type_ValueError;

#define MP_QSTR_workspace "workspace"
#define MP_QSTR_arena "arena"
#define MP_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MP_ERROR_TEXT(text) text
__attribute__((noreturn)) void mp_raise_msg_varg(const mp_obj_type_t *type, const char *text, ...);

qstr mp_obj_str_get_qstr(mp_obj_t obj);
mp_int_t mp_obj_get_int(mp_obj_t obj);
mp_obj_t mp_obj_new_int_from_uint(mp_uint_t value);
mp_obj_t mp_obj_new_bool(bool value);
mp_obj_t mp_obj_new_bytearray_by_ref(size_t bytes, void *items);

#define MP_DEFINE_CONST_FUN_OBJ_0(name, f) mp_obj_t (*name)(void) = f
#define MP_DEFINE_CONST_FUN_OBJ_1(name, f) mp_obj_t (*name)(mp_obj_t) = f
#define MP_DEFINE_CONST_FUN_OBJ_3(name, f) mp_obj_t (*name)(mp_obj_t, mp_obj_t, mp_obj_t) = f

typedef struct {
    const char *name;
    const void *value;
} mp_rom_map_elem_t;
#define MP_ROM_QSTR(name) (#name + 8) // without MP_QSTR_
#define MP_ROM_PTR(f) ((const void *)(f))
typedef const mp_rom_map_elem_t *mp_obj_dict_t;
#define MP_DEFINE_CONST_DICT(name, table) const mp_obj_dict_t name = table
extern const int mp_type_module;
typedef struct {
    struct {
        const int *type;
    } base;
    mp_obj_dict_t *globals;
} mp_obj_module_t;
#define MP_REGISTER_MODULE(name, module) extern int module_is_registered

#endif
