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
