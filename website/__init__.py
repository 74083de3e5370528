"""The course's site: pages from the labs as they run (`pages`), built with Sphinx (`build`), checked (`check`)."""
