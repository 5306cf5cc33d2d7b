"""boards/stm32h747i_disco.py on stand-ins for board_h747, pyb and machine: a board whose screen or
touch panel does not answer. Ends with OK."""

import sys


class Memory:
    """As the module board_h747."""

    sizes = {"arena": 1000, "workspace": 200}

    def __init__(self):
        self.places = []

    def size(self, region):
        return self.sizes[region]

    def take(self, region, offset, size):
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

from boards.stm32h747i_disco import Board  # noqa: E402

# Neither screen nor touch panel: both said, the rest works, the touch panel was let out of reset.
board = Board()
assert not Machine.buses and not Machine.pins, "looked for before somebody asked"
assert board.touch is None and board.display is None
assert board.touch is None and len(Machine.buses) == 1
assert [light.number for light in board.leds] == [1, 2, 3, 4]
assert board.button() is True
assert board.folder == "/flash/"
assert Machine.pins["LCD_RESET"] == 1
assert Machine.buses[0][:2] == (4, 100_000)
board.arena()(1)
assert memory.places == [("arena", 0, 1)]
print("OK")
