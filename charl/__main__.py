"""`python -m charl` is `charl`."""

import sys

from charl.tools.cli import main

sys.exit(main())
