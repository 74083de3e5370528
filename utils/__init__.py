"""Shared helpers of the course's labs: models, data, checks, plots and budgets."""

import os

# Read by OpenMP when torch is loaded.  Threads that wait would else keep their core busy: with other programs at work
# (a browser, a second notebook), two threads on two cores took ten times as long, measured; alone, they gain 7 %.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
