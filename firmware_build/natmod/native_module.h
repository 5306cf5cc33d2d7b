// MicroPython for a native module: py/dynruntime.h, and the functions of MicroPython that modridge.c needs beyond it
// (native_module.c), declared by MicroPython's own headers and with their behaviour.
//
// A native module reaches the firmware through one table of functions (mp_fun_table). No float is passed there in a
// register, so one file serves firmware with float32 and with doubles, and both conventions of passing them on Arm.
#ifndef NATIVE_MODULE_H
#define NATIVE_MODULE_H

#include "py/dynruntime.h"

#undef mp_obj_get_int     // it cuts off what does not fit
#undef mp_obj_get_float   // it passes a float in a register
#undef mp_obj_str_get_str // it takes any buffer, with no 0 at its end

#define mp_type_OverflowError (*(mp_obj_type_t *)(mp_load_global(MP_QSTR_OverflowError)))

// Raises ImportError on a processor without the instructions that this module is built with.
void refuse_wrong_processor(void);

#endif
