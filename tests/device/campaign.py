"""Faults on purpose, everywhere: allocations that fail, Ctrl-C between two bytecodes, power cuts,
bad blocks, damaged files, full disks, two programs. Runs in the firmware unix-faults;
tests/campaigns/faults.py starts it and makes a table of its lines:

    row TRIED LOST what was done
    lost how one was lost

campaign.py NAME SEED EVERY: of all places where a fault can come every EVERYth is tried, from
one on that the seed chooses. Lost is a drawing that was kept and is gone without a word, an object
that says other things than its file, a model that is not that of its drawings, and what does not
work or start afterwards.
"""

import asyncio
import gc
import os
import sys
from array import array
from struct import pack, unpack_from

import capture.app
import faults
from boards.headless import MemoryDisplay
from capture import rules
from capture.layout import KEYS, Layout, centre
from capture.raster import SIDE, Raster
from capture.recogniser import Recogniser
from capture.running import serve
from drivers.touch import CONTACT, LIFT, PRESS, Touch
from monkey import Ledger, Monkey, WatchedApp
from monkey import session as monkey_session
from uff_checks import NAMES, Random, contents, image, mount, small_samples, umount

from ridge import crc32
from uff import (
    Dataset,
    FileChanged,
    FormatError,
    IncrementalClassifier,
    LabelEmbedding,
    Options,
    model,
)
from uff.incremental_kernel import IncrementalKernelClassifier
from uff.train import Trainer

TROUBLES = (ValueError, MemoryError, OSError, OverflowError)
FOLDER = "/ram"


class Row:
    """One line of the table."""

    def __init__(self, what):
        self.what = what
        self.tried = self.lost = 0

    def attempt(self):
        """Counts one, and shows that it goes on."""
        self.tried += 1
        if self.tried % 20 == 0:
            print("tried", self.tried)

    def lose(self, how):
        self.lost += 1
        if self.lost <= 5:
            print("lost", self.what + ":", how)

    def end(self):
        print("row", self.tried, self.lost, self.what)


class Places:
    """Which of the places 1, 2, 3, ... of a fault are tried."""

    def __init__(self, seed, every):
        self.random = Random(seed)
        self.every = every

    def first(self):
        return 1 + self.random.below(self.every)

    def chosen(self, count):
        return range(self.first() - 1, count, self.every)


def new_disk(blocks, size=512):
    """A littlefs in memory, mounted."""
    disk = faults.Disk(bytearray(b"\xff" * (blocks * size)), size)
    mount(disk, "VfsLfs2", format=True)
    return disk


def disk_of(data, size=512):
    """One that holds this, mounted."""
    disk = faults.Disk(bytearray(data), size)
    mount(disk, "VfsLfs2")
    return disk


# ---- an operation, and what must hold after it ----


class Operation:
    """Something that is done to a world that is made anew for each try.

    make() -> the world; do(world); see(world) -> all that can be seen of it, whole; go_on(world)
    does something more, which must work.
    """

    def __init__(self, name, make, do, see, go_on):
        self.name, self.make, self.do, self.see, self.go_on = name, make, do, see, go_on

    def run(self, row, places, inject):
        """Does it with each fault in turn. inject(work, n) does work() with the fault at place n;
        True where it came there."""
        before, after = self._ends()
        n = places.first()
        while True:
            world = self.make()
            failed = None
            try:
                came = inject(lambda world=world: self.do(world), n)
            except TROUBLES as error:
                came, failed = True, error
            except KeyboardInterrupt as error:
                came, failed = True, error
            if not came:
                self._unmake()
                return
            row.attempt()
            try:
                seen = self.see(world)
                if seen != after and (failed is None or seen != before):
                    row.lose(
                        "%s, place %d: neither before nor after (%r)" % (self.name, n, failed)
                    )
                else:
                    self.go_on(world)
            except Exception as error:
                row.lose("%s, place %d: then %r" % (self.name, n, error))
                if row.lost <= 2:
                    sys.print_exception(error)
            self._unmake()
            n += places.every

    def _ends(self):
        world = self.make()
        before = self.see(world)
        self._unmake()
        world = self.make()
        self.do(world)
        after = self.see(world)
        self.go_on(world)
        self._unmake()
        return before, after

    def _unmake(self):
        try:
            umount()
        except OSError:
            pass


def failing(times):
    def inject(work, n):
        faults.fail(work, n, times)
        return faults.counts()[0] >= n

    return inject


def interrupted(work, n):
    faults.interrupt(work, n)
    return faults.counts()[1] >= n


# ---- samples ----

PATH = FOLDER + "/a.uffs"
MODEL = FOLDER + "/a.uffm"
TINY = 4


def picture(number):
    return bytes([number]) * (TINY * TINY)


def pictures(samples):
    """[(number of the picture, label)], and the names."""
    found = []
    for i in range(len(samples)):
        pixels = bytes(samples[i])
        assert pixels == picture(pixels[0]), pixels
        found.append((pixels[0], samples.labels[i]))
    return found, list(samples.names)


def fill_tiny(samples):
    for number in range(12):
        samples.append(picture(number), number % 3)
    samples.relabel(4, 2)
    samples.delete(7)
    return samples


def tiny_disk():
    disk = new_disk(64)
    fill_tiny(Dataset.create(PATH, TINY, TINY, NAMES[:3]))
    umount()
    return bytes(disk.data)


