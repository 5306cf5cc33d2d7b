"""Folders of the host as file systems of the virtual board."""

import vfs


class Folder:
    """VfsPosix, and os.ilistdir() tells sizes as on the board, for `mpremote ls`."""

    def __init__(self, folder):
        files = vfs.VfsPosix(folder)
        self._ilistdir = files.ilistdir
        for name in "open stat statvfs chdir getcwd mkdir remove rename rmdir".split():
            setattr(self, name, getattr(files, name))

    def mount(self, readonly, mkfs):
        pass

    def umount(self):
        pass

    def ilistdir(self, path):
        before = path if path in ("", "/") else path + "/"
        for name, kind, number in self._ilistdir(path):
            try:
                size = self.stat(before + name)[6] if kind == 0x8000 else 0
            except OSError:  # a link to nowhere
                size = 0
            yield name, kind, number, size


class ReadOnly(Folder):
    """The same, unchangeable: VfsPosix with readonly=True still deletes and renames."""

    def __init__(self, folder):
        super().__init__(folder)
        self._open = self.open
        self.open = self._read
        self.mkdir = self.remove = self.rename = self.rmdir = self._refuse

    def _read(self, path, mode):
        if "w" in mode or "a" in mode or "+" in mode:
            raise OSError(30)
        return self._open(path, mode)

    def _refuse(self, *paths):
        raise OSError(30)
