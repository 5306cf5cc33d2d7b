// unix port as the boards are: 32-bit floats, the feature level of the stm32 port.
#define MICROPY_CONFIG_ROM_LEVEL (MICROPY_CONFIG_ROM_LEVEL_EXTRA_FEATURES)
#define MICROPY_FLOAT_IMPL (MICROPY_FLOAT_IMPL_FLOAT)
#define MICROPY_PY_OS_SYNC (1) // for mounted file systems; on the host's own, flush() of a file is an fsync

#include "variants/mpconfigvariant_common.h"
