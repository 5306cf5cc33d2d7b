"""Lets the capture application's recogniser learn a samples file and judge the images of another
one, without screen or touches: what it says, how sure it is, and the numbers it decides by.

A host's study reads the result (`uff experiment digits`). The drawings of the board's owner stay
untouched.
"""

from boards import here
from capture.network_in_use import UNLIKE
from capture.recogniser import Recogniser
from capture.similarity import ONE, nearest_to_others
from capture.stages import SAVE
from capture.storage import SAMPLES, forget

from uff import Dataset, job

JOB = {
    "drawings": "drawings.uffs",  # what it learns: images of 28 x 28
    "asked": "asked.uffs",  # what it is shown then; labels are not looked at
    "own": False,  # whether layer 1 is trained on the drawings too, as by Train
    "files": "judge-",  # what the names of its own files begin with
}


def judge():
    asked = job.Job(**JOB)
    forget(asked.files)
    with open(asked.drawings, "rb") as source, open(asked.files + SAMPLES, "wb") as copy:
        while True:
            block = source.read(4096)
            if not block:
                break
            copy.write(block)
    recogniser = Recogniser(asked.files, here().arena)
    if recogniser.notices:
        raise ValueError("judge: %s" % recogniser.notices[0])
    progress = job.Progress()
    learning = recogniser.train() if asked.own else recogniser.learn()
    for stage, done in learning:
        progress(stage, done / 2)
        if stage == SAVE:  # it knows all by now, and no file is wanted
            break
    learning.close()
    network, images = recogniser.network, Dataset.open(asked.asked)
    verdicts = []
    for i in range(len(images)):
        verdict = recogniser.predict(images[i])
        best, second = sorted(verdict.goodness)[-1:-3:-1]
        verdicts.append(
            (
                verdict.label,
                verdict.nearest,
                int(verdict.similarity * ONE + 0.5),
                best,
                second,
                0 if verdict.sure else 2 if verdict.why == UNLIKE else 1,
            )
        )
        progress("judge", 0.5 + 0.5 * (i + 1) / len(images))
    job.result(
        images=len(recogniser.samples),
        copies=network.info.copies,
        loo_accuracy=recogniser.accuracy,
        margins=list(network.margins),
        nearest=list(nearest_to_others(network)),
        suspects=recogniser.suspects,
        verdicts=verdicts,
    )
    forget(asked.files)


job.main(judge)
