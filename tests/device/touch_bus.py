"""What the touch_*.py scripts share: a bus with the simulated controller, time, and a judge of
what the driver says."""

from drivers.ft6x06 import FT6x06
from drivers.touch import CONTACT, LIFT, PRESS
from ft6x06_model import FT6x06Model

WIDTH, HEIGHT = 800, 480


class Bus:
    """An I2C bus, as machine.I2C, with one controller or none; counts transfers."""

    def __init__(self, model=None):
        self.model = model
        self.transfers = 0

    def readfrom_mem_into(self, address, register, buffer):
        self.transfers += 1
        if self.model is None:
            raise OSError(19)
        buffer[:] = self.model.read_mem(address, register, len(buffer))

    def writeto_mem(self, address, register, data):
        self.transfers += 1
        if self.model is None:
            raise OSError(19)
        self.model.write_mem(address, register, data)


class Bench:
    """A driver, its controller, and a clock that only step() moves."""

    def __init__(self, width=WIDTH, height=HEIGHT, **model):
        self.now = 0
        self.model = FT6x06Model(width=width, height=height, **model)
        self.bus = Bus(self.model)
        self.touch = FT6x06(self.bus, width, height, ticks_ms=lambda: self.now)
        self.judge = Judge(width, height)
        self.step(2)  # the first read sets the controller up

    def step(self, times=1, ms=10):
        """Lets time pass and reads, so many times; the reports, checked."""
        reports = []
        for _ in range(times):
            self.now += ms
            self.model.scan(self.now)
            before = self.bus.transfers
            read = self.touch.read()
            assert type(read) is tuple
            assert self.bus.transfers - before == 1
            self.judge(read)
            reports += read
        return reports


class Judge:
    """Raises AssertionError where reports are not PRESS, CONTACT..., LIFT of each id, on the
    screen, one of an id at a time."""

    def __init__(self, width=WIDTH, height=HEIGHT):
        self.width = width
        self.height = height
        self.down = set()

    def __call__(self, reports):
        assert len(reports) <= 2, reports
        assert len({r.id for r in reports}) == len(reports), reports
        for r in reports:
            assert r.id in (0, 1), r
            assert r.event in (PRESS, CONTACT, LIFT), r
            assert 0 <= r.x < self.width and 0 <= r.y < self.height, r
            assert (r.id in self.down) == (r.event != PRESS), r
            if r.event == PRESS:
                self.down.add(r.id)
            elif r.event == LIFT:
                self.down.remove(r.id)
