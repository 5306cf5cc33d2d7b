"""What a board starts: draw, train, see it learn. Ctrl-C ends it and leaves the REPL; so does
holding the user button at the start. `import main; main.run()` begins again.
"""

import boards


def run():
    """Serves the screen until Ctrl-C. A board without screen or touch panel says so."""
    board = boards.here()
    if board.display is None or board.touch is None:
        missing = "screen" if board.display is None else "touch panel"
        print("µFF on %s: there is no %s, so this is the REPL." % (board.name, missing))
        return
    from capture.running import serve, start, stopped

    app = start(board)
    if app is None:
        return
    print("µFF on %s: draw on the screen. Ctrl-C ends it." % board.name)
    try:
        serve(app)
    except KeyboardInterrupt:
        print(
            "µFF: stopped; what was drawn and learnt is kept. `import main; main.run()` goes on."
        )
    except Exception as error:
        stopped(board.display, error)


if boards.here().button():
    print("µFF: the user button was held, so this is the REPL.")
else:
    run()
