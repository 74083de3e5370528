"""A toy lab: two exercises in code (one with a hidden test and partial credit) and one in words; no heavy import."""

LAB = "tp0_toy"

SOURCE = """\
# %% [markdown]
# # Un TP d'essai

# %%
from utils.checks import Report, ToDo, expect_equal

# %% exercise="ex1_double" role="solution"
def double(x):
    ### BEGIN SOLUTION
    the_answer_nobody_reads = 2 * x
    return the_answer_nobody_reads
    ### END SOLUTION

# %% exercise="ex1_double" role="check" points=2
report = Report("Exercice 1", points=2)
expected = 6
with report.test("double(3)", points=1.5):
    expect_equal(double(3), expected, "double(3)")
### BEGIN HIDDEN TESTS
with report.test("a secret test of zero", points=0.5):
    expect_equal(double(0), 0, "double(0)")
### END HIDDEN TESTS
report.score()

# %% exercise="ex2_noisy" role="solution"
def noisy():
    ### BEGIN SOLUTION
    return "rien que du bruit inoffensif"
    ### END SOLUTION

# %% exercise="ex2_noisy" role="check" points=1
import sys
print("a library warns", file=sys.stderr)
report = Report("Exercice 2", points=1)
with report.test("noisy()", points=1):
    expect_equal(noisy(), "rien que du bruit inoffensif", "noisy()")
report.score()

# %% [markdown] exercise="ex3_words" role="answer" points=2
# ### BEGIN SOLUTION
# Parce que le corrigé le dit ainsi.
# ### END SOLUTION
"""

ANSWERS = {
    "ex1_double": """\
# Answers.

# %% [right] a sum
def double(x):
    return x + x

# %% [right] a shift
def double(x):
    return x << 1

# %% [wrong] points=0.5 message="obtenu : 9" squares
def double(x):
    return x * x

# %% [wrong] points=0 message="vaut None" forgets to return
def double(x):
    x * 2

# %% [wrong] points=1.5 message="obtenu : 1" wrong at zero only
def double(x):
    return 2 * x or 1
""",
    "ex2_noisy": """\
# Answers.

# %% [right] joined
def noisy():
    return " ".join(["rien", "que", "du", "bruit", "inoffensif"])

# %% [right] added
def noisy():
    return "rien que du bruit " + "inoffensif"

# %% [wrong] points=0 message="vaut None" nothing
def noisy():
    pass

# %% [wrong] points=0 message="obtenu" something else
def noisy():
    return ""

# %% [wrong] points=0 message="ZeroDivisionError" raises
def noisy():
    return 1 / 0
""",
}
