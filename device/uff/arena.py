"""Where big arrays come from: MicroPython's heap, or memory outside it.

The collector walks the whole heap and scans every word of what lives in it, so on a board that has
more memory the Gram matrices lie elsewhere.
"""

import gc

LINE = 32  # bytes of a line of the data cache: buffers that share none


class HeapArena:
    """Of a board that has nothing but the heap.

    arena() gives an alloc(bytes) -> zeroed buffer for one training; arena.keep() says that the
    network lies in what was given last, arena.clear() that none does. The heap needs no telling:
    it gives back what nothing holds.
    """

    def __call__(self):
        return bytearray

    def keep(self):
        pass

    def clear(self):
        pass


class Arena:
    """Memory outside the heap, given out from both of its ends in turn.

    arena() gives an alloc for one training, from the end that is not kept, up to what is kept.
    arena.keep() keeps what was given last and frees what was kept before, so a network stays what
    it is until the next one is there, and a training that failed costs nothing. Whatever is older
    must not be used any more.

    memory: size(region) and take(region, offset, bytes) -> zeroed bytearray, for the regions
    "arena" and "workspace" (board_h747, board_m7).
    """

    def __init__(self, memory):
        self._memory = memory
        self._given = self._kept = None

    def __call__(self):
        size, at_end = self._memory.size("arena"), False
        if self._kept:
            size, at_end = size - self._kept.used, not self._kept.at_end
        self._given = Part(self._memory, size, at_end)
        return self._given

    def keep(self):
        self._kept = self._given
        self._kept.end()

    def clear(self):
        self._given = self._kept = None


class Part:
    """alloc(bytes) -> zeroed bytearray, for one training. MemoryError where it is full.

    alloc.fast(bytes): the same for scratch memory, in the workspace while that lasts. On the board
    that is the DTCM: no wait states, no cache to miss, but out of reach for DMA, so nothing is to
    be read into it from an SD card. The next training gets the same workspace.
    """

    def __init__(self, memory, size, at_end):
        self.at_end = at_end
        self.used = 0  # bytes of the arena
        self._memory, self._size, self._fast = memory, size, 0

    def __call__(self, size):
        if size > self.free:
            raise MemoryError(
                "arena: want %d bytes, %d of %d are free; want fewer images or neurons"
                % (size, self.free, self._memory.size("arena"))
            )
        start = self.used
        self.used += _lines(size)
        if self.at_end:
            start = self._memory.size("arena") // LINE * LINE - self.used
        return self._memory.take("arena", start, size)

    @property
    def fast_free(self):
        """Bytes left of the workspace."""
        return self._memory.size("workspace") - self._fast

    def fast(self, size):
        if size > self.fast_free:
            return self(size)
        start = self._fast
        self._fast += _lines(size)
        return self._memory.take("workspace", start, size)

    @property
    def free(self):
        """Bytes left."""
        return max(self._size // LINE * LINE - self.used, 0)

    @property
    def taken(self):
        """Bytes given out, of arena and workspace."""
        return self.used + self._fast

    def end(self):
        """Gives nothing more."""
        self._size = self.used


def _lines(size):
    return (size + LINE - 1) // LINE * LINE


def free_bytes(alloc):
    """What an alloc of either arena can give; for the heap, what is free there now."""
    return alloc.free if isinstance(alloc, Part) else gc.mem_free()


def held_bytes(alloc):
    """What is in use: of the heap, and of what an alloc of either arena has given outside it."""
    return gc.mem_alloc() + (alloc.taken if isinstance(alloc, Part) else 0)
