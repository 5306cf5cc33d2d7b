"""Strokes to images: where and how large one draws does not matter, every pixel has its shade."""

from array import array

from capture.errors import Refused
from capture.raster import DOT, PEN, SIDE, Raster
from uff_checks import Random, raises, run

raster = Raster()


def drawn(*strokes):
    image = bytearray(SIDE * SIDE)
    raster.draw([array("h", stroke) for stroke in strokes], image)
    return image


def scribble(seed, size=200):
    random = Random(seed)
    points = [random.below(size) for _ in range(2 * (2 + random.below(20)))]
    return points[:8], points[8:]


def moved(stroke, dx, dy, scale=1):
    return [stroke[i] * scale + (dy if i & 1 else dx) for i in range(len(stroke))]


def centre(image):
    """Centre of mass, in hundredths of a pixel."""
    mass = sum(image)
    x = sum((i % SIDE) * v for i, v in enumerate(image)) * 100 // mass
    return x, sum((i // SIDE) * v for i, v in enumerate(image)) * 100 // mass


def edges(image):
    xs = [i % SIDE for i, v in enumerate(image) if v]
    ys = [i // SIDE for i, v in enumerate(image) if v]
    return min(xs), min(ys), max(xs), max(ys)


def test_place_and_size_do_not_matter():
    for seed in range(20):
        strokes = scribble(seed)
        want = drawn(*strokes)
        for dx, dy, scale in ((300, 40, 1), (-90, -7, 1), (5, 9, 3), (-2000, 900, 20)):
            assert drawn(*[moved(s, dx, dy, scale) for s in strokes]) == want, (seed, dx)


def test_a_drawing_fills_a_box_of_20_pixels_and_keeps_its_aspect():
    left, top, right, bottom = edges(drawn([0, 0, 100, 0], [100, 0, 100, 100], [0, 0, 0, 100]))
    assert 20 <= right - left + 1 <= 22 and 20 <= bottom - top + 1 <= 22
    left, top, right, bottom = edges(drawn([0, 0, 100, 0, 100, 50, 0, 50, 0, 0]))
    assert 20 <= right - left + 1 <= 22 and 10 <= bottom - top + 1 <= 13
    left, top, right, bottom = edges(drawn([0, 0, 0, 300]))
    assert 2 <= right - left + 1 <= 4 and 20 <= bottom - top + 1 <= 22


def test_the_centre_of_mass_is_the_centre_of_the_image():
    for seed in range(30):
        image = drawn(*scribble(seed))
        left, top, right, bottom = edges(image)
        x, y = centre(image)
        # Half a fine pixel, unless the drawing would leave the image.
        if left and right < SIDE - 1:
            assert abs(x - 1350) <= 10, (seed, x)
        if top and bottom < SIDE - 1:
            assert abs(y - 1350) <= 10, (seed, y)


def test_strokes_are_whole_and_have_soft_edges_and_round_caps():
    image = drawn([0, 0, 0, 200])
    middle = [image[y * SIDE + x] for y in (14,) for x in range(SIDE)]
    assert max(middle) == 255 and any(0 < v < 255 for v in drawn([0, 0, 200, 120]))
    # As wide as the pen, and the cap narrower than the stroke.
    assert abs(sum(middle) - 255 * (2 * PEN + 1) // 8) <= 40
    top = edges(image)[1]
    assert sum(image[top * SIDE : (top + 1) * SIDE]) < sum(middle)
    # Any direction has the same width: the ink of a line does not depend on its angle.
    inks = [sum(drawn([0, 0, x, y])) for x, y in ((200, 0), (0, 200), (200, 200), (200, 70))]
    lengths = [142, 142, 201, 151]  # the box holds 142 fine pixels between the pens
    for ink, length in zip(inks, lengths):
        want = (length * (2 * PEN + 1) + 3 * PEN * PEN) * 255 // 64
        assert abs(ink - want) < want // 8, (ink, want)


def test_points_between_two_others_change_nothing_much():
    coarse = drawn([0, 0, 180, 90])
    fine = drawn([v for i in range(61) for v in (3 * i, 3 * i // 2)])
    assert (
        sum(abs(a - b) for a, b in zip(coarse, fine)) < sum(coarse) // 6
    )  # half a fine pixel at each edge


def test_a_dot_beside_a_stroke_is_drawn():
    with_dot = drawn([0, 0], [0, 40, 0, 200])
    assert edges(with_dot)[1] < edges(drawn([0, 40, 0, 200]))[1] + 4
    assert sum(with_dot) != sum(drawn([0, 0, 0, 200]))


def test_nothing_and_a_dot_get_a_sentence():
    raises(Refused, "draw something first", drawn)
    raises(Refused, "draw something first", drawn, [])
    raises(Refused, "only a dot", drawn, [100, 100])
    raises(Refused, "only a dot", drawn, [100, 100, 100 + DOT - 1, 100])
    assert sum(drawn([100, 100, 100 + DOT, 100]))


def test_the_ends_of_int16_are_taken():
    assert drawn([-16000, -16000, 16000, 16000]) == drawn([0, 0, 100, 100])


run(globals())
