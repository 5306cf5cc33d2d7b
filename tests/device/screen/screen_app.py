"""The application on the screen, by touches and pixels: every page, every refusal, two sizes."""

import asyncio
import os

import uff_checks as checks
from boards.headless import MemoryDisplay
from capture import running as application
from capture import screen as colours
from capture.countdown import Countdown
from capture.font import Font, fonts
from capture.keyboard_page import LONGEST_NAME, capital
from capture.layout import KEYS, MOST_CLASSES, SIGNS, Layout
from capture.screen import Screen
from capture.widgets import Grid
from uff_checks import RamDisk, contents, exists, mount, raises, run, umount, write
from user import User, plain_draw

from uff import Dataset
from uff.arena import HeapArena
from uff.model import load

SIZES = ((800, 480), (480, 272))


def scratch(blocks=6144):
    """A disk with room for a network and its successor."""
    return checks.scratch(blocks=blocks)


def at(user, x, y):
    return user.display.framebuf.pixel(x, y)


def field(user):
    return user.app.layout.draw()["field"]


def ink(user):
    """Dark pixels in the field."""
    left, top, width, height = field(user)
    paper = at(user, left + width // 2, top + 3)
    return sum(
        at(user, x, y) != paper
        for y in range(top + 4, top + height - 4, 4)
        for x in range(left + 4, left + width - 4, 4)
    )


def message(user):
    return user.app.message()[0]


def on_screen(script, size=(800, 480), **options):
    folder = scratch()
    try:
        User(folder, size, **options).run(script)
    finally:
        umount()


async def taught(user, each=4):
    for kind in range(3):
        await user.teach(kind, kind, each)
    await user.tap("train")
    await user.settle_all()


def test_one_draws_captures_trains_and_it_recognises():
    async def script(user):
        assert message(user) == "Draw a 1."
        assert not user.app.warning()
        await user.draw(0)
        assert message(user) == "Now tap its class."
        await user.tap("class", 0)
        assert user.app.counts == [1, 0, 0] and not user.app.drawing
        assert message(user) == "Kept as “1”. Draw a 2."
        await user.teach(0, 0, 3, 1)
        await user.teach(1, 1, 4)
        await user.teach(2, 2, 4)
        await user.tap("train")
        assert user.recogniser.network is not None and user.recogniser.accuracy > 0.9
        assert message(user).startswith("Trained. Self-test: 12 of 12, before 12.")
        for kind in range(3):
            await user.draw(kind, 50 + kind)
            verdict = user.app.verdict
            assert verdict.label == kind and verdict.nearest // 4 == kind
            await user.tap("clear")
            assert user.app.verdict is None

    for size in SIZES:
        on_screen(script, size)


def test_what_was_captured_and_learnt_is_there_at_the_next_start():
    folder = scratch()
    user = User(folder)
    user.run(taught)
    before = contents(folder + "/drawings.uffm")

    async def script(user):
        assert user.app.counts == [4, 4, 4] and not user.recogniser.stale
        await user.draw(1, 60)
        assert user.app.verdict.label == 1

    User(folder).run(script)
    assert contents(folder + "/drawings.uffm") == before
    umount()


def test_strokes_follow_the_finger_and_stay_in_the_field():
    async def script(user):
        left, top, width, height = field(user)
        middle_x, middle_y = left + width // 2, top + height // 2
        empty = ink(user)
        user.press(middle_x, middle_y)
        await user.settle()
        dot = ink(user)
        assert dot != empty
        # Out of the field to the right and back in, further down.
        for x, y in ((left + width - 5, middle_y), (left + width + 300, middle_y)):
            user.move(x, y)
        user.move(left + width + 300, middle_y + 60)
        user.move(middle_x, middle_y + 60)
        user.lift(middle_x, middle_y + 60)
        await user.settle()
        assert len(user.app.drawing.strokes) == 2
        pen = user.app.layout.pen
        for stroke in user.app.drawing.strokes:
            for i in range(0, len(stroke), 2):
                assert pen < stroke[i] < width - pen and pen < stroke[i + 1] < height - pen
        assert at(user, left + width + 3, middle_y) == at(user, 3, 3)

    on_screen(script)


def test_a_second_finger_is_ignored():
    async def script(user):
        left, top, _, _ = field(user)
        user.press(left + 40, top + 40)
        user.press(*user.app.where("clear"), finger=1)
        user.move(left + 80, top + 80)
        user.lift(*user.app.where("clear"), finger=1)
        user.move(left + 120, top + 90)
        user.lift(left + 120, top + 90)
        await user.settle()
        assert len(user.app.drawing.strokes) == 1 and len(user.app.drawing.strokes[0]) == 6

    on_screen(script)


def test_undo_takes_the_last_stroke_and_clear_all():
    async def script(user):
        empty = ink(user)
        await user.draw(2)
        both = ink(user)
        await user.tap("undo")
        assert len(user.app.drawing.strokes) == 1 and ink(user) < both
        await user.tap("undo")
        assert not user.app.drawing and ink(user) == empty
        await user.draw(2)
        await user.tap("clear")
        assert not user.app.drawing and ink(user) == empty

    on_screen(script)


def test_a_finger_that_slides_off_a_button_does_not_press_it():
    async def script(user):
        await user.draw(0)
        x, y = user.app.where("class", 1)
        user.press(x, y)
        user.move(x + 400, y + 200)
        user.lift(x + 400, y + 200)
        await user.settle()
        assert user.app.counts == [0, 0, 0] and user.app.drawing

    on_screen(script)


def test_an_empty_drawing_and_a_dot_get_a_sentence_and_no_sample():
    async def script(user):
        x, y = user.app.where("field")
        user.press(x, y)
        user.lift(x, y)
        await user.settle()
        assert message(user) == "Only a dot so far: draw on."  # before any class is tapped
        await user.tap("class", 0)
        assert message(user) == "Only a dot: draw on, or clear it."
        assert user.app.counts == [0, 0, 0] and user.app.drawing
        await user.tap("clear")
        await user.tap("class", 0)
        assert user.app.page_name == "ClassPage"

    on_screen(script)


def test_training_says_what_is_missing():
    async def script(user):
        await user.tap("train")
        assert message(user) == "Draw something for each class."
        await user.teach(0, 0)
        await user.tap("train")
        assert message(user) == "Draw one for “2” too."

    on_screen(script)


def test_a_deleted_and_a_relabelled_drawing_are_unlearnt_exactly():
    folder = scratch()
    user = User(folder)
    user.run(taught)
    want = contents(folder + "/drawings.uffm")

    async def script(user):
        await user.teach(1, 2, 1, 40)  # wrong; it learns by itself
        await user.settle_all()
        assert user.app.counts == [4, 4, 5] and not user.recogniser.stale
        assert contents(folder + "/drawings.uffm") != want
        await user.tap("class", 2)
        await user.tap("thumbnail", 0)
        await user.tap("relabel")
        await user.tap("class", 1)
        assert user.app.page_name == "ClassPage" and user.app.counts == [4, 5, 4]
        await user.tap("back")
        await user.tap("class", 1)
        await user.tap("thumbnail", 0)
        await user.tap("delete")
        await user.settle_all()
        assert user.app.counts == [4, 4, 4] and not user.recogniser.stale
        assert contents(folder + "/drawings.uffm") == want

    user = User(folder)
    user.run(script)
    umount()


def test_a_class_comes_by_its_name_and_goes_without_a_trace():
    folder = scratch()
    User(folder).run(taught)
    want = contents(folder + "/drawings.uffm")

    async def script(user):
        await user.tap("add_class")
        await user.tap("shift")
        await user.type("R")
        await user.tap("shift")
        await user.type("oof")
        await user.tap("backspace")
        await user.type("f")
        await user.tap("signs")
        await user.type("!")
        await user.tap("done")
        assert user.recogniser.names == ["1", "2", "3", "Roof!"]
        assert message(user) == "Draw a Roof!"
        await user.teach(3, 3, 4)
        assert not user.recogniser.stale
        await user.draw(3, 70)
        assert user.app.verdict.label == 3
        await user.tap("clear")
        await user.tap("class", 3)
        await user.tap("remove")
        assert user.app.counts == [4, 4, 4] and user.app.page_name == "DrawPage"
        assert message(user) == "Removed “Roof!” and its 4 drawings."
        await user.settle_all()
        assert contents(folder + "/drawings.uffm") == want

    User(folder).run(script)
    umount()


def test_a_renamed_class_keeps_its_drawings():
    async def script(user):
        await user.teach(0, 0)
        await user.tap("class", 0)
        await user.tap("rename")
        await user.type("bar")
        await user.tap("done")
        assert user.recogniser.names[0] == "bar" and user.app.counts == [1, 0, 0]
        await user.tap("rename")
        await user.type("2")
        await user.tap("done")
        assert user.app.page_name == "KeyboardPage" and "already" in user.app.warning()
        await user.tap("back")
        assert user.recogniser.names[0] == "bar"

    for size in SIZES:
        on_screen(script, size)


def test_a_renamed_class_has_its_name_in_the_file_of_the_network_without_a_lesson():
    folder = scratch()

    async def renamed(user):
        await user.tap("class", 0)
        await user.tap("rename")
        await user.type("bar")
        await user.tap("done")
        await user.settle_all()
        assert not user.recogniser.unsaved and not user.recogniser.stale
        return load(folder + "/drawings.uffm")

    async def script(user):
        await taught(user)
        before = load(folder + "/drawings.uffm")
        after = await renamed(user)
        assert after.names == ["bar", "2", "3"] and after.notes == before.notes
        assert [bytes(one[5]) for one in after.layer.arrays()] == [
            bytes(one[5]) for one in before.layer.arrays()
        ]

    User(folder).run(script)
    user = User(folder)  # and after another start, too
    assert user.recogniser.names[0] == "bar" and not user.recogniser.unsaved
    assert not user.recogniser.stale
    umount()


def test_sixteen_classes_are_the_most_and_one_stays():
    async def script(user):
        for _ in range(13):
            await user.tap("add_class")
            await user.tap("done")
        assert len(user.recogniser.names) == 16
        await user.tap("add_class")
        assert user.app.warning() == "There are 16 classes, the most there can be."
        for _ in range(15):
            await user.tap("class", 0)
            await user.tap("remove")
        assert len(user.recogniser.names) == 1
        await user.tap("class", 0)
        await user.tap("remove")
        assert user.app.warning() == "The last class stays: there must be one."
        assert len(user.recogniser.names) == 1

    for size in SIZES:
        on_screen(script, size)


def test_training_is_stopped_by_the_same_button():
    async def script(user):
        for kind in range(3):
            await user.teach(kind, kind, 2)
        train = user.recogniser.train

        def endless():
            while True:
                yield "learn", 0.5

        user.recogniser.train = endless
        x, y = user.app.where("train")
        user.press(x, y)
        user.lift(x, y)
        while user.app.learning.progress != 0.5:
            await asyncio.sleep_ms(1)
        await user.settled_but_for_training()
        assert message(user).startswith("Training") and user.app.busy
        await user.tap("train")
        assert user.recogniser.network is not None and user.app.learning.progress is None
        assert message(user).startswith("Training stopped. ")
        user.recogniser.train = train
        await user.tap("train")
        assert user.recogniser.network is not None

    on_screen(script)


def test_one_draws_on_while_it_learns():
    async def script(user):
        await taught(user)
        await user.teach(0, 0, 1, 30)
        await user.settle_all()

        def endless():
            while True:
                yield "learn", 0.5

        user.recogniser.train = endless
        await user.draw(1, 50)
        x, y = user.app.where("train")
        await user.tap("clear")
        user.press(x, y)
        user.lift(x, y)
        while user.app.learning.progress != 0.5:
            await asyncio.sleep_ms(1)
        left, top, _, _ = field(user)
        user.stroke([left + 50, top + 50, left + 200, top + 60, left + 120, top + 220])
        while user.app.verdict is None:
            await asyncio.sleep_ms(1)
        assert len(user.app.drawing.strokes) == 1 and user.app.learning.progress == 0.5
        await user.tap("train")

    on_screen(script)


def test_undo_takes_back_a_change_exactly_on_every_page():
    folder = scratch()
    User(folder).run(taught)
    want = contents(folder + "/drawings.uffm")

    async def back_again(user):
        await user.tap("undo")
        await user.settle_all()
        assert user.app.counts == [4, 4, 4] and not user.recogniser.can_undo
        assert contents(folder + "/drawings.uffm") == want
        assert "undo" not in user.app.page.controls or user.app.page_name == "DrawPage"

    async def script(user):
        await user.tap("class", 1)
        await user.tap("thumbnail", 0)
        await user.tap("delete")
        assert user.app.counts == [4, 3, 4] and user.app.page_name == "ClassPage"
        assert "nothing yet" not in user.app.message()[0]
        await user.settle_all()
        assert contents(folder + "/drawings.uffm") != want
        await back_again(user)
        await user.tap("thumbnail", 1)
        await user.tap("relabel")
        await user.tap("class", 0)
        assert user.app.counts == [5, 3, 4]
        await back_again(user)
        await user.tap("remove")
        assert user.recogniser.names == ["1", "3"] and user.app.page_name == "DrawPage"
        await back_again(user)
        assert user.recogniser.names == ["1", "2", "3"]
        # The next change is the end of it.
        await user.tap("class", 1)
        await user.tap("thumbnail", 0)
        await user.tap("delete")
        await user.tap("back")
        await user.teach(1, 1, 1, 33)
        await user.tap("undo")
        assert user.app.warning() == "There is nothing to take back."
        assert user.app.counts == [4, 4, 4]

    User(folder).run(script)
    umount()


def test_a_double_tap_does_what_one_tap_does():
    async def script(user):
        async def twice(name, number=None):
            x, y = user.app.where(name, number)
            for _ in range(2):
                user.press(x, y)
                user.lift(x, y)
            await user.settle()

        user.fingers.pause = 100
        for kind in range(3):
            await user.draw(kind)
            await twice("class", kind)
            assert user.app.page_name == "DrawPage"
        assert user.app.counts == [1, 1, 1]
        await twice("train")
        await user.settle_all()
        assert user.recogniser.trained and not user.app.warning()
        await twice("add_class")
        assert user.app.page_name == "KeyboardPage" and user.app.page.name == "4"
        await user.tap("back")
        user.fingers.pause = 400  # two taps
        await user.draw(0, 5)
        await twice("class", 0)
        assert user.app.page_name == "ClassPage"

    on_screen(script)


def test_wrong_drawings_and_mixed_up_classes_are_shown():
    async def script(user):
        for kind in range(3):
            await user.teach(kind, kind, 8)
        await user.teach(1, 2, 1, 40)
        await user.settle_all()
        await user.tap("verdict")
        page = user.app.page
        assert user.app.page_name == "CheckPage" and page.samples[-1] == 24
        assert sum(sum(row) for row in page.table) == 25 and page.table[2][1] >= 1
        place = page.samples.index(24) - page.first
        await user.tap("thumbnail", place)
        assert user.app.page.sample == 24 and user.app.page.likely == 1
        await user.tap("make")
        await user.settle_all()
        assert user.app.counts == [8, 9, 8] and user.app.page_name == "CheckPage"
        assert 24 not in user.app.page.samples
        await user.tap("undo")
        await user.settle_all()
        assert user.app.counts == [8, 8, 9] and 24 in user.app.page.samples

    for size in SIZES:
        on_screen(script, size)


def test_two_reports_make_a_stroke_and_two_fingers_no_dot():
    async def script(user):
        left, top, _, _ = field(user)
        user.press(left + 50, top + 50)
        user.lift(left + 150, top + 150)
        await user.settle()
        assert len(user.app.drawing.strokes[0]) == 4 and not user.app.drawing.is_dot
        user.press(left + 50, top + 150)
        user.press(left + 100, top + 20, finger=1)
        user.lift(left + 150, top + 50)
        user.move(left + 101, top + 21, finger=1)
        user.lift(left + 101, top + 21, finger=1)
        await user.settle()
        assert [len(stroke) for stroke in user.app.drawing.strokes] == [4, 4]

    on_screen(script)


def test_a_button_held_from_before_starts_no_training():
    class Button:
        held = True

        def __call__(self):
            return self.held

    button = Button()
    folder = scratch()
    User(folder).run(taught)

    async def script(user):
        await user.teach(0, 0, 1, 20)
        await user.settle_all()
        before = user.app.learning.training, user.recogniser.trained
        assert before == (False, False)
        button.held = False
        await asyncio.sleep_ms(10)
        button.held = True
        await asyncio.sleep_ms(10)
        await user.settle_all()
        assert user.recogniser.trained

    user = User(folder)
    user.app._button = button
    user.run(script)
    umount()


def test_an_application_that_has_ended_says_so_on_the_screen():
    folder = scratch()
    for error in (None, KeyboardInterrupt, RuntimeError):
        user = User(folder)

        class Ends:
            def read(self, user=user, error=error):
                if error:
                    raise error
                user.app.quit()
                return ()

        user.app._touch = Ends()
        try:
            application.serve(user.app)
        except (KeyboardInterrupt, RuntimeError):
            pass
        asyncio.new_event_loop()
        shown = bytes(user.display.buffer)
        application.end(user.app)
        assert bytes(user.display.buffer) == shown
    umount()


def test_ctrl_c_while_the_tasks_sleep_ends_them_and_the_training():
    async def script(user):
        await user.teach(0, 0, 3)
        await user.teach(1, 1, 3)

    queue = asyncio.core.IOQueue
    wait = queue.wait_io_event
    user = User(scratch(), (480, 272))
    user.run(script)
    app = user.app
    attached, reads = [], 0
    app.screen.attach = attached.append

    class Touch:
        def read(self):
            nonlocal reads
            reads += 1
            if reads == 5:
                app.train_or_stop()
                queue.wait_io_event = interrupted
            return ()

    async def later():
        await asyncio.sleep_ms(50)

    def interrupted(self, ms):
        queue.wait_io_event = wait
        raise KeyboardInterrupt

    app._touch = Touch()
    try:
        try:
            application.serve(app)
            raise AssertionError("Ctrl-C is lost")
        except KeyboardInterrupt:
            pass
        assert attached == [app, None]
        assert not app.learning.training and app.learning.progress is None
        before = reads
        asyncio.run(later())
        assert reads == before, "an application that has ended is served"
    finally:
        queue.wait_io_event = wait
        umount()


def test_pages_of_many_drawings_turn():
    async def script(user):
        await user.teach(0, 0, 40)
        await user.tap("class", 0)
        assert "next" in user.app.page.controls
        first = user.app.page.samples[user.app.page.first]
        assert first == 39
        await user.tap("next")
        assert user.app.page.first > 0 and "previous" in user.app.page.controls
        await user.tap("thumbnail", 0)
        await user.tap("back")
        assert user.app.page.turn == 1
        await user.tap("previous")
        assert user.app.page.first == 0

    on_screen(script, (480, 272))


def test_what_looks_mislabelled_is_marked():
    async def script(user):
        for kind in range(3):
            await user.teach(kind, kind, 8)
        await user.teach(1, 2, 1, 40)
        await user.tap("train")
        assert user.recogniser.suspects == [24] and user.app.suspect_classes == {2}
        await user.tap("class", 2)
        await user.tap("thumbnail", 0)
        assert user.app.page.sample == 24

    on_screen(script)


def test_a_class_in_doubt_is_marked_as_soon_as_that_is_known():
    async def script(user):
        for kind in range(3):
            await user.teach(kind, kind, 8)
        await user.teach(1, 2, 1, 40)
        x, y, w, h = user.app.page.controls["class 2"]

        def amber():
            return sum(
                at(user, px, py) == colours.AMBER
                for py in range(y, y + h)
                for px in range(x, x + w)
            )

        assert not amber()
        await user.tap("train")
        assert amber() > 100
        assert "Check the “!” in 3." in message(user)

    on_screen(script)


def test_nobody_waits_for_leave_one_out_and_saving():
    async def script(user):
        for kind in range(3):
            await user.teach(kind, kind, 2)
        await user.settle_all()
        learn, seen = user.recogniser.learn, []

        def watched():
            for stage, done in learn():
                yield stage, done
                app, progress = user.app, user.app.learning.progress
                seen.append((stage, app.message()[0], progress, app.busy, app.recogniser.stale))

        user.recogniser.learn = watched
        await user.teach(0, 0, 1, 9)
        await user.settle_all()
        waits = [part for stage, _, part, _, _ in seen if stage == "learn"]
        assert waits == sorted(waits) and waits[-1] == 1.0
        for stage, text, part, busy, stale in seen:
            if stage == "learn":
                assert text.startswith("Kept as") and busy
            else:
                assert part is None and not busy and not stale
        assert {stage for stage, *_ in seen} == {"learn", "check", "save"}

    on_screen(script)


def test_the_time_left_is_right_and_never_jumps_up():
    for whole in (3000, 30000):
        countdown, shown = Countdown(1000), []
        for i in range(1, 101):
            now = i * whole // 100
            seconds = countdown.left(i / 100 if i < 100 else 1, 1000 + now)
            if seconds is not None:
                shown.append(seconds)
                assert abs(seconds - (whole - now) / 1000) <= 1.1, (seconds, whole - now)
        assert shown and shown == sorted(shown, reverse=True) and shown[-1] == 0
    # Slower than it seemed at first: it says so.
    countdown = Countdown(0)
    first = [countdown.left(i / 100, i * 50) for i in range(5, 20)][-1]
    later = [countdown.left(0.2 + i / 1000, 1000 + i * 50) for i in range(1, 100)][-1]
    assert first <= 5 and later > 10, (first, later)


def test_letters_are_there_for_all_that_can_be_typed_and_a_box_for_the_rest():
    for height in (480, 272):
        tiny, small, main, big = fonts(height)
        for font in (tiny, small, main):
            for row in KEYS + SIGNS:
                assert font.covers(row) and font.covers("".join(capital(key) for key in row))
            assert not font.covers("字") and font.width("字") > 0
            assert font.fit("wide words", font.width("wide…")) == "wide…"
            assert font.wrap("two words", font.width("words")) == ["two", "words"]
        assert big.covers("0123456789ABCXYZabcxyz")
        display = MemoryDisplay(480, 272)
        palette = Screen(display).palette(0, 0xFFFF, main.levels)
        plain_draw(main, display.framebuf, "字", 10, 10, palette)
        lit = sum(1 for byte in display.buffer if byte)
        assert 40 < lit < 400, lit


def test_the_widest_names_that_can_be_typed_fit_with_any_number_of_classes():
    for width, height in SIZES:
        screen = Screen(MemoryDisplay(width, height))
        for classes in range(2, MOST_CLASSES + 1):
            layout = Layout(width, height, classes)
            for page in (layout.draw(), layout.choose()):
                rect = page["class 0"]
                for name in (LONGEST_NAME * "W", LONGEST_NAME * "m", "last of wmmm"):
                    names = [name] + ["%d" % i for i in range(1, classes)]
                    grid = Grid(screen, layout, names, rect)
                    lines, font, at = grid._lines[0], grid._name_font, (width, classes, name)
                    assert "".join(lines).replace(" ", "") == name.replace(" ", ""), at
                    assert max([font.width(line) for line in lines]) <= rect[2] - 2 * grid.pad, at
                    room = rect[3] - grid._font.height - 2
                    assert len(lines) * font.height <= room + 4, at


def test_a_full_disk_is_reported_and_costs_nothing():
    folder = mount(RamDisk(16), "VfsLfs2", format=True)

    async def script(user):
        for shift in range(200):
            await user.draw(0, shift)
            await user.tap("class", 0)
            if user.app.drawing:
                break
        assert message(user).startswith("The disk is full")
        count = user.app.counts[0]
        assert 0 < count == len(user.recogniser.samples) == shift
        await user.tap("clear")
        await user.draw(0, 1)
        assert user.app.drawing

    User(folder).run(script)
    assert User(folder).app.counts[0] > 0
    umount()


def test_too_little_memory_is_said():
    class Small:
        def __call__(self):
            return self.alloc

        def alloc(self, size):
            raise MemoryError

        def keep(self):
            raise AssertionError

    async def script(user):
        for kind in range(3):
            await user.teach(kind, kind)
        await user.tap("train")
        assert "memory" in message(user), message(user)
        assert user.app.counts == [1, 1, 1]

    folder = scratch()
    User(folder, arena=Small()).run(script)
    umount()


def test_what_was_lost_is_reported_and_the_network_goes_on():
    for size in SIZES:
        folder = scratch()
        User(folder).run(taught)
        path = folder + "/drawings.uffs"
        whole, model = contents(path), contents(folder + "/drawings.uffm")
        with open(path, "wb") as file:
            file.write(whole[:5000])

        async def script(user, whole=whole, model=model, path=path, folder=folder):
            assert user.app.warning() == "6 drawings or changes are lost."
            await user.draw(1, 50)
            assert user.app.warning() == "The old file is kept as drawings.uffs.bad1."
            assert contents(path + ".bad1") == whole[:5000]
            # It knows what it knew, and does not learn from the rest unless it is told to.
            assert user.app.verdict.label == 1 and user.recogniser.stale
            await user.tap("clear")
            await user.teach(2, 2)
            assert user.app.counts == [4, 2, 1]
            assert contents(folder + "/drawings.uffm") == model and not user.app.warning()
            await user.tap("train")
            assert message(user).startswith("Trained. Self-test: ") and not user.recogniser.stale

        User(folder, size).run(script)
        assert User(folder).app.warning() == ""
        umount()


def test_a_damaged_header_is_reported_and_the_file_is_kept():
    folder = scratch()
    User(folder)
    with open(folder + "/drawings.uffs", "r+b") as file:
        file.seek(5)
        file.write(b"?")

    async def script(user):
        sentence = "The file of the drawings is damaged; it is kept as drawings.uffs.bad1."
        assert message(user) == sentence, message(user)
        await user.teach(0, 0)
        assert user.app.counts == [1, 0, 0]

    User(folder).run(script)
    assert exists(folder + "/drawings.uffs.bad1")
    umount()


def test_an_empty_class_that_goes_leaves_it_recognising():
    async def script(user):
        await taught(user)
        for _ in range(2):
            await user.tap("add_class")
            await user.tap("done")
        await user.tap("class", 4)
        await user.tap("remove")
        assert user.recogniser.names == ["1", "2", "3", "4"]
        await user.draw(1, 50)
        assert user.app.verdict.label == 1
        await user.tap("clear")
        await user.tap("class", 3)
        await user.tap("remove")
        await user.settle_all()  # it learns anew; leave-one-out comes last
        assert not user.recogniser.stale and user.recogniser.accuracy > 0.9
        # One with drawings, while another has none.
        await user.tap("add_class")
        await user.tap("done")
        await user.tap("class", 0)
        await user.tap("remove")
        assert user.recogniser.names == ["2", "3", "4"] and not user.recogniser.stale
        await user.draw(2, 50)
        assert user.app.verdict.label == 1 and user.app.verdict.nearest is not None

    on_screen(script)


def test_a_network_that_cannot_be_saved_is_said_to_have_learnt():
    folder = scratch()

    async def script(user):
        for kind in range(3):
            await user.teach(kind, kind, 4)
        await user.settle_all()
        write(folder + "/fill", bytes((os.statvfs(folder)[3] - 300) * 512))
        await user.tap("train")
        await user.settle_all()
        assert (
            message(user) == "It has learnt, but the network is not saved (the disk is full)."
        ), message(user)
        await user.draw(1, 50)
        assert user.app.verdict.label == 1 and not user.recogniser.stale

    User(folder).run(script)
    umount()


def test_another_program_that_writes_is_reported_and_nothing_is_lost():
    folder = scratch()

    async def script(user):
        await user.teach(0, 0, 2)
        await user.tap("class", 0)
        await user.tap("thumbnail", 0)
        samples = Dataset.open(folder + "/drawings.uffs")
        samples.append(samples[0], 1)
        await user.tap("delete")
        assert message(user) == "Another program has changed the drawings; see what is there."
        # The page showed a drawing by a number that may be another's now.
        assert user.app.page_name == "DrawPage" and user.app.counts == [2, 1, 0], (
            user.app.page_name,
            user.app.counts,
        )
        await user.teach(2, 2)
        assert user.app.counts == [2, 1, 1] and len(Dataset.open(samples.path)) == 4

    User(folder).run(script)
    umount()


def test_an_edit_that_was_made_with_trouble_is_not_asked_for_again():
    async def script(user):
        add = user.recogniser.add

        def with_trouble(image, label):
            add(image, label)
            raise MemoryError

        user.recogniser.add = with_trouble
        await user.draw(0)
        await user.tap("class", 0)
        assert user.app.counts == [1, 0, 0] and not user.app.drawing
        assert user.app.warning().startswith("It is done, but there was trouble: Not enough")

    on_screen(script)


def test_what_cannot_start_says_so_on_the_screen():
    class Board:
        display, touch, leds, button = MemoryDisplay(480, 272), None, (), None
        folder, arena = "/nowhere/", HeapArena()

    made = []

    class Hungry:
        def __init__(self, folder, arena):
            made.append(folder)
            raise MemoryError("memory allocation failed")

    plain = application.Recogniser
    for recogniser, tries in ((Hungry, 2), (plain, 2)):
        application.Recogniser = recogniser
        try:
            app = application.start(Board)
        finally:
            application.Recogniser = plain
        assert len(made) == tries
        if recogniser is plain:  # no disk is no reason not to start
            assert "The disk does not work" in app.warning()
        else:
            assert app is None
            amber = colours.AMBER & 0xFF
            assert sum(byte == amber for byte in Board.display.buffer) > 200


def test_main_says_on_the_screen_what_has_ended_it():
    import boards
    import main  # on this board it finds no screen

    class Broken:
        def read(self):
            raise RuntimeError("the touch controller is gone")

    class Board:
        name, leds, button, arena = "test", (), None, HeapArena()
        display, touch = MemoryDisplay(480, 272), Broken()
        folder = scratch() + "/"

    here, boards.here = boards.here, lambda: Board
    try:
        main.run()
    finally:
        boards.here = here
        umount()
    amber = colours.AMBER & 0xFF
    assert sum(byte == amber for byte in Board.display.buffer) > 200


def test_what_is_raised_while_it_runs_is_reported_and_it_goes_on():
    async def script(user):
        app = user.app
        for part, place in (
            (app.prediction, "step"),
            (app.input, "_draw_on"),
            (app.learning, "step"),
            (app.input, "_press"),
        ):
            for error in (MemoryError(), OSError(5), ValueError("no"), OverflowError()):
                method = getattr(part, place)

                def fails(*args, error=error):
                    raise error

                setattr(part, place, fails)
                await user.draw(0)
                await user.tap("train")
                setattr(part, place, method)
                app.clear()
                await user.settle()
        before = app.counts[0]
        await user.teach(0, 0)
        assert app.counts[0] == before + 1

    on_screen(script)


def test_what_is_reported_at_the_start_fits_on_the_screen():
    drawn = []

    def draw(self, buffer, text, x, y, palette):
        drawn.append(text)
        plain_draw(self, buffer, text, x, y, palette)

    covered, Font.draw = Font.draw, draw
    try:
        for size in SIZES:
            for text in (
                "1234 drawings or changes are lost.",
                "The old file is kept as drawings.uffs.bad12.",
                "The drawings are gone; the network is kept.",
                "The disk does not work (error 84): what you draw is gone with the power.",
                "The file of the drawings cannot be read (error 84); it is kept as "
                "drawings.uffs.bad12.",
                "The network is of another version of the application: it learns your drawings "
                "anew.",
                "It has learnt, but the network is not saved (the disk is full).",
                "The disk is full; nothing was changed. Remove files from it.",
            ):
                folder = scratch()
                user = User(folder, size)
                user.app.say(text, True)
                del drawn[:]
                user.app.page.draw()
                umount()
                texts = " ".join(drawn)
                assert all(word in texts for word in text.split()), texts
    finally:
        Font.draw = covered


def test_only_what_changed_is_sent():
    class Counting(MemoryDisplay):
        def show(self, x, y, w, h):
            assert 0 <= x < x + w <= self.width and 0 <= y < y + h <= self.height
            self.sent = getattr(self, "sent", 0) + w * h

    display = Counting()

    async def script(user):
        display.sent = 0
        await user.draw(1)
        strokes = display.sent
        _, _, width, height = field(user)
        assert strokes < 4 * width * height + 800 * 70 * 3, strokes
        display.sent = 0
        await user.settle()
        assert display.sent == 0

    on_screen(script, display=display)


def test_what_is_kept_depends_on_the_reports_and_not_on_their_pace():
    found = []
    for burst in (False, True):

        async def script(user, burst=burst):
            await user.draw(1, 3, 5)
            await user.tap("clear")
            left, top, _, _ = field(user)
            x, y = user.app.where("class", 1)
            groups = user.fingers.queue
            user.stroke([left + 50, top + 50, left + 200, top + 60, left + 120, top + 220], 7)
            if burst:  # all at once, in one report of the controller
                groups[:] = [tuple(report for group in groups for report in group)]
            await user.settle()
            user.press(x, y)
            user.lift(x, y)
            await user.settle()
            found.append(bytes(user.recogniser.samples[0]))

        on_screen(script)
    assert found[0] == found[1]


def test_all_controls_lie_on_the_screen_and_apart():
    for width, height in SIZES + ((1024, 600), (640, 480)):
        for classes in range(1, 17):
            layout = Layout(width, height, classes)
            for page in ("draw", "class_page", "sample", "choose", "keyboard", "check"):
                places = getattr(layout, page)()
                rects = list(places.items())
                for i, (name, (x, y, w, h)) in enumerate(rects):
                    assert x >= 0 and y >= 0 and w > 0 and h > 0, (page, name)
                    assert x + w <= width and y + h <= height, (page, name, width, classes)
                    for other, (x2, y2, w2, h2) in rects[:i]:
                        apart = x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y
                        assert apart, (page, name, other, width, classes)
    raises(ValueError, "want at least 480 x 272 pixels, got 320 x 240", Layout, 320, 240, 3)


def test_fingers_hit_what_they_are_meant_to():
    # 7 mm on the board's screen of 233 dots an inch is 64 pixels.
    for classes in range(1, 17):
        layout = Layout(800, 480, classes)
        for page in ("draw", "class_page", "sample", "choose", "check"):
            for name, (_, _, w, h) in getattr(layout, page)().items():
                if name not in ("message", "title", "note", "table"):
                    assert w >= 64 and h >= 64, (page, name, w, h, classes)


run(globals())
