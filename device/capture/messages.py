"""What the first page says, as it follows from the state of the application."""

from . import rules
from .network_in_use import UNLIKE
from .words import as_sentence, counted, with_article

ENOUGH = 3  # drawings of a class from which on it is time to try it

# Kinds of a headline.
MESSAGE, WARNING, SURE, NOT_SURE = range(4)


def headline(app):
    """(kind, text, what stands behind the sign): the verdict, else message()."""
    notice, verdict = app.notice, app.verdict
    if notice is None and verdict is not None:
        names = app.recogniser.names
        if verdict.sure:
            return SURE, "It is " + with_article(names[verdict.label]), "sure"
        if verdict.why == UNLIKE:
            return NOT_SURE, "", "Unlike anything drawn"
        other = with_article(names[verdict.other])
        return NOT_SURE, "%s or %s" % (with_article(names[verdict.label]), other), "not sure"
    text, warns = message(app)
    return WARNING if warns else MESSAGE, text, ""


def message(app):
    """(sentence, whether it warns)."""
    if app.notice:
        text, warns, goes_on = app.notice
        return (text + " " + next_step(app) if goes_on else text), warns
    learning = app.learning
    if learning.progress is not None and not app.drawing:
        left, doing = learning.seconds_left, "Training" if learning.training else "Learning"
        return doing + ("…" if left is None else ": %d s left" % left), False
    return next_step(app), False


def next_step(app):
    """What to do next."""
    recogniser, counts = app.recogniser, app.counts
    names = recogniser.names
    if app.drawing:
        if app.drawing.is_dot:
            return "" if app.drawing.down else "Only a dot so far: draw on."
        if recogniser.network is None:
            return "Now tap its class."
        return "Tap its class to teach it, or Clear."
    if not min(counts):
        return as_sentence("draw " + with_article(names[counts.index(0)]))
    why = recogniser.obstacle()
    if why:
        return as_sentence(why)
    if app.suspect_classes:
        return as_sentence("check the “!” in " + names[min(app.suspect_classes)])
    few = min(counts)
    if few < ENOUGH:
        return "Draw another %s, or one to try it." % names[counts.index(few)]
    return "Now draw one to try it."


def hint(app):
    """What the empty field says."""
    few = min(app.counts)
    if app.recogniser.network is not None and few:
        return "Draw here."
    name = app.recogniser.names[app.counts.index(few)]
    return "Draw %s here, then tap its class." % with_article(name)


def can_check(app):
    """Whether there is a self-test to look at."""
    recogniser = app.recogniser
    return app.verdict is None and not app.drawing and recogniser.is_checked


def panel(app):
    """(lines, (drawing, caption) or None, whether a tap shows the self-test)."""
    verdict = app.verdict
    if verdict is None:
        return accuracy_lines(app), None, can_check(app)
    nearest, recogniser = verdict.nearest, app.recogniser
    if nearest is None or recogniser.stale or verdict.why == UNLIKE:
        return (next_step(app),), None, False
    label = recogniser.samples.labels[nearest]
    return (next_step(app),), (nearest, ("nearest:", with_article(recogniser.names[label]))), False


def accuracy_lines(app):
    """One or two lines on how good it is."""
    recogniser, count = app.recogniser, sum(app.counts)
    if app.learning.is_learning and (recogniser.network is None or not recogniser.is_checked):
        return ("Learning…", room_line(count))
    if recogniser.network is None:
        if not count:
            return ("No drawings yet", "Three to five of each are enough")
        return (counted(count), room_line(count))
    if recogniser.stale:
        return ("Changed since training: train again",)
    if recogniser.accuracy is None:
        return (counted(count) + " learnt", room_line(count))
    known = int(recogniser.accuracy * count + 0.5)
    return ("Self-test: %d of %d" % (known, count), room_line(count))


def room_line(count):
    """How many copies fit with so many drawings, before there are more."""
    copies, most = rules.room_of(max(count, 1))
    if not copies:
        return "No copies, up to %d drawings" % most
    text = "1 copy" if copies == 1 else "%d copies" % copies
    return "%s each, up to %d drawings" % (text, most)
