"""Arena: memory outside the heap, from both ends in turn."""

import gc

from uff_checks import raises, run, small_samples

from uff import Options
from uff.arena import Arena, HeapArena, free_bytes
from uff.train import Trainer


class Memory:
    """As the modules board_h747 and board_m7; what is taken twice is the same memory."""

    def __init__(self, arena, workspace=200):
        self.regions = {"arena": bytearray(arena), "workspace": bytearray(workspace)}
        self.places = []

    def size(self, region):
        return len(self.regions[region])

    def take(self, region, offset, size):
        assert 0 <= offset and offset + size <= self.size(region), (region, offset, size)
        self.places.append((region, offset, size))
        part = memoryview(self.regions[region])[offset : offset + size]
        part[:] = bytes(size)
        return part

    def found(self):
        found, self.places = self.places, []
        return found


def test_buffers_lie_on_cache_lines_of_their_own():
    memory = Memory(1000)
    alloc = Arena(memory)()
    assert len(alloc(100)) == 100
    alloc(1)
    alloc(0)
    alloc(32)
    assert memory.found() == [
        ("arena", at, size) for at, size in ((0, 100), (128, 1), (160, 0), (160, 32))
    ]
    assert alloc.used == 192
    assert free_bytes(alloc) == alloc.free == 992 - 192


def test_scratch_comes_from_the_workspace_while_that_lasts():
    memory = Memory(1000)
    arena = Arena(memory)
    alloc = arena()
    alloc.fast(150)
    alloc.fast(60)
    alloc.fast(40)
    assert memory.found() == [("workspace", 0, 150), ("arena", 0, 60), ("workspace", 160, 40)]
    assert (alloc.used, alloc.taken) == (64, 64 + 224)
    arena().fast(200)
    assert memory.found() == [("workspace", 0, 200)]


def test_a_full_arena_says_so_and_gives_what_still_fits():
    memory = Memory(1000)
    alloc = Arena(memory)()
    alloc(100)
    raises(MemoryError, "want 865 bytes, 864 of 1000 are free", alloc, 865)
    alloc(864)
    assert alloc.free == 0
    raises(MemoryError, "want 1 bytes, 0 of 1000 are free", alloc, 1)
    alloc(0)


def test_what_is_kept_stays_whole_and_a_failed_training_costs_nothing():
    memory = Memory(1000)
    arena = Arena(memory)
    arena()(300)
    kept = arena()(300)  # the one before failed
    kept[:] = b"k" * 300
    arena.keep()
    for _ in range(2):
        other = arena()
        assert other.free == 992 - 320
        other(672)[:] = b"o" * 672
        assert bytes(kept) == b"k" * 300
    assert memory.found()[-1] == ("arena", 320, 672)
    arena.keep()  # now the other end is free
    newest = arena()
    newest(320)[:] = b"n" * 320
    assert newest.free == 0
    assert bytes(other_part(memory)) == b"o" * 672
    arena.keep()
    arena.keep()
    arena()(1)
    assert memory.found()[-1] == ("arena", 960, 1)


def other_part(memory):
    return memoryview(memory.regions["arena"])[320:992]


def test_what_is_kept_does_not_grow():
    arena = Arena(Memory(1000))
    alloc = arena()
    alloc(100)
    arena.keep()
    raises(MemoryError, "want 1 bytes, 0 of", alloc, 1)


def test_a_training_is_the_same_in_an_arena_and_on_the_heap():
    options = Options(hidden=16)
    plain = Trainer(small_samples(5), options).run()
    memory = Memory(1 << 20, 128 << 10)
    arena = Arena(memory)
    networks = []
    for _ in range(3):  # from the start, from the end, from the start again
        trainer = Trainer(small_samples(5), options, arena())
        networks.append(trainer.run())
        arena.keep()
        fast = [place for place in memory.found() if place[0] == "workspace"]
        assert fast == [("workspace", 0, trainer.plan.work_bytes)], fast
        for network in networks[-2:]:
            assert bytes(network.layer1.w) == bytes(plain.layer1.w)
            assert bytes(network.layer.w) == bytes(plain.layer.w)


def test_the_heap_is_an_arena_too():
    arena = HeapArena()
    alloc = arena()
    assert alloc(3) == bytes(3)
    arena.keep()
    gc.collect()
    assert 0 < free_bytes(alloc) <= gc.mem_free() + 4096


run(globals())
