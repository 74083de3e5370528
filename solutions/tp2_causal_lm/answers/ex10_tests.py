# Answers to exercise 10.

# %% [right] indices and loops
def bootstrap_interval(d, rng, draws=2000):
    means = np.sort([d[rng.integers(0, len(d), len(d))].mean() for _ in range(draws)])
    return float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975))

def sign_flip_test(d, rng, draws=2000):
    count = 1
    for _ in range(draws):
        count += abs((d * np.where(rng.random(len(d)) < 0.5, 1, -1)).sum()) >= abs(d.sum()) - 1e-9
    return float(count / (draws + 1))

# %% [right] SciPy's bootstrap, signs from integers
def bootstrap_interval(d, rng, draws=2000):
    from scipy.stats import bootstrap
    interval = bootstrap((d,), np.mean, n_resamples=draws, method="percentile", rng=rng).confidence_interval
    return [interval.low, interval.high]

def sign_flip_test(d, rng, draws=2000):
    means = ((2 * rng.integers(0, 2, (draws, len(d))) - 1) * d).mean(1)
    return (np.sum(np.abs(means) >= np.abs(d.mean()) - 1e-12) + 1) / (draws + 1)

# %% [wrong] points=0.75 message="centiles des moyennes" percentiles of the data
def bootstrap_interval(d, rng, draws=2000):
    return tuple(np.percentile(d, [2.5, 97.5]))

def sign_flip_test(d, rng, draws=2000):
    means = (rng.choice([-1, 1], size=(draws, len(d))) * d).mean(axis=1)
    return (1 + (np.abs(means) >= abs(d.mean()) - 1e-12).sum()) / (1 + draws)

# %% [wrong] points=1.25 message="en valeur absolue que celle observée" one-sided
def bootstrap_interval(d, rng, draws=2000):
    return tuple(np.percentile(rng.choice(d, size=(draws, len(d))).mean(axis=1), [2.5, 97.5]))

def sign_flip_test(d, rng, draws=2000):
    means = (rng.choice([-1, 1], size=(draws, len(d))) * d).mean(axis=1)
    return (1 + (means >= d.mean() - 1e-12).sum() // 2) / (1 + draws)

# %% [wrong] points=1.5 message="p = \(1 \+ nombre\)" p can be zero
def bootstrap_interval(d, rng, draws=2000):
    return tuple(np.percentile(rng.choice(d, size=(draws, len(d))).mean(axis=1), [2.5, 97.5]))

def sign_flip_test(d, rng, draws=2000):
    means = (rng.choice([-1, 1], size=(draws, len(d))) * d).mean(axis=1)
    return (np.abs(means) >= abs(d.mean()) - 1e-12).mean()

# %% [wrong] points=0.75 message="même taille que d" resamples without replacement
def bootstrap_interval(d, rng, draws=2000):
    means = [rng.permutation(d)[: len(d) // 2].mean() / 2 for _ in range(draws)]
    return tuple(np.percentile(means, [2.5, 97.5]))

def sign_flip_test(d, rng, draws=2000):
    means = (rng.choice([-1, 1], size=(draws, len(d))) * d).mean(axis=1)
    return (1 + (np.abs(means) >= abs(d.mean()) - 1e-12).sum()) / (1 + draws)

# %% [wrong] points=0.75 message="2,5ᵉ et 97,5ᵉ centiles" a 90 % interval
def bootstrap_interval(d, rng, draws=2000):
    return tuple(np.percentile(rng.choice(d, size=(draws, len(d))).mean(axis=1), [5, 95]))

def sign_flip_test(d, rng, draws=2000):
    means = (rng.choice([-1, 1], size=(draws, len(d))) * d).mean(axis=1)
    return (1 + (np.abs(means) >= abs(d.mean()) - 1e-12).sum()) / (1 + draws)

# %% [wrong] points=0.75 message="la borne" the normal formula
def bootstrap_interval(d, rng, draws=2000):
    half = 1.96 * d.std(ddof=1) / len(d) ** 0.5
    return d.mean() - half, d.mean() + half

def sign_flip_test(d, rng, draws=2000):
    means = (rng.choice([-1, 1], size=(draws, len(d))) * d).mean(axis=1)
    return (1 + (np.abs(means) >= abs(d.mean()) - 1e-12).sum()) / (1 + draws)

# %% [wrong] points=1.25 message="égale à celle observée compte aussi" strictly greater
def bootstrap_interval(d, rng, draws=2000):
    return tuple(np.percentile(rng.choice(d, size=(draws, len(d))).mean(axis=1), [2.5, 97.5]))

def sign_flip_test(d, rng, draws=2000):
    means = (rng.choice([-1, 1], size=(draws, len(d))) * d).mean(axis=1)
    return (1 + (np.abs(means) > abs(d.mean()) + 1e-12).sum()) / (1 + draws)
