"""The formgrader in a browser: the class of `make demo`, a mark and a comment by hand, and where they end up."""

import csv
import html
import re

from grading import demo, formgrader, grade
from tests.toy_lab import LAB, TOY

STUDENT, MARK = "1-parfaite", 1.5
PRESS = """async (address) => {
    const token = document.cookie.match(/_xsrf=([^;]*)/)[1];
    return await (await fetch(address, {method: "POST", headers: {"X-XSRFToken": token}})).json();
}"""
COMMENT = "Bonne réponse ; précisez « le corrigé » & donnez un exemple."


def test_a_mark_and_a_comment_given_by_hand(page, jupyter, tmp_path, photograph):
    root = tmp_path / "class"
    assert demo.demo(TOY, root) == []
    with jupyter(root, command=formgrader.command(root)) as server:
        page.goto(server.url("lab"))  # the address that JupyterLab prints: it lets the browser in
        page.wait_for_selector(".lm-MenuBar-item:has-text('Nbgrader')")
        page.goto(server.url(f"formgrader/manage_submissions/{LAB}"))
        page.wait_for_selector(f"td:has-text('{STUDENT}')")
        shown = page.locator("tbody").inner_text()
        assert all(student.name in shown for student in demo.the_class(TOY))
        photograph(page, "formgrader-classe")
        # nbgrader's own button would run the student's code without walls.
        press = f"formgrader/api/submission/{LAB}/{STUDENT}/autograde"
        said = page.evaluate(PRESS, server.url(press).split("?")[0])
        assert not said["success"] and "make grade" in said["log"]

        page.goto(server.url(f"formgrader/gradebook/{LAB}/{LAB}"))
        page.wait_for_selector(".name a.name-hidden")
        assert STUDENT not in page.locator("tbody").inner_text()  # names are hidden until asked for
        address = page.locator(f"tr:has(a.name-shown:text-is('{STUDENT}')) a.name-hidden").get_attribute("href")
        page.goto(server.url(address.lstrip("/")))
        cell = page.locator(".nbgrader_cell:has(textarea.comment):has(input.score)")
        assert "Parce que le corrigé le dit ainsi" in cell.inner_text()
        page.wait_for_function("formgrader.grades?.loaded && formgrader.comments?.loaded")
        for place, text in ((cell.locator("input.score"), str(MARK)), (cell.locator("textarea.comment"), COMMENT)):
            with page.expect_response(lambda answer: answer.request.method == "PUT") as saved:
                place.fill(text)
                place.blur()
            assert saved.value.ok
        cell.scroll_into_view_if_needed()
        photograph(page, "formgrader-copie")

    # `make grade` again: nothing is executed, only the page that changed is made anew.
    marks = grade.grade(root, TOY)
    (mine,) = (mark for mark in marks if mark.student == STUDENT)
    assert mine.points["ex3_words"] == MARK and not mine.to_grade
    grade.write_csv(marks, root / "grades.csv")
    with (root / "grades.csv").open(encoding="utf-8-sig", newline="") as file:
        (row,) = (row for row in csv.DictReader(file) if row["student"] == STUDENT)
    assert float(row["ex3_words"]) == MARK and float(row["total"]) == mine.total == 3 + MARK
    feedback = root / "feedback" / STUDENT / LAB / f"{LAB}.html"
    text = html.unescape(feedback.read_text(encoding="utf-8"))
    assert COMMENT in re.sub(r"\s", " ", text)  # the page has its no-break spaces
    page.goto(feedback.as_uri())
    assert page.locator(f"text={COMMENT[:30]}").count()
    photograph(page, "retour-de-l-eleve")
