# Runs before boot.py, in the name space of the REPL, where it leaves nothing.
import board_disk

board_disk.mount()
del board_disk
