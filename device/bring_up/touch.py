"""Rest, then five targets."""

import time

from bring_up.outcomes import Failed, Unconfirmed

NEAR = 60  # pixels from a target


def touch(test):
    """Rest, then five targets: where they were touched, raw and as pixels, and the faults."""
    panel = test.panel()
    found = {
        name: getattr(panel, name)
        for name in ("address", "vendor", "chip", "firmware", "note")
        if hasattr(panel, name)
    }
    test.say("Touch: leave the screen alone for %d s." % test.asked.rest_s)
    rest = watched(panel, int(1000 * test.asked.rest_s))
    found["reports_at_rest"] = sum(len(reports) for reports in rest)
    found["faults_at_rest"] = faults(panel)
    screen = test.board.display
    width, height = (screen.width, screen.height) if screen else (800, 480)
    targets = {
        "top left": (40, 40),
        "top right": (width - 41, 40),
        "bottom right": (width - 41, height - 41),
        "bottom left": (40, height - 41),
        "middle": (width // 2, height // 2),
    }
    found["targets"] = {}
    far, missed = [], 0
    for name in ("top left", "top right", "bottom right", "bottom left", "middle"):
        x, y = targets[name]
        if screen:
            screen.framebuf.fill(0)
            screen.framebuf.hline(x - 30, y, 61, 0xFFFF)
            screen.framebuf.vline(x, y - 30, 61, 0xFFFF)
            screen.framebuf.text("touch the cross: " + name, width // 2 - 120, height // 3, 0xFFFF)
            screen.show(0, 0, width, height)
        test.say("Touch the %s (%d, %d)." % (name, x, y))
        row = one_touch(panel, test.asked.touch_s)
        row["target"] = [x, y]
        found["targets"][name] = row
        if "press" not in row:
            missed += 1
            if missed == 2:
                test.say("No touches come: the rest is left out.")
                break
        elif max(abs(row["press"][0] - x), abs(row["press"][1] - y)) > NEAR:
            far.append(name)
    found["faults"] = faults(panel)
    if missed:
        raise Unconfirmed("%d targets were not touched, or nothing was seen" % missed, found)
    if far:
        raise Failed("more than %d pixels away: %s" % (NEAR, ", ".join(far)), found)
    return found


def faults(panel):
    return {
        name: getattr(panel, name)
        for name in ("nacks", "blanks", "ghosts", "leaps", "losses")
        if hasattr(panel, name)
    }


def watched(panel, limit_ms):
    """What read() gives, every 10 ms for so long."""
    begun = time.ticks_ms()
    while time.ticks_diff(time.ticks_ms(), begun) < limit_ms:
        yield panel.read()
        time.sleep_ms(10)


def one_touch(panel, limit_s):
    """Where the next finger is pressed and lifted, and the controller's bytes at the press."""
    from drivers.touch import CONTACT, LIFT, PRESS

    row = {"contacts": 0}
    for reports in watched(panel, int(1000 * limit_s)):
        for report in reports:
            if report.event == PRESS and "press" not in row:
                row["press"] = [report.x, report.y]
                row["id"] = report.id
                if hasattr(panel, "raw"):
                    raw = panel.raw()
                    row["burst"] = "".join("%02x" % byte for byte in raw)
                    at = 1 + 6 * report.id
                    row["raw_x"] = (raw[at] & 15) << 8 | raw[at + 1]
                    row["raw_y"] = (raw[at + 2] & 15) << 8 | raw[at + 3]
            elif "press" in row and report.id == row["id"]:
                if report.event == CONTACT:
                    row["contacts"] += 1
                if report.event == LIFT:
                    row["lift"] = [report.x, report.y]
                    return row
    return row
