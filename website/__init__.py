"""The course's site: labs are run (`authoring.reference`), pages written (`pages`), built with Sphinx (`build`), checked (`check`)."""
