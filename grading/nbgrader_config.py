"""What `nbgrader` and the formgrader read when they are started in this folder: the settings of the course."""

import os
from pathlib import Path

from authoring.nbgrader import COURSE, FOLDER, configuration

c = get_config()  # noqa: F821  (given by nbgrader and Jupyter)
c.merge(configuration(Path(os.environ.get(FOLDER) or COURSE)))
