"""The course's site: labs run by `authoring.reference`, pages written (`pages`), built with Sphinx (`build`), checked."""
