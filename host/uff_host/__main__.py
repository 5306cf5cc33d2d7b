"""`python -m uff_host` is `uff`."""

from uff_host.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
