"""A folder of the host that MicroPython can read and cannot change: VfsPosix(readonly=True) still
deletes and renames."""

import vfs


class ReadOnly:
    def __init__(self, folder):
        files = vfs.VfsPosix(folder)
        self.stat, self.ilistdir, self.statvfs = files.stat, files.ilistdir, files.statvfs
        self.chdir, self.getcwd = files.chdir, files.getcwd
        self._open = files.open

    def mount(self, readonly, mkfs):
        pass

    def umount(self):
        pass

    def open(self, path, mode):
        if "w" in mode or "a" in mode or "+" in mode:
            raise OSError(30)
        return self._open(path, mode)

    def remove(self, *paths):
        raise OSError(30)

    mkdir = rmdir = rename = remove
