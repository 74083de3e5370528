# %% [markdown]
# # Un TP d'essai

# %%
from utils.checks import Report, ToDo, expect_equal
from utils.measures import measured

measured(sixth=1 / 6)

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

# %% [markdown] name="result"
# Dans notre exécution, {{sixth:.1%}} du total.
