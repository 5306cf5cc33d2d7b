# unix port, make side: nothing that needs a submodule or a library (Debian's source package has no submodules), and no
# threads, as on the boards.
MICROPY_PY_BTREE = 0
MICROPY_PY_FFI = 0
MICROPY_PY_SSL = 0
MICROPY_SSL_MBEDTLS = 0
MICROPY_PY_THREAD = 0
