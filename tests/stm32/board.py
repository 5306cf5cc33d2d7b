"""boards/stm32h747i_disco.py on stand-ins for board_h747, pyb and machine: arenas, and a board
whose screen or touch panel does not answer. Ends with OK."""

import sys


class Memory:
    """As the module board_h747, with two arenas of 1000 bytes and a workspace of 200."""

    sizes = {"arena0": 1000, "arena1": 1000, "workspace": 200}

    def __init__(self):
        self.places = []

    def size(self, region):
        return self.sizes[region]

    def take(self, region, offset, size):
        assert 0 <= offset and offset + size <= self.sizes[region], (region, offset, size)
        self.places.append((region, offset, size))
        return bytearray(size)


class Light:
    def __init__(self, number):
        self.number = number

    def on(self):
        pass

    off = on


class Pyb:
    LED = Light

    def Switch(self):
        return lambda: True


class Machine:
    """I2C without anybody on it; pins that remember what they were set to."""

    pins = {}
    buses = []

    class I2C:
        def __init__(self, number, freq, timeout):
            Machine.buses.append((number, freq, timeout))

        def readfrom_mem_into(self, address, register, buffer):
            raise OSError(19)

        def writeto_mem(self, address, register, data):
            raise OSError(19)

    class Pin:
        OUT = 1

        def __init__(self, name, mode, value):
            Machine.pins[name] = value


memory = Memory()
sys.modules["board_h747"] = memory
sys.modules["pyb"] = Pyb()
sys.modules["machine"] = Machine()

from boards.stm32h747i_disco import Arena, Board  # noqa: E402

from uff import Options, Samples, Trainer  # noqa: E402


def places():
    found = list(memory.places)
    memory.places.clear()
    return found


# A training's buffers lie one after the other, on cache lines of their own; scratch in the DTCM
# while that lasts.
arena = Arena(memory)
alloc = arena()
assert len(alloc(100)) == 100
alloc(1)
alloc.fast(150)
alloc.fast(60)
alloc(0)
wanted = [
    ("arena0", 0, 100),
    ("arena0", 128, 1),
    ("workspace", 0, 150),
    ("arena0", 160, 60),
    ("arena0", 224, 0),
]
assert places() == wanted
assert alloc.free == 1000 - 224, alloc.free

# A full one says so, and gives what still fits.
try:
    alloc(777)
except MemoryError as error:
    assert "want 777 bytes, 776 of 1000 are free" in str(error), error
else:
    raise AssertionError("more than there is was given")
alloc(776)
assert alloc.free == 0
places()

# A training that failed leaves its part to the next; one that is kept does not.
arena()(1)
assert places() == [("arena0", 0, 1)]
arena.keep()
arena()(1)
arena()(1)
assert places() == [("arena1", 0, 1), ("arena1", 0, 1)]
arena.keep()
arena.keep()
arena()(1)
assert places() == [("arena0", 0, 1)]

# A training takes its workspace, and nothing else, from the DTCM; all of it once.
memory.sizes = {"arena0": 4 << 20, "arena1": 4 << 20, "workspace": 128 << 10}
samples = Samples(8, 8, ["a", "b"])
for i in range(6):
    samples.append(bytes((i * j) % 251 for j in range(64)), i % 2)
trainer = Trainer(samples, Options(hidden=16), arena())
trainer.run()
fast = [place for place in places() if place[0] == "workspace"]
assert fast == [("workspace", 0, trainer.plan.work_bytes)], fast
memory.sizes = Memory.sizes

# Neither screen nor touch panel: both said, the rest works, the touch panel was let out of reset.
board = Board()
assert board.display is None and board.touch is None
assert [light.number for light in board.leds] == [1, 2, 3, 4]
assert board.button() is True
assert board.folder == "/flash/"
assert Machine.pins["LCD_RESET"] == 1
assert Machine.buses[0][:2] == (4, 100_000)
board.arena()(1)
assert places() == [("arena0", 0, 1)]
print("OK")
