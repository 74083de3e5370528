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