def sample_operations(in_file):
    data = tiny_disk() if in_file else None

    def make():
        if not in_file:
            return fill_tiny(Dataset(TINY, TINY, NAMES[:3]))
        disk_of(data)
        return Dataset.open(PATH)

    def see(samples):
        found = pictures(samples)
        if in_file:
            again = Dataset.open(PATH)
            assert found == pictures(again), "the object is not what the file is"
            assert not (again.damaged or again.torn), "the file is damaged"
        return found

    def go_on(samples):
        found, names = see(samples)
        samples.append(picture(99), 1)
        samples.relabel(0, 1)
        want = [(found[0][0], 1)] + found[1:] + [(99, 1)]
        assert see(samples) == (want, names), "the next change is not made"

    def undone(change):
        return change, lambda samples: samples.undo()

    def read(samples):
        samples.read_into(bytearray(11 * TINY * TINY), 0, 11)
        return len(samples), samples[3]

    for name, do in (
        ("append", lambda samples: samples.append(picture(50), 2)),
        ("delete", lambda samples: samples.delete(3)),
        ("relabel", lambda samples: samples.relabel(5, 0)),
        ("rename class", lambda samples: samples.name_class(1, "other")),
        ("add class", lambda samples: samples.name_class(3, "more")),
        ("remove class", lambda samples: samples.remove_class(1)),
        ("undo delete", undone(lambda samples: samples.delete(3))),
        ("undo relabel", undone(lambda samples: samples.relabel(5, 0))),
        ("undo remove class", undone(lambda samples: samples.remove_class(1))),
        ("read", read),
    ):
        if type(do) is tuple:
            change, do = do

            def changed(change=change):
                samples = make()
                change(samples)
                return samples

            yield Operation(name, changed, do, see, go_on)
            continue
        yield Operation(name, make, do, see, go_on)
    if in_file:

        def rescue(_):
            Dataset.rescue(PATH, PATH + ".bad1")

        def damaged():
            samples = make()
            with open(PATH, "r+b") as file:
                file.seek(-30, 2)
                file.write(b"?")
            del samples

        def see_rescued(_):
            try:
                found = Dataset.open(PATH)
            except OSError:
                raise AssertionError("there is no file")
            return pictures(found)

        def go_on_rescued(_):
            go_on(Dataset.rescue(PATH, PATH + ".bad2")[0])

        yield Operation("rescue", damaged, rescue, see_rescued, go_on_rescued)

        def create(_):
            fill_tiny(Dataset.create(PATH + "2", TINY, TINY, NAMES[:3]))

        def see_created(samples):
            return see(samples)

        yield Operation("open", make, lambda _: Dataset.open(PATH), see, go_on)
        yield Operation("create", make, create, see_created, go_on)


# ---- learner, trainer, model ----


def learner_state(learner):
    s, network = learner.statistics, learner.network
    layer = network.layer
    return (
        bytes(s.gram),
        bytes(s.sums),
        bytes(s.counts),
        bytes(layer.w),
        bytes(layer.v),
        layer.exponent,
        tuple(network.names),
        network.info.images,
    )


def learner_operations():
    def learner(classes, numbers):
        made = IncrementalClassifier(5, 5, NAMES[:classes])
        for number in numbers:
            for label in range(classes):
                made.add(image(label, number, 5, 5), label)
        made.solve()
        return made

    def make():
        return learner(3, range(4))

    def empty():
        made = make()
        for number in range(4):
            made.remove(image(1, number, 5, 5), 1)
        return made

    def go_on(made):
        before = learner_state(made)
        made.add(image(0, 900, 5, 5), 0)
        assert learner_state(made) != before
        made.relabel(image(0, 900, 5, 5), 0, 1)
        made.remove(image(0, 900, 5, 5), 1)
        assert learner_state(made) == before, "added and removed is not as before"
        made.network.predict(image(0, 1, 5, 5))

    other = learner(3, range(10, 13))
    seen = image(2, 1, 5, 5)
    for name, start, do in (
        ("add", make, lambda made: made.add(image(1, 77, 5, 5), 1)),
        ("remove", make, lambda made: made.remove(seen, 2)),
        ("relabel", make, lambda made: made.relabel(seen, 2, 0)),
        ("merge", make, lambda made: made.merge(other)),
        ("add class", make, lambda made: made.add_class("more")),
        ("remove class", empty, lambda made: made.remove_class(1)),
        ("solve", make, lambda made: (made.add(seen, 2), made.solve())[1]),
        ("predict", make, lambda made: made.network.predict(seen)),
    ):
        if name == "solve":
            # Two changes: the image may be in and not yet learnt.
            def do_solve(made):
                made.solve()

            def start_solve():
                made = make()
                made.add(seen, 2)
                return made

            start, do = start_solve, do_solve
        yield Operation(name, start, do, learner_state, go_on)


SIDES = 12, 13
NETWORKS = (
    ("uff1", {}),
    ("uff2", {"hidden": 6}),
    ("uff_conv", {"hidden": 4}),
    ("uff_kernel", {"hidden": 4, "copies": 1}),
)


def training_operations():
    samples = small_samples(3, height=SIDES[0], width=SIDES[1])
    others = small_samples(3, height=SIDES[0], width=SIDES[1], first=40)
    for kind, options in NETWORKS:
        options = Options(kind, **options)
        want = bits(Trainer(samples, options).run())

        def make(options=options):
            return Trainer(samples, options)

        def see(trainer):
            return pixels(samples)

        def go_on(trainer, want=want):
            assert bits(trainer.run()) == want, "the next training is another one"

        yield Operation("train " + kind, make, lambda trainer: trainer.run(), see, go_on)

        old, new = Trainer(samples, options).run(), Trainer(others, options).run()
        disk = new_disk(128)
        model.save(old, MODEL)
        umount()
        data = bytes(disk.data)

        def on_disk(data=data):
            disk_of(data)

        def saved(_):
            return bits(model.load(MODEL))

        def save_again(_, old=old, new=new):
            for network in (old, new):
                model.save(network, MODEL)
                assert saved(None) == bits(network), "the next save is not made"

        yield Operation(
            "save " + kind, on_disk, lambda _, new=new: model.save(new, MODEL), saved, save_again
        )
        yield Operation("load " + kind, on_disk, lambda _: model.load(MODEL), saved, save_again)
    yield from kernel_learner_operations(are_short=False)


