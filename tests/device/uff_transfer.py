"""Drawings and networks that arrive: taken whole or refused whole, with a sentence."""

import os
from binascii import b2a_base64

import capture.transfer as transfer
import uff_checks as checks
from capture.errors import Refused
from capture.recogniser import Recogniser
from capture.storage import MODEL, SAMPLES, forget
from uff_checks import Random, contents, exists, run, write

from uff import Dataset, Options
from uff.model import save
from uff.train import Trainer

os.chdir(checks.scratch("VfsLfs2", 6144))  # all that it keeps is in memory


def image(seed, size=784):
    random = Random(seed)
    return bytes(random.below(256) for _ in range(size))


def taught(each=3, names=("a", "b"), seed=0):
    """A folder's files after drawings were learnt: (drawings, network)."""
    forget()
    Dataset.create(SAMPLES, 28, 28, names)
    found = Recogniser()
    for i in range(each):
        for label in range(len(names)):
            found.add(image(seed + 50 * label + i), label)
    for _ in found.train():
        pass
    return contents(SAMPLES), contents(MODEL)


def arrive(name, data):
    for at in range(0, max(len(data), 1), transfer.PIECE):
        transfer.arrive(name, b2a_base64(data[at : at + transfer.PIECE]))


def refused(*files):
    """The sentence that says why these files are not taken; nothing has changed."""
    before = [contents(name) if exists(name) else None for name in (SAMPLES, MODEL)]
    transfer.begin()
    for name, data in files:
        arrive(name, data)
    refusal = None
    try:
        transfer.take()
    except Refused as error:
        refusal = str(error)
    assert refusal, "it was taken"
    after = [contents(name) if exists(name) else None for name in (SAMPLES, MODEL)]
    assert after == before
    assert not [name for name in os.listdir() if ".in" in name or ".new" in name], os.listdir()
    return refusal


def test_what_was_sent_out_comes_back_and_is_in_use_at_once():
    drawings, network = taught()
    taught(2, ("x", "y", "z"), 7)
    transfer.begin()
    arrive(SAMPLES, drawings)
    arrive(MODEL, network)
    assert (
        transfer.take() == "6 drawings in 2 classes now. The network is the one that was opened."
    )
    assert (contents(SAMPLES), contents(MODEL)) == (drawings, network)
    found = Recogniser()
    assert found.notices == [] and not found.stale and found.trained
    assert found.counts() == [3, 3]


def test_fewer_drawings_than_before_are_no_loss():
    drawings, _ = taught(1)
    taught(5)
    transfer.begin()
    arrive(SAMPLES, drawings)
    transfer.take()
    found = Recogniser()
    assert found.notices == [] and not found.harmed
    assert found.network is None  # it learns from these alone
    for _ in found.learn():
        pass
    learnt = contents(MODEL)
    forget()
    write(SAMPLES, drawings)
    fresh = Recogniser()
    for _ in fresh.learn():
        pass
    assert contents(MODEL) == learnt


def test_a_network_goes_where_its_drawings_are_or_none():
    drawings, network = taught()
    taught(3, ("a", "b"), 9)
    assert "learnt other drawings" in refused((MODEL, network))
    forget()
    transfer.begin()
    arrive(MODEL, network)
    assert (
        transfer.take() == "0 drawings in 2 classes now. The network is the one that was opened."
    )
    found = Recogniser()
    assert found.network is not None and found.names == ["a", "b"] and found.notices == []
    assert found.predict(image(0)).label == 0
    transfer.begin()
    arrive(SAMPLES, drawings)
    transfer.take()
    assert not Recogniser().stale


def test_bad_files_are_refused_and_change_nothing():
    drawings, network = taught()
    assert refused() == "nothing has arrived"
    assert "no file of drawings" in refused((SAMPLES, b"junk" * 100))
    assert "no file of drawings" in refused((SAMPLES, b""))
    assert "records are lost" in refused((SAMPLES, drawings[:-5]))
    assert "records are lost" in refused((SAMPLES, drawings[:900] + b"!" + drawings[901:]))
    assert "no network" in refused((MODEL, network[:-1]))
    # One of two is bad: neither is taken.
    assert "no network" in refused((SAMPLES, drawings), (MODEL, b"junk" * 9))
    small = Dataset.create("small.uffs", 8, 9, ["a", "b"])
    for i in range(4):
        small.append(image(i, 72), i % 2)
    assert "28 x 28 points, got 8 x 9" in refused((SAMPLES, contents("small.uffs")))
    Dataset.create("twice.uffs", 28, 28, ["a", "a"])
    assert "one name" in refused((SAMPLES, contents("twice.uffs")))
    other = Dataset.open(SAMPLES)
    save(Trainer(other, Options("uff1")).run(), "other.uffm")
    assert "none of the application's" in refused((MODEL, contents("other.uffm")))
    for name in ("small.uffs", "twice.uffs", "other.uffm"):
        os.remove(name)
    try:
        transfer.arrive("main.py", b"")
        raise AssertionError("it was taken")
    except Refused as error:
        assert "got main.py" in str(error)


run(globals())
