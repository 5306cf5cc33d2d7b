# unix port, make side: nothing that needs a submodule or a library (Debian's source package has no submodules), and no
# threads, as on the boards.
MICROPY_PY_BTREE = 0
MICROPY_PY_FFI = 0
MICROPY_PY_SSL = 0
MICROPY_SSL_MBEDTLS = 0
MICROPY_PY_THREAD = 0

# The console of `uff board`: the port's own functions give way to those of modboard_virtual.c, as on MPS2_AN500.
$(BUILD)/unix_mphal.o: CFLAGS += $(foreach name,set_interrupt_char stdio_mode_raw stdio_mode_orig,-Dmp_hal_$(name)=port_$(name))
$(BUILD)/unix_mphal.o: CFLAGS += -Dmp_hal_stdout_tx_strn_cooked=port_stdout_tx_strn_cooked
# Its clock: mp_hal_time_ns(), left out where it is defined already, and what the module time calls time().
$(BUILD)/unix_mphal.o: CFLAGS += -Dmp_hal_time_ns=mp_hal_time_ns
$(BUILD)/extmod/modtime.o: CFLAGS += -Dtime=board_virtual_time
# From 1.27 on the port has the boards' REPL among its sources.
ifeq (,$(shell grep -s runtime/pyexec.c Makefile))
CFLAGS += -DBOARD_BRINGS_PYEXEC=1
endif
