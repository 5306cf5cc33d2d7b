// unix port as the boards are: 32-bit floats, the feature level of the stm32 port.
#define MICROPY_CONFIG_ROM_LEVEL (MICROPY_CONFIG_ROM_LEVEL_EXTRA_FEATURES)
#define MICROPY_FLOAT_IMPL (MICROPY_FLOAT_IMPL_FLOAT)
#define MICROPY_PY_OS_SYNC (1) // for mounted file systems; on the host's own, flush() of a file is an fsync

// machine.reset() and machine.soft_reset(): the process ends, and `uff board` starts it again. machine.RTC: the host's clock,
// and what it was set to.
extern const struct _mp_obj_fun_builtin_fixed_t board_virtual_reset_obj, board_virtual_soft_reset_obj;
extern const struct _mp_obj_type_t board_virtual_rtc_type;
#define MICROPY_PY_MACHINE_EXTRA_GLOBALS \
    {MP_ROM_QSTR(MP_QSTR_reset), MP_ROM_PTR(&board_virtual_reset_obj)}, \
    {MP_ROM_QSTR(MP_QSTR_soft_reset), MP_ROM_PTR(&board_virtual_soft_reset_obj)}, \
    {MP_ROM_QSTR(MP_QSTR_RTC), MP_ROM_PTR(&board_virtual_rtc_type)},

#include "variants/mpconfigvariant_common.h"

// Ctrl-C comes between two bytecodes, as on the boards; by default the port raises it in the middle of a C function.
#undef MICROPY_ASYNC_KBD_INTR
#define MICROPY_ASYNC_KBD_INTR (0)

#if UFF_FAULTS // tests: see faults/faults_vm.h
#undef MICROPY_OPT_COMPUTED_GOTO
#define MICROPY_OPT_COMPUTED_GOTO (0)
#endif
