"""Draw, train, see it learn: the touchscreen application. Display, touch and files come by
argument (see boards/).

running.py        makes the application of a board, runs it, ends it
app.py            its loop: touches, slices of work, what the pages ask for
touch_input.py    a finger's presses, strokes and taps
prediction.py     the drawing in the field, recognised
learning.py       learning in the background
*_page.py         the pages; page.py, layout.py, widgets.py what they are made of
messages.py       what the first page says; errors.py, words.py
screen.py         shapes and text in the framebuffer; font.py, font_data.py
pen.py, raster.py strokes, and the image of 28 x 28 made of them

recogniser.py     drawings and network, without a screen; below are its parts
storage.py        the files, opened after whatever happened to them; record_count.py
training_set.py   the drawings as a trainer reads them
layer1.py         the first layer: first_layer.py, or trained on the drawings
learner.py        the classifier that learns drawing by drawing; stages.py
network_in_use.py the network and its verdicts; model_note.py, similarity.py
rules.py          decisions by numbers alone, which the host runs too

touch_recording.py  touches from and to a file; transfer.py: drawings and networks likewise
"""
