"""The site of the labs that are there, run with the small budget: it is built, it is whole, and it shows no secret."""

import pytest

from grading.labs import labs
from website import build, pages


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_both_editions_of_the_course(tmp_path):
    course = pages.read_labs("small")
    for edition in pages.EDITIONS:
        assert build.build(edition, course, tmp_path / edition) == []
        for lab in labs():
            assert (tmp_path / edition / "tp" / f"{lab}.html").exists()
