"""Patterns, each with a question, and the time that a screen takes."""

import time

from bring_up.outcomes import Failed, Unconfirmed


def display(test):
    """Patterns, each with a question, and the time that a screen takes."""
    screen = test.screen()
    width, height, canvas = screen.width, screen.height, screen.framebuf
    found = {"width": width, "height": height, "answers": {}}
    colours = (0xFFFF, 0xFFE0, 0x07FF, 0x07E0, 0xF81F, 0xF800, 0x001F, 0x0000)

    def bars():
        for i, colour in enumerate(colours):
            canvas.fill_rect(i * width // 8, 0, width // 8 + 1, height, colour)

    def frame():
        canvas.fill(0)
        canvas.rect(0, 0, width, height, 0xFFFF)
        canvas.rect(2, 2, width - 4, height - 4, 0x07E0)

    def text():
        canvas.fill(0x001F)
        for y in range(0, height - 8, 16):
            canvas.text("%d: the quick brown fox 0123456789" % y, 8, y, 0xFFFF)

    for name, draw, question in (
        ("bars", bars, "white yellow cyan green magenta red blue black bars, left to right"),
        ("frame", frame, "a white frame on the very edge all round, a green one inside it"),
        ("text", text, "white text on blue, upright, left to right, not mirrored"),
    ):
        draw()
        screen.show(0, 0, width, height)
        found["answers"][name] = test.ask("Do you see " + question + "?")
    begun = time.ticks_us()
    for _ in range(10):
        screen.show(0, 0, width, height)
    found["screen_us"] = time.ticks_diff(time.ticks_us(), begun) // 10
    begun = time.ticks_us()
    for _ in range(10):
        screen.show(width // 2 - 32, height // 2 - 32, 64, 64)
    found["square_of_64_us"] = time.ticks_diff(time.ticks_us(), begun) // 10
    # A square in the middle that changes alone: rectangles work.
    canvas.fill(0)
    screen.show(0, 0, width, height)
    canvas.fill_rect(width // 2 - 100, height // 2 - 50, 200, 100, 0xF800)
    screen.show(width // 2 - 100, height // 2 - 50, 200, 100)
    found["answers"]["rectangle"] = test.ask("Do you see one red rectangle in the middle?")
    # Of the board's own display: which panel it is, and frames that were not sent in time.
    for name in ("panel", "underruns"):
        found[name] = getattr(screen, name, None)
    no = [name for name, answer in found["answers"].items() if answer == "no"]
    if no:
        raise Failed("not as it should be: " + ", ".join(sorted(no)), found)
    if "no answer" in found["answers"].values():
        raise Unconfirmed("nobody said what there was to see", found)
    return found
