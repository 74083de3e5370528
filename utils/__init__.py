"""Shared helpers of the course's labs: models, data, checks, plots and budgets."""

import os
import sys

# Read by OpenMP when torch is loaded.  Threads that wait would else keep their core busy: with other programs at work
# (a browser, a second notebook), two threads on two cores took ten times as long, measured; alone, they gain 7 %.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# jsonschema, which nbformat brings, looks for this parser of addresses, and building it takes longer than all the rest
# of a command (1.3 s of 2.6): no notebook's schema asks for it.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]  # "not installed"