def kernel_learner_operations(are_short):
    """Learning image by image, with a kernel class layer: what takes a few hundred bytecodes, or
    what takes thousands."""
    samples = small_samples(3, height=SIDES[0], width=SIDES[1])
    options = Options("uff_kernel", hidden=4, copies=1)
    other_options = Options("uff_kernel", hidden=4, copies=2)
    layer1 = Trainer(samples, options).run().layer1
    embedding = LabelEmbedding(*SIDES)

    def image_of(label, number):
        return image(label, number, *SIDES)

    def make():
        learner = IncrementalKernelClassifier(layer1, embedding, samples.names, options, 40)
        for i in range(len(samples)):
            learner.add(samples[i], samples.labels[i])
        return updated(learner)

    def updated(learner):
        for _ in learner.solve_steps():
            pass
        return learner

    def checked(learner):
        for _ in learner.leave_one_out_steps():
            pass
        return learner

    at_first = bits(make().network)

    def see(learner):
        had = learner.network and bits(learner.network)
        if len(learner):
            now = bits(updated(learner).network)
            last = getattr(learner, "seen", at_first)
            assert had in (None, last, now), "a network that is not as it was given"
            learner.seen = now
            correct = checked(learner).network.info.loo_correct
        else:
            assert had is None, "a network of no images"
            now = correct = None
        return now, learner.labels, learner.names, learner.group, correct

    def go_on(learner):
        for i in range(12 if not len(learner) else 0):
            learner.add(samples[i % 9], i % len(learner.names))
        before = see(learner)
        learner.add(image_of(1, 90), 1)
        assert see(learner) != before
        learner.remove(len(learner) - 1)
        assert see(learner) == before, "added and removed is not as before"
        learner.add(image_of(1, 90), 1)
        first = samples[0], learner.labels[0]
        learner.remove(0)
        learner.add(*first)
        assert sorted(learner.labels) == sorted(before[1] + b"\1")
        assert see(learner)[0] != before[0]
        fresh = IncrementalKernelClassifier(layer1, embedding, samples.names, options, 40)
        for each in (fresh, learner):
            each.restart(layer1, samples.names, options)
            for i in range(9):
                each.add(samples[i], samples.labels[i])
        assert see(learner) == see(fresh), "begun again it is another one"

    def with_one_more():
        learner = make()
        learner.add(image_of(2, 91), 2)
        return learner

    def with_one_less():
        learner = make()
        learner.remove(1)
        return learner

    others = ["x", "y", "z", "none"]
    long = (
        ("add", make, lambda learner: learner.add(image_of(1, 77), 1)),
        ("add after remove", with_one_less, lambda learner: learner.add(image_of(1, 77), 1)),
        ("update", with_one_more, updated),
        ("update after remove", with_one_less, updated),
        ("check", make, checked),
    )
    short = (
        ("remove", make, lambda learner: learner.remove(2)),
        ("remove the last", make, lambda learner: learner.remove(8)),
        ("remove after remove", with_one_less, lambda learner: learner.remove(4)),
        ("remove an earlier one", with_one_less, lambda learner: learner.remove(0)),
        ("relabel", make, lambda learner: learner.relabel(4, 2)),
        ("relabel after remove", with_one_less, lambda learner: learner.relabel(4, 2)),
        (
            "set classes",
            make,
            lambda learner: learner.set_classes(others[:3], bytes([2, 1, 0] * 3)),
        ),
        ("restart", make, lambda learner: learner.restart(layer1, others, other_options)),
    )
    for name, start, do in short if are_short else long:
        yield Operation("kernel learner, " + name, start, do, see, go_on)


def bits(network):
    layers = [network.layer1, network.layer] if network.layer1 else [network.layer]
    arrays = [each for layer in layers for each in layer.arrays()]
    return [(each[:5], bytes(each[5])) for each in arrays], tuple(network.names)


def pixels(samples):
    return [bytes(samples[i]) for i in range(len(samples))], bytes(samples.labels)


# ---- what the application knows ----

raster = Raster()
SHAPES = (
    ([50, 0, 50, 100],),
    ([0, 0, 100, 0, 100, 100, 0, 100, 0, 0],),
    ([0, 0, 100, 100], [100, 0, 0, 100]),
)
drawn = {}


def shape(kind, seed):
    """A shaky drawing of a kind."""
    if (kind, seed) not in drawn:
        random = Random(seed * 7 + kind)
        pixels = bytearray(SIDE * SIDE)
        strokes = [array("h", (v + random.below(25) for v in s)) for s in SHAPES[kind]]
        raster.draw(strokes, pixels)
        drawn[kind, seed] = bytes(pixels)
    return drawn[kind, seed]


# Few copies, and room for few, so that a network is learnt in no time.
rules.ROWS, rules.MOST_COPIES = 32, 1


def recogniser():
    return Recogniser(FOLDER + "/")


def train(found):
    for _ in found.learn():
        pass
    return found


def train_layer1(found):
    for _ in found.train():
        pass
    return found


