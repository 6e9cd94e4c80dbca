"""`python -m mcs_controller`: the same as the program `mcs-controller`."""

import sys

from mcs_controller.cli.main import main

sys.exit(main())
