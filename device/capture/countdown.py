"""How long something still takes, from how much of it is done: steady enough to read."""

from time import ticks_diff


class Countdown:
    """One piece of work, begun at now_ms (time.ticks_ms())."""

    def __init__(self, now_ms):
        self._begun = now_ms
        self._whole = None  # milliseconds for all, smoothed
        self._shown = None

    def left(self, done, now_ms):
        """Whole seconds left when `done` (0 to 1) is done; None while too little is known.

        It grows only where the work turns out to be much longer.
        """
        gone = ticks_diff(now_ms, self._begun)
        if done < 0.03 or gone < 200:
            return None
        whole = gone / done
        # The parts of a training are weighed by their multiply-adds, so the pace changes a little.
        self._whole = whole if self._whole is None else self._whole + (whole - self._whole) / 8
        left = max(self._whole - gone, 0.0 if done >= 1 else 1.0)
        seconds = int(left / 1000 + 0.999)
        shown = self._shown
        if shown is None or seconds < shown or seconds > shown + 1 + shown // 4:
            self._shown = seconds
        return self._shown
