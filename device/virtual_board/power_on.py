"""What `uff board` starts: lays out the file system as on the board, then is a board for ever.

/flash is the board's folder, and the only place to write; /checkout is device/ of the checkout,
read-only. The rest of the host's files is out of sight, so that `mpremote rm -r :/` does no harm.
"""

import os
import sys

import board_virtual
import vfs
from folders import Folder, ReadOnly


def exists(path):
    try:
        os.stat(path)
        return True
    except OSError:
        return False


vfs.umount("/")
vfs.mount(Folder(os.getenv("UFF_BOARD_FOLDER")), "/flash")
vfs.mount(ReadOnly(os.getenv("UFF_BOARD_LIBRARY")), "/checkout")
os.chdir("/flash")
sys.path[:] = ["", "/checkout", ".frozen", "/flash", "/flash/lib"]
sys.argv[:] = []
board_virtual.start(
    os.getenv("UFF_BOARD_RAW") == "1",
    "/flash/boot.py" if exists("boot.py") else None,
    # One's own main.py goes before that of the checkout, and that before the frozen one.
    next((path for path in ("/flash/main.py", "/checkout/main.py") if exists(path)), "main.py"),
    int(os.getenv("UFF_BOARD_FD")),
)
