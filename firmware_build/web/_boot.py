# Runs before boot.py, in the name space of the REPL, where it leaves nothing. The disk is
# littlefs, as a board's flash is.
import web_disk

web_disk.mount()
del web_disk
