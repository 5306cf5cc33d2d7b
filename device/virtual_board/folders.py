"""Folders of the host as file systems of the virtual board."""

import vfs
from micropython import const

_BLOCK = const(4096)
_BLOCKS = const(4096)  # 16 MB: the real board's flash
_NAME_MAX = const(255)


class Folder:
    """VfsPosix, and sizes as on the board: each file's for `mpremote ls`, and for `mpremote df`
    what all of them would take and leave of the board's flash. The host's disk, mostly larger,
    is what really holds them; where less is left there, that is reported."""

    def __init__(self, folder):
        self._files = files = vfs.VfsPosix(folder)
        self._ilistdir = files.ilistdir
        for name in "open stat chdir getcwd mkdir remove rename rmdir".split():
            setattr(self, name, getattr(files, name))

    def __repr__(self):
        return "<%s>" % type(self).__name__

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

    def statvfs(self, path):
        used = self._blocks("/")
        free = max(0, min(_BLOCKS - used, self._room()))
        # Block and fragment size; blocks, free, available; the same of files: not counted; flags.
        return _BLOCK, _BLOCK, used + free, free, free, 0, 0, 0, 0, _NAME_MAX

    def _room(self):
        """Blocks that the host's disk has left."""
        host = self._files.statvfs("/")
        return host[0] * host[4] // _BLOCK

    def _blocks(self, folder):
        """Blocks that the files in a folder take."""
        blocks = 0
        for name, kind, _, size in self.ilistdir(folder):
            blocks += self._blocks(folder + name + "/") if kind == 0x4000 else -(-size // _BLOCK)
        return blocks


class ReadOnly(Folder):
    """The same, unchangeable: VfsPosix with readonly=True still deletes and renames."""

    def __init__(self, folder):
        super().__init__(folder)
        self._open = self.open
        self.open = self._read
        self.mkdir = self.remove = self.rename = self.rmdir = self._refuse

    def _room(self):
        return 0

    def _read(self, path, mode):
        if "w" in mode or "a" in mode or "+" in mode:
            raise OSError(30)
        return self._open(path, mode)

    def _refuse(self, *paths):
        raise OSError(30)
