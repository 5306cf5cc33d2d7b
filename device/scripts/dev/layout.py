"""Tells where the controls of the capture application lie on this board's screen: for each number
of classes the page one draws on, and the other pages. Rectangles are [x, y, width, height]."""

from boards import here
from capture.layout import Layout

from uff import MAX_CLASSES, job

JOB = {"width": 800, "height": 480}  # of the screen, where the board has none


def layout():
    asked = job.Job(**JOB)
    display = here().display
    width = asked.width if display is None else display.width
    height = asked.height if display is None else display.height
    draw, choose = {}, {}
    for classes in range(1, MAX_CLASSES + 1):
        plan = Layout(width, height, classes)
        draw[str(classes)] = plan.draw()
        choose[str(classes)] = plan.choose()
    print("A screen of %d x %d, pen of radius %d." % (width, height, plan.pen))
    for name, (x, y, w, h) in sorted(draw["3"].items()):
        print("%-10s at %3d, %3d: %3d x %3d" % (name, x, y, w, h))
    job.result(
        width=width,
        height=height,
        pen=plan.pen,
        draw=draw,
        choose=choose,
        class_page=plan.class_page(),
        sample=plan.sample(),
        keyboard=plan.keyboard(),
        check=plan.check(),
    )


job.main(layout)
