"""The course's site: labs are run (`run`), pages written (`pages`), built with Sphinx (`build`), checked (`check`)."""
