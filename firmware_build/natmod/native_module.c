// Functions of MicroPython that py/dynruntime.h lacks or cuts short, made of those that it has.
#include "native_module.h"

#include <stdarg.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

// ---- objects ----

// The parser of arguments has the OverflowError.
mp_int_t mp_obj_get_int(mp_const_obj_t obj) {
    const mp_arg_t one = { MP_QSTR_, MP_ARG_REQUIRED | MP_ARG_INT, {.u_int = 0} };
    mp_arg_val_t value;
    mp_arg_parse_all_kw_array(1, 0, (mp_obj_t *)&obj, 1, &one, &value);
    return value.u_int;
}

// An element of an array('f') is written by the firmware, which converts what float it has.
mp_float_t mp_obj_get_float(mp_obj_t obj) {
    float value;
    mp_binary_set_val_array('f', &value, 0, obj);
    return value;
}

mp_obj_t mp_obj_new_int_from_ll(long long value) {
    return mp_binary_get_val_array('q', &value, 0);
}

mp_obj_t mp_obj_new_str_from_cstr(const char *text) {
    return mp_obj_new_str(text, strlen(text));
}

const char *mp_obj_str_get_str(mp_obj_t obj) {
    if (mp_obj_get_type(obj) != &mp_type_str) {
        mp_raise_msg_varg(&mp_type_TypeError, "can't convert '%s' object to str implicitly", mp_obj_get_type_str(obj));
    }
    return mp_obj_str_get_data_dyn(obj, NULL);
}

const char *mp_obj_get_type_str(mp_const_obj_t obj) {
    return mp_obj_str_get_str(MP_OBJ_NEW_QSTR(mp_obj_get_type(obj)->name));
}

void mp_obj_get_array_fixed_n(mp_obj_t obj, size_t len, mp_obj_t **items) {
    size_t got;
    mp_obj_get_array(obj, &got, items);
    if (got != len) {
        mp_raise_msg_varg(&mp_type_ValueError, "requested length %d but object has length %d", (int)len, (int)got);
    }
}

// ---- exceptions ----

struct sentence {
    size_t len;
    char text[192]; // what is beyond is cut
};

static void sentence_add(void *data, const char *text, size_t len) {
    struct sentence *sentence = data;
    const size_t room = sizeof sentence->text - sentence->len;
    len = len < room ? len : room;
    memcpy(sentence->text + sentence->len, text, len);
    sentence->len += len;
}

void mp_raise_msg_varg(const mp_obj_type_t *type, mp_rom_error_text_t format, ...) {
    struct sentence sentence;
    sentence.len = 0;
    const mp_print_t print = { &sentence, sentence_add };
    va_list args;
    va_start(args, format);
    mp_vprintf(&print, format, args);
    va_end(args);
    nlr_raise(mp_obj_new_exception_arg1(type, mp_obj_new_str(sentence.text, sentence.len)));
}

// ---- the processor ----

void refuse_wrong_processor(void) {
#if defined(__x86_64__) && defined(__AVX2__) && defined(__FMA__)
    unsigned eax, ebx, ecx, edx, low = 0, high;
    bool able = __get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx & bit_FMA) && (ecx & bit_OSXSAVE);
    if (able) { // and the operating system must keep the wide registers
        __asm__ ("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
        able = (low & 6) == 6 && __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (ebx & bit_AVX2);
    }
    if (!able) {
        mp_raise_msg((mp_obj_type_t *)mp_load_global(MP_QSTR_ImportError),
            "this ridge.mpy wants a processor with AVX2 and FMA; build one on this machine with `make mpy`");
    }
#endif
}
