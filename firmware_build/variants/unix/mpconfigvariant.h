// unix port as the boards are: 32-bit floats, the feature level of the stm32 port.
#define MICROPY_CONFIG_ROM_LEVEL (MICROPY_CONFIG_ROM_LEVEL_EXTRA_FEATURES)
#define MICROPY_FLOAT_IMPL (MICROPY_FLOAT_IMPL_FLOAT)

#include "variants/mpconfigvariant_common.h"
