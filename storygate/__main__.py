"""`python -m storygate`."""

import sys

from storygate.cli import main

if __name__ == "__main__":
    sys.exit(main())
