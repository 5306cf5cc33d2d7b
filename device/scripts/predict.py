"""Recognises drawings with the network that the capture application trained and saved.

Without job.json: the board's own drawings, each with the class it was kept as. With {"replay":
"x.ufft"}: what is drawn in that touch recording; a touch outside the field ends a drawing. With
{"samples": "x.uffs"}: the images of that file, whose labels must be the network's.

With {"model": "x.uffm", "samples": "x.uffs"} it is that network alone that predicts the images,
whatever their labels.
"""

from array import array
from math import frexp

from boards import here
from capture.layout import Layout
from capture.pen import Drawing
from capture.raster import SIDE, Raster
from capture.recogniser import Recogniser
from capture.touch_recording import Replay
from drivers.touch import LIFT, PRESS

import uff
from uff import job

JOB = {
    "model": None,
    "replay": None,
    "samples": None,
    # with a model, a file: for each image its label (uint8) and all goodnesses (int64)
    "predictions": None,
    "files": None,  # what the names of drawings.uffs and .uffm begin with; else the board's folder
    "width": 800,  # of the recording's screen, where the board has none
    "height": 480,
    "lines": 20,  # drawings printed one by one; all are in the result
}


class NoScreen:
    """What a pen draws on when nobody looks."""

    buffer = None

    def __init__(self):
        self.buffer = self

    def ellipse(self, *args):
        pass

    poly = mark = ellipse


def drawn(replay, layout, image):
    """Fills image with each drawing of a recording; yields None, as no label is known."""
    field = layout.draw()["field"]
    left, top, width, height = field
    raster, pen, finger = Raster(), Drawing(NoScreen(), field, layout.pen, 1), None
    while not replay.ended:
        for touch in replay.read():
            if touch.event == PRESS and finger is None:
                inside = 0 <= touch.x - left < width and 0 <= touch.y - top < height
                if inside:
                    finger = touch.id
                    pen.press(touch.x, touch.y)
                elif pen:
                    raster.draw(pen.strokes, image)
                    pen.clear()
                    yield None
            elif touch.id == finger:
                pen.move(touch.x, touch.y)
                if touch.event == LIFT:
                    finger = None
                    pen.lift()
    if pen:
        raster.draw(pen.strokes, image)
        yield None


def kept(samples, image):
    """Fills image with each sample; yields its label."""
    for i in range(len(samples)):
        samples.read_into(image, i, i + 1)
        yield samples.labels[i]


def predict():
    asked = job.Job(**JOB)
    if asked.model is None:
        recognise(asked)
    else:
        by_network(asked)


def by_network(asked):
    network = uff.load(asked.model).network
    if asked.samples is None:
        raise ValueError("predict: want samples for the model in job.json")
    samples = uff.Dataset.open(asked.samples)
    check_size(asked.samples, samples, network.embedding.height, network.embedding.width)
    names = network.names
    image = bytearray(network.embedding.size)
    good, label = array("q", [0] * len(names)), bytearray(1)
    progress = job.Progress()
    out = open(asked.predictions, "wb") if asked.predictions else None
    try:
        for i in range(len(samples)):
            samples.read_into(image, i, i + 1)
            network.layer.goodness(network.class_inputs(image), good, label)
            if i < asked.lines:
                shown = " ".join("%.3f" % network.layer.value(g) for g in good)
                print("%d: %s; goodness %s" % (i, names[label[0]], shown))
            if out:
                out.write(label)
                out.write(good)
            progress("predict", (i + 1) / len(samples))
    finally:
        if out:
            out.close()
    # goodness is counted in units of 2 to the power of this
    job.result(names=names, drawings=len(samples), exponent=frexp(network.layer.value(1))[1] - 1)


def check_size(path, samples, height, width):
    if (samples.height, samples.width) != (height, width):
        raise ValueError(
            "%s: want images of %d x %d, got %d x %d"
            % (path, height, width, samples.height, samples.width)
        )


def recognise(asked):
    board = here()
    recogniser = Recogniser(board.folder if asked.files is None else asked.files, board.arena)
    for notice in recogniser.notices:
        print(notice)
    if recogniser.network is None:
        raise ValueError("predict: there is no network for these drawings; draw and train first")
    names = recogniser.names
    image = bytearray(SIDE * SIDE)
    if asked.replay is not None:
        display = board.display
        width = asked.width if display is None else display.width
        height = asked.height if display is None else display.height
        what, total = asked.replay, None
        layout = Layout(width, height, len(recogniser.names))
        drawings = drawn(Replay(asked.replay, width, height), layout, image)
    else:
        samples = recogniser.samples
        if asked.samples is not None:
            samples = uff.Dataset.open(asked.samples)
            check_size(asked.samples, samples, SIDE, SIDE)
            if len(samples.names) > len(names):
                raise ValueError(
                    "%s: %d classes, the network knows %d"
                    % (asked.samples, len(samples.names), len(names))
                )
        what, total = samples.path, len(samples)
        drawings = kept(samples, image)
    print("Recognising the drawings in %s by a network of %d classes." % (what, len(names)))
    progress = job.Progress()
    predictions, right, sure, right_if_sure = [], 0, 0, 0
    for label in drawings:
        verdict = recogniser.predict(image)
        if len(predictions) < asked.lines:
            goodness = " ".join("%.3f" % good for good in verdict.goodness)
            was = "" if label is None else " (kept as %s)" % names[label]
            say = "sure" if verdict.sure else "not sure: %s" % verdict.why
            print(
                "%d: %s%s, %s; goodness %s; margin %.3f"
                % (len(predictions), names[verdict.label], was, say, goodness, verdict.margin)
            )
        predictions.append((verdict.label, verdict.sure, int(verdict.margin * 1000 + 0.5)))
        sure += verdict.sure
        if label is not None:
            right += verdict.label == label
            right_if_sure += verdict.sure and verdict.label == label
        if total:
            progress("predict", len(predictions) / total)
    if total is not None and predictions:
        print(
            "%d of %d right; %d sure, %d of them right"
            % (right, len(predictions), sure, right_if_sure)
        )
    else:
        print("%d drawings, %d sure" % (len(predictions), sure))
    job.result(
        names=names,
        drawings=len(predictions),
        predictions=predictions,
        sure=sure,
        right=None if total is None else right,
        right_if_sure=None if total is None else right_if_sure,
    )


job.main(predict)