def drawings_disk(size=512, each=4, extra=0, trained=True):
    """A disk with drawings and, where trained, their network; its bytes."""
    disk = new_disk(512 * 1024 // size, size)
    found = recogniser()
    for i in range(each):
        for kind in range(3):
            found.add(shape(kind, i), kind)
    if trained:
        train(found)
    for i in range(extra):
        found.add(shape(i % 3, 30 + i), i % 3)
    umount()
    return bytes(disk.data)


def kept(found):
    """What the drawings are, by object and by file."""
    samples = found.samples
    own = pixels(samples) + (tuple(samples.names),)
    file = Dataset.open(FOLDER + "/drawings.uffs")
    assert own == pixels(file) + (tuple(file.names),), "the object is not what the file is"
    assert not file.lost, "the file is damaged"
    assert list(samples.names) == found.names and sum(found.counts()) == len(samples)
    return own


def check_network(found):
    """Whatever network is in use, it knows the shapes; and it is stale unless it is that of the
    drawings."""
    if found.network is None:
        return
    for kind in range(3):
        if str(kind + 1) in found.names:
            verdict = found.predict(shape(kind, 50))
            assert found.names[verdict.label] == str(kind + 1), "it does not know a shape"
    if not found.stale:
        assert found.network.info.images == len(found.samples)


models = {}


def trained_model(found):
    """The bytes that a training of the drawings on the disk gives, with layer 1 as it is."""
    key = contents(FOLDER + "/drawings.uffs"), bytes(found.layer1.images)
    if key not in models:
        train(recogniser())
        models[key] = contents(FOLDER + "/drawings.uffm")
    return models[key]


def recogniser_operations():
    data = drawings_disk()

    def make():
        disk_of(data)
        return recogniser()

    def see(found):
        own = kept(found)
        check_network(found)
        return own

    def go_on(found):
        own = kept(found)
        count = len(found.samples)
        found.add(shape(0, 60), 0)
        assert kept(found)[1] == own[1] + b"\0" and len(found.samples) == count + 1
        if found.obstacle() is None:
            train(found)
            assert not found.stale
            assert contents(FOLDER + "/drawings.uffm") == trained_model(found), "another model"
        again = recogniser()
        assert again.notices == [] and kept(again) == kept(found)
        assert again.stale == found.stale

    def start(_):
        recogniser()

    for name, do in (
        ("add", lambda found: found.add(shape(1, 70), 1)),
        ("delete", lambda found: found.delete(2)),
        ("relabel", lambda found: found.relabel(2, 0)),
        ("add class", lambda found: found.add_class("more")),
        ("rename class", lambda found: found.rename_class(0, "bar")),
        ("remove class", lambda found: found.remove_class(1)),
        ("train", lambda found: train(found)),
        ("train layer 1", lambda found: train_layer1(found)),
        ("predict", lambda found: found.predict(shape(1, 3))),
        ("start", start),
    ):
        if name == "rename class":
            yield Operation(name, make, do, kept, go_on)
        else:
            yield Operation(name, make, do, see, go_on)


# ---- the application ----

WIDTH, HEIGHT = 480, 272
LAYOUT = Layout(WIDTH, HEIGHT, 3)


def stroke(points):
    """Reports of a finger that draws through points of a square of 100 x 100 in the field."""
    left, top, side, _ = LAYOUT.draw()["field"]
    reports = []
    for i in range(0, len(points), 2):
        x, y = (
            edge + side // 5 + v * side // 200
            for edge, v in ((left, points[i]), (top, points[i + 1]))
        )
        reports.append((Touch(0, CONTACT if reports else PRESS, x, y),))
    reports.append((Touch(0, LIFT, x, y),))
    return reports


def tap(x, y):
    return [(Touch(0, PRESS, x, y),), (Touch(0, LIFT, x, y),)]


def tap_on(places, name):
    return tap(*centre(places[name]))


def drawing(kind):
    return [report for points in SHAPES[kind] for report in stroke(points)]


def teaching(kind):
    return drawing(kind) + tap_on(LAYOUT.draw(), "class %d" % kind)


def session():
    """Touches: drawings of each class, a training, a look, a name, a drawing deleted."""
    draw = LAYOUT.draw()
    touches = teaching(0) + tap_on(draw, "train") + drawing(1) + tap_on(draw, "clear")
    touches += tap_on(draw, "class 1") + tap_on(LAYOUT.class_page(), "rename")
    touches += tap_on(LAYOUT.keyboard(KEYS), "key 97") + tap_on(LAYOUT.keyboard(KEYS), "done")
    touches += tap_on(LAYOUT.class_page(), "thumbnail 0") + tap_on(LAYOUT.sample(), "back")
    return touches + tap_on(LAYOUT.class_page(), "back") + teaching(2)


class Fingers:
    """A touch object that gives reports while the application is not busy, and ends it."""

    def __init__(self, reports):
        self.reports, self.at, self.rest, self.app = reports, 0, 3, None

    def read(self):
        if not self.app.settled:
            return ()
        if self.at < len(self.reports):
            self.at += 1
            return self.reports[self.at - 1]
        self.rest -= 1
        if self.rest < 0:
            self.shown = bytes(DISPLAY.buffer)
            self.app.quit()
        return ()


class Person:
    """Somebody at the application on a board with this disk."""

    def __init__(self, reports):
        self.fingers = Fingers(reports)
        ledger = Ledger(FOLDER + "/")
        self.app = self.fingers.app = WatchedApp(DISPLAY, self.fingers, ledger)

    def run(self):
        serve(self.app)

    def go_on(self):
        """Whatever page is there: back to the first one, a drawing more, and the screen is what
        it would be if it were drawn anew."""
        app = self.app
        app.home()
        app.clear()
        before = len(app.recogniser.samples)
        self.fingers.reports, self.fingers.at, self.fingers.rest = teaching(0), 0, 3
        serve(app)
        assert len(app.recogniser.samples) == before + 1, "no drawing is kept any more"
        app.page.draw()
        app.page.update()
        if bytes(DISPLAY.buffer) != self.fingers.shown:
            raise AssertionError("the screen is not what it would be if it were drawn anew")


DISPLAY = MemoryDisplay(WIDTH, HEIGHT)


def application(places, inject, text, may_end):
    """A session with each fault in turn. may_end: the exception that may end the application; then
    the next start must go on."""
    row = Row(text % "the application")
    data = drawings_disk(extra=2)
    touches = session()
    n = places.first()
    while True:
        disk_of(data)
        person = Person(touches)
        failed = None
        try:
            came = inject(person.run, n)
        except (Exception, KeyboardInterrupt) as error:
            came, failed = True, error
        asyncio.new_event_loop()
        if not came:
            umount()
            row.end()
            return
        row.attempt()
        try:
            if failed is not None and type(failed) is not may_end:
                raise failed
            ledger = person.app.recogniser
            check_ledger(ledger)
            if failed is not None:
                person = Person([])
            app = person.app
            assert not app.recogniser.notices, app.recogniser.notices
            assert kept(app.recogniser) == kept(ledger)
            person.go_on()
            check_ledger(app.recogniser)
            again = recogniser()
            assert kept(again) == kept(app.recogniser) and not again.notices
            assert again.stale == app.recogniser.stale
        except Exception as error:
            row.lose("place %d: %r, after %r" % (n, error, failed))
            if row.lost <= 3:
                sys.print_exception(error)
        asyncio.new_event_loop()
        umount()
        n += places.every


# ---- disks ----


def power_cuts(places):
    """The power goes at each write and erasure of each operation of the application."""
    for torn in (1, 0):
        row = Row("the power goes at a write or erasure" + (", which is torn" if torn else ""))
        for name, data, do in cut_operations():
            steps = do if type(do) is tuple else (do,)
            power_cut(row, places, torn, name, data, steps)
        row.end()


def cut_operations():
    fresh = bytes(new_disk(512).data)
    umount()
    untrained, trained = drawings_disk(trained=False), drawings_disk(extra=1)
    disk = disk_of(trained)
    with open(FOLDER + "/drawings.uffs", "r+b") as file:
        file.seek(-2000, 2)
        file.write(b"????")
    with open(FOLDER + "/drawings.uffs.new", "wb") as file:
        file.write(b"what was being written")
    umount()
    damaged = bytes(disk.data)
    for name, data, do in (
        ("the first start", fresh, lambda: recogniser()),
        ("the first training", untrained, lambda: train(recogniser())),
        ("add", trained, lambda: recogniser().add(shape(1, 70), 1)),
        ("delete", trained, lambda: recogniser().delete(2)),
        ("relabel", trained, lambda: recogniser().relabel(2, 0)),
        ("add class", trained, lambda: recogniser().add_class("more")),
        ("rename class", trained, lambda: recogniser().rename_class(0, "bar")),
        ("remove class", trained, lambda: recogniser().remove_class(1)),
        ("undo delete", trained, undone(lambda found: found.delete(2))),
        ("undo relabel", trained, undone(lambda found: found.relabel(2, 0))),
        ("undo remove class", trained, undone(lambda found: found.remove_class(1))),
        ("train", trained, lambda: train(recogniser())),
        ("a start with a damaged file", damaged, lambda: recogniser()),
    ):
        yield name, data, do


def undone(change):
    """Two steps: the change, and that it is taken back."""
    changed = []

    def do():
        changed[:] = [recogniser()]
        change(changed[0])

    return do, lambda: changed[0].undo()


def plainly(found):
    return pixels(found.samples) + (tuple(found.names),)


def power_cut(row, places, torn, name, data, steps):
    def do():
        for step in steps:
            step()

    def started():
        found = recogniser()
        seen = kept(found)
        return found, seen

    disk_of(data)
    found = recogniser()
    before, notices = plainly(found), found.notices
    umount()
    states = [before]
    for last in range(len(steps)):
        disk_of(data)
        for step in steps[: last + 1]:
            step()
        states.append(started()[1])
        umount()
    n = places.first()
    while True:
        disk = disk_of(data)
        disk.count, disk.cut_at, disk.torn = 0, n, torn
        try:
            do()
        except OSError:
            pass
        if disk.count < n:
            umount()
            return
        row.attempt()
        disk.dead = 1
        umount()
        gc.collect()  # files that the cut left open
        left = bytes(disk.data)
        disk_of(left)
        try:
            found, seen = started()
            assert seen in states, "neither before nor after"
            assert found.notices == notices or seen == states[-1], found.notices
            if notices and not found.notices:
                raise AssertionError("what was lost is no longer reported")
            check_network(found)
            if name == "train" or name == "add":
                assert found.network is not None, "the network is gone"
            found.add(shape(0, 60), 0)
            assert kept(found)[1] == seen[1] + b"\0"
            if found.obstacle() is None:
                train(found)
                assert not found.stale and not recogniser().stale
        except Exception as error:
            row.lose("%s, write %d: %r" % (name, n, error))
            if row.lost <= 3:
                sys.print_exception(error)
        umount()
        n += places.every


KINDS = ("zeros", "ones", "noise", "one bit", "unreadable")


def bad_blocks(places):
    """One block of a littlefs goes bad between two starts."""
    row = Row("one bad block of a littlefs")
    for size in (512, 4096):
        data = drawings_disk(size, 6, 3)
        disk_of(data, size)
        whole = len(recogniser().samples)
        umount()
        used = [
            block
            for block in range(len(data) // size)
            if any(byte != 255 for byte in data[block * size : (block + 1) * size])
        ]
        for at in places.chosen(len(used) * len(KINDS)):
            block, kind = used[at // len(KINDS)], KINDS[at % len(KINDS)]
            bad_block(row, places, data, size, block, kind, whole)
    row.end()


def spoilt(places, data, size, block, kind):
    spoilt = bytearray(data)
    start, random = block * size, places.random
    if kind == "zeros":
        spoilt[start : start + size] = bytes(size)
    elif kind == "ones":
        spoilt[start : start + size] = b"\xff" * size
    elif kind == "noise":
        spoilt[start : start + size] = bytes(random.below(256) for _ in range(size))
    elif kind == "one bit":
        spoilt[start + random.below(size)] ^= 1 << random.below(8)
    return spoilt


def bad_block(row, places, data, size, block, kind, whole):
    row.attempt()
    disk = faults.Disk(spoilt(places, data, size, block, kind), size)
    if kind == "unreadable":
        disk.bad = block
    try:
        try:
            mount(disk, "VfsLfs2")
        except OSError:
            pass  # then the application finds no folder
        found = recogniser()
        count = len(found.samples)
        assert count == whole or found.notices or found.fresh, "%d of %d drawings" % (count, whole)
        check_network(found)
        # And one draws on, be it into memory or with a sentence.
        for kind in range(3):
            try:
                found.add(shape(kind, 70), kind)
            except OSError:
                pass
        if found.obstacle() is None:
            try:
                train(found)
            except (OSError, FormatError):
                pass
    except Exception as error:
        row.lose("%d bytes, block %d, %s: %r" % (size, block, kind, error))
        if row.lost <= 3:
            sys.print_exception(error)
    try:
        umount()
    except OSError:
        pass


def stuck_blocks(places):
    """One block of a littlefs keeps what it has, whatever is written to it."""
    row = Row("one block of a littlefs that cannot be written")
    for size in (512, 4096):
        data = drawings_disk(size, 6, 3)
        disk_of(data, size)
        before = kept(recogniser())
        umount()
        for block in places.chosen(len(data) // size):
            row.attempt()
            disk = disk_of(data, size)
            disk.stuck = block
            try:
                found, want = recogniser(), list(before)
                for kind in range(3):
                    try:
                        found.add(shape(kind, 70), kind)
                        want = [want[0] + [shape(kind, 70)], want[1] + bytes([kind]), want[2]]
                    except OSError:
                        pass
                    assert plainly(found) == tuple(want), "not what it says was kept"
                try:
                    train(found)
                except OSError:
                    pass
                umount()
                disk = disk_of(bytes(disk.data), size)
                disk.stuck = block
                again = recogniser()
                assert kept(again) == tuple(want) and not again.notices
                check_network(again)
            except Exception as error:
                row.lose("%d bytes, block %d: %r" % (size, block, error))
                if row.lost <= 3:
                    sys.print_exception(error)
            try:
                umount()
            except OSError:
                pass
    row.end()


def little_memory(places):
    """A samples file of 2,000 images, with 1 to 59 KB of memory left."""
    row = Row("1 to 59 KB of memory for a samples file of 2,000 images")
    new_disk(512)
    names = [NAMES[0], NAMES[1]]
    samples = Dataset.create(PATH, TINY, TINY, names)
    for number in range(2000):
        samples.append(picture(number % 250), number % 2)
    whole = contents(PATH)
    for name, do in (
        ("delete", lambda samples: samples.delete(10)),
        ("relabel", lambda samples: samples.relabel(10, 1)),
        ("append", lambda samples: samples.append(picture(7), 1)),
        ("remove class", lambda samples: samples.remove_class(0)),
        ("open", lambda samples: Dataset.open(PATH)),
    ):
        for kilobytes in places.chosen(59):
            row.attempt()
            with open(PATH, "wb") as file:
                file.write(whole)
            samples = Dataset.open(PATH)
            held = hold_all_but(1024 * (kilobytes + 1))
            try:
                do(samples)
            except MemoryError:
                pass
            del held
            gc.collect()
            try:
                found = bytes(samples.labels), samples.names, bytes(samples[15])
                file = Dataset.open(PATH)
                assert found == (bytes(file.labels), file.names, bytes(file[15]))
                assert not (file.damaged or file.torn)
                samples.append(picture(9), 0)
                assert len(samples) == len(Dataset.open(PATH)) == len(found[0]) + 1
            except Exception as error:
                row.lose("%s, %d KB: %r" % (name, kilobytes, error))
    umount()
    row.end()


def hold_all_but(left):
    """A list that holds memory, so that about so many bytes are free."""
    gc.collect()
    held, size = [None, None], 1 << 22
    while size >= 64:
        try:
            if gc.mem_free() - size < left:
                raise MemoryError
            held = [held, bytearray(size)]
        except MemoryError:
            size //= 2
    return held


def full_disks(places):
    """Each operation with so many blocks free."""
    row = Row("a full disk, with 0 to 60 blocks free")
    data = drawings_disk(extra=1)
    for name, do in (
        ("add", lambda found: found.add(shape(1, 70), 1)),
        ("delete", lambda found: found.delete(2)),
        ("relabel", lambda found: found.relabel(2, 0)),
        ("add class", lambda found: found.add_class("more")),
        ("rename class", lambda found: found.rename_class(0, "bar")),
        ("remove class", lambda found: found.remove_class(1)),
        ("train", lambda found: train(found)),
    ):
        disk_of(data)
        found = recogniser()
        before = kept(found)
        do(found)
        after = kept(found)
        umount()
        for free in places.chosen(61):
            row.attempt()
            disk_of(data)
            try:
                fill_but(free)
                found = recogniser()
                assert kept(found) == before and not found.notices
                failed = None
                try:
                    do(found)
                except OSError as error:
                    failed = error
                assert kept(found) == (after if not failed or name == "train" else before), failed
                assert failed is None or failed.errno == 28, failed
                check_network(found)
                again = recogniser()
                assert kept(again) == kept(found) and not again.notices, again.notices
                for left in ("fill", "fill2"):
                    os.remove(FOLDER + "/" + left)
                found.add(shape(0, 60), 0)
                assert kept(found)[1][-1] == 0
                if found.obstacle() is None:
                    train(found)
                    assert not recogniser().stale
            except Exception as error:
                row.lose("%s, %d blocks free: %r" % (name, free, error))
                if row.lost <= 3:
                    sys.print_exception(error)
            umount()
    row.end()


def fill_but(free):
    """Fills the disk up to so many blocks."""
    for name, count in (("fill", os.statvfs(FOLDER)[3] - 70), ("fill2", None)):
        with open(FOLDER + "/" + name, "wb") as file:
            while count is None or count > 0:
                if count is None and os.statvfs(FOLDER)[3] <= free:
                    break
                try:
                    file.write(bytes(504))
                    file.flush()
                except OSError:
                    break
                if count is not None:
                    count -= 1


# ---- files that are not what they were ----


def truncations(places):
    """drawings.uffs of 13 drawings, cut at each length."""
    row = Row("drawings.uffs cut short")
    data = drawings_disk(extra=1)
    disk_of(data)
    whole = contents(FOLDER + "/drawings.uffs")
    found = recogniser()
    count = len(found.samples)
    umount()
    for size in places.chosen(len(whole)):
        row.attempt()
        disk_of(data)
        try:
            with open(FOLDER + "/drawings.uffs", "wb") as file:
                file.write(whole[:size])
            start_with(count, 3)
            aside = (
                contents(FOLDER + "/drawings.uffs.bad1") if size % 792 != len(whole) % 792 else b""
            )
            assert aside == whole[: len(aside)] and len(aside) in (0, size), "the old file is gone"
        except Exception as error:
            row.lose("%d bytes: %r" % (size, error))
            if row.lost <= 3:
                sys.print_exception(error)
        umount()
    row.end()


def start_with(whole, network):
    """A start that says what is lost, goes on with the network and keeps drawings."""
    found = recogniser()
    assert len(found.samples) == whole or found.notices, "lost without a word"
    assert found.network is not None or not network, "the network is gone"
    check_network(found)
    found.add(shape(0, 60), 0)
    again = recogniser()
    assert not again.notices and kept(again) == kept(found)
    return found


def mutations(places):
    """Both files changed at random; where sealed, with CRCs that fit, so that it is the meaning
    that is tried."""
    data = drawings_disk(extra=1)
    disk_of(data)
    files = [contents(FOLDER + "/" + name) for name in ("drawings.uffs", "drawings.uffm")]
    whole = len(recogniser().samples)
    umount()
    random = places.random
    for sealed in (False, True):
        row = Row("both files changed at random" + (", with CRCs that fit" if sealed else ""))
        for number in range(max(2000 // places.every, 20)):
            row.attempt()
            which = random.below(2)
            changed = mutated(random, files[which])
            if sealed:
                (seal_samples, seal_model)[which](changed)
            disk_of(data)
            try:
                with open(FOLDER + "/" + ("drawings.uffs", "drawings.uffm")[which], "wb") as file:
                    file.write(changed)
                person = Person(session())
                app = person.app
                count = len(app.recogniser.samples)
                notices = app.recogniser.notices or app.recogniser.fresh
                assert sealed or count >= whole or notices, "lost without a word"
                person.run()
                asyncio.new_event_loop()
                person.go_on()
                kept(app.recogniser)
                again = recogniser()
                assert kept(again) == kept(app.recogniser)
            except Exception as error:
                row.lose("number %d, file %d: %r" % (number, which, error))
                if row.lost <= 3:
                    sys.print_exception(error)
            asyncio.new_event_loop()
            umount()
        row.end()


def mutated(random, data):
    data = bytearray(data)
    kind = random.below(5)
    at = random.below(len(data)) if random.below(3) else random.below(min(len(data), 200))
    if kind == 0:
        return data[:at]
    if kind == 1:
        for _ in range(1 + random.below(3)):
            data[random.below(len(data))] ^= 1 << random.below(8)
    size = min(1 + random.below(64), len(data) - at)
    if kind == 2:
        data[at : at + size] = bytes(random.below(256) for _ in range(size))
    elif kind == 3:
        data[at : at + size] = bytes(size)
    elif kind == 4:
        data[at : at + size] = b"\xff" * size
    return data


def seal_samples(data):
    """Makes the CRCs of header and records fit."""
    if len(data) < 16:
        return
    head = unpack_from("<H", data, 6)[0]
    height, width = unpack_from("<HH", data, 8)
    if not 20 <= head <= len(data):
        return
    data[head - 4 : head] = pack("<I", crc32(memoryview(data)[: head - 4]))
    step = 8 + height * width + -(height * width) % 4
    for number in range((len(data) - head) // step):
        record = memoryview(data)[head + number * step : head + (number + 1) * step]
        record[step - 4 :] = pack("<I", crc32(record[:-4], crc32(pack("<I", number))))


def seal_model(data):
    if len(data) > 4:
        data[8:12] = pack("<I", len(data))
        data[-4:] = pack("<I", crc32(memoryview(data)[:-4]))


def two_programs(places):
    """Two programs change one samples file, each with an object of its own."""
    row = Row("two programs on one samples file")
    data = tiny_disk()
    for number in range(max(2000 // places.every, 20)):
        row.attempt()
        random = Random(places.random.below(1 << 20))
        disk_of(data)
        try:
            programs = [Dataset.open(PATH), Dataset.open(PATH)]
            want = pictures(programs[0])
            for turn in range(12):
                samples = programs[random.below(2)]
                found, names = want
                kind, i = random.below(5), random.below(len(found))
                label = random.below(len(names))
                try:
                    if kind == 0 or len(found) < 4:
                        samples.append(picture(20 + turn), label)
                        found = found + [(20 + turn, label)]
                    elif kind == 1:
                        samples.delete(i)
                        found = found[:i] + found[i + 1 :]
                    elif kind == 2:
                        samples.relabel(i, label)
                        found = found[:i] + [(found[i][0], label)] + found[i + 1 :]
                    elif kind == 3 or len(names) < 3:
                        names = names[:label] + ["n%d" % turn] + names[label + 1 :]
                        samples.name_class(label, names[label])
                    else:
                        samples.remove_class(label)
                        names = names[:label] + names[label + 1 :]
                        found = [(x, c - (c > label)) for x, c in found if c != label]
                except FileChanged:
                    assert pictures(samples) == want, "it was not read anew"
                    continue
                except ValueError:  # of a number that it took for one of what is there
                    continue
                want = found, names
                assert pictures(Dataset.open(PATH)) == want, "turn %d" % turn
        except Exception as error:
            row.lose("number %d: %r" % (number, error))
        umount()
    row.end()


SESSIONS, TOUCHES = 200, 500


def monkeys(places):
    """Touches and keys by chance at the application, on both sizes of a screen."""
    row = Row("%d touches and keys by chance" % TOUCHES)
    trained = drawings_disk(extra=1)
    displays = DISPLAY, MemoryDisplay(800, 480)
    for number in range(max(SESSIONS // places.every, 4)):
        row.attempt()
        seed = places.random.below(1 << 20)
        if number % 4 < 2:
            new_disk(1024)
        else:
            disk_of(trained)
        try:
            fingers = Monkey(Random(seed), TOUCHES)
            found = monkey_session(FOLDER + "/", displays[number & 1], fingers, check_ledger)
            assert recogniser().stale == found.stale
            if found.network is not None and not found.stale:
                saved = contents(FOLDER + "/drawings.uffm")
                assert saved == trained_model(found), "it is not the network of the drawings"
        except Exception as error:
            row.lose("seed %d: %r" % (seed, error))
            sys.print_exception(error)
        asyncio.new_event_loop()
        umount()
    row.end()


def check_ledger(ledger):
    """What the application reported as done is what is in the file."""
    ledger.settle()
    kept(ledger)


# ---- the campaigns ----


KINDS = (
    ("samples in memory", lambda: sample_operations(False)),
    ("a samples file", lambda: sample_operations(True)),
    ("a learner", learner_operations),
    ("training and model file", training_operations),
    ("the recogniser", recogniser_operations),
)
IMAGE_BY_IMAGE = (
    ("a change in learning image by image", lambda: kernel_learner_operations(are_short=True)),
)


def operations(places, inject, text, kinds=KINDS):
    for kind, made in kinds:
        row = Row(text % kind)
        for operation in made():
            operation.run(row, places, inject)
        row.end()


FAILS, RUN_OUT = "an allocation fails: %s", "20 allocations fail in a row: %s"
CTRL_C = "Ctrl-C between two bytecodes: %s"


def allocations(places):
    operations(places, failing(1), FAILS)


def allocations_in_the_application(places):
    application(places, failing(1), FAILS, None)


def shortage(places):
    operations(places, failing(20), RUN_OUT)


def shortage_in_the_application(places):
    application(places, failing(20), RUN_OUT, MemoryError)


def interrupts(places):
    operations(places, interrupted, CTRL_C)


def interrupts_in_the_application(places):
    application(places, interrupted, CTRL_C, KeyboardInterrupt)


def image_by_image(places):
    """Removing, relabelling, other classes, beginning again: few bytecodes, and all of them."""
    operations(places, failing(1), FAILS, IMAGE_BY_IMAGE)
    operations(places, failing(20), RUN_OUT, IMAGE_BY_IMAGE)
    operations(places, interrupted, CTRL_C, IMAGE_BY_IMAGE)


CAMPAIGNS = {
    campaign.__name__: campaign
    for campaign in (
        allocations,
        allocations_in_the_application,
        shortage,
        shortage_in_the_application,
        interrupts,
        interrupts_in_the_application,
        image_by_image,
        power_cuts,
        bad_blocks,
        stuck_blocks,
        little_memory,
        full_disks,
        truncations,
        mutations,
        two_programs,
        monkeys,
    )
}

if __name__ == "__main__":
    capture.app.POLL_MS = 0
    gc.collect()
    CAMPAIGNS[sys.argv[1]](Places(int(sys.argv[2]), int(sys.argv[3])))
