"""The SD card of the STM32H747I-DISCO, for files that are read into any memory.

pyb.SDCard() itself cannot transfer to or from the DTCM, ITCM or SRAM1 to SRAM4: its DMA (SDMMC1's
own, on the AXI bus of domain D1; reference manual RM0399) reaches AXI SRAM and SDRAM, where the
heap and the arena lie. The workspace of `ridge` is the DTCM: what a file reads into that goes
sector by sector through the heap. Not seen on a board.
"""

import pyb
import uctypes
from micropython import const

_SECTOR = const(512)
_REACHED = const((0x24, 0xD0, 0xD1))  # AXI SRAM and SDRAM, by an address's first byte


class Card:
    """A block device for vfs.mount()."""

    def __init__(self):
        self._card = pyb.SDCard()
        self._sector = bytearray(_SECTOR)
        self.ioctl = self._card.ioctl

    def readblocks(self, number, buffer):
        if uctypes.addressof(buffer) >> 24 in _REACHED:
            return self._card.readblocks(number, buffer)
        for at in range(0, len(buffer), _SECTOR):
            error = self._card.readblocks(number, self._sector)
            if error:
                return error
            buffer[at : at + _SECTOR] = self._sector
            number += 1
        return 0

    def writeblocks(self, number, buffer):
        if uctypes.addressof(buffer) >> 24 in _REACHED:
            return self._card.writeblocks(number, buffer)
        view = memoryview(buffer)
        for at in range(0, len(buffer), _SECTOR):
            self._sector[:] = view[at : at + _SECTOR]
            error = self._card.writeblocks(number, self._sector)
            if error:
                return error
            number += 1
        return 0
