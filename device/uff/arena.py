"""Where big arrays come from on a board that has nothing but MicroPython's heap."""


class HeapArena:
    """arena() gives an alloc(bytes) -> zeroed buffer for one training; arena.keep() says that the
    network lies in what was given last. The heap needs no telling: it gives back what nothing
    holds. Boards with memory of their own have their own (device/boards)."""

    def __call__(self):
        return bytearray

    def keep(self):
        pass
