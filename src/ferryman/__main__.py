"""`python -m ferryman` is `ferry`."""

from ferryman.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
