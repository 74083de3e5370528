# Answers to exercise 8.

# %% [right] with NumPy, both ends at once
def wilson_interval(k, n, z=1.96):
    p, c = k / n, z * z / n
    low, high = (p + c / 2 + np.array([-1, 1]) * z * np.sqrt(p * (1 - p) / n + c / (4 * n))) / (1 + c)
    return float(low), float(high)

# %% [right] the roots of (p̂ − p)² = z² p (1 − p) / n
def wilson_interval(k, n, z=1.96):
    p = k / n
    a, b, c = 1 + z**2 / n, -(2 * p + z**2 / n), p**2
    root = math.sqrt(max(b**2 - 4 * a * c, 0.0))
    return (-b - root) / (2 * a), (-b + root) / (2 * a)

# %% [wrong] points=0.0 message="la borne du bas" the usual interval
def wilson_interval(k, n, z=1.96):
    p = k / n
    half = z * math.sqrt(p * (1 - p) / n)
    return p - half, p + half

# %% [wrong] points=0.0 message="la borne du bas" high before low
def wilson_interval(k, n, z=1.96):
    p = k / n
    center, half = p + z**2 / (2 * n), z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return (center + half) / (1 + z**2 / n), (center - half) / (1 + z**2 / n)

# %% [wrong] points=0.0 message="la borne du" the half-width is not divided
def wilson_interval(k, n, z=1.96):
    p = k / n
    center, half = (p + z**2 / (2 * n)) / (1 + z**2 / n), z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return center - half, center + half

# %% [wrong] points=1.0 message="z = 1\.0" ignores z
def wilson_interval(k, n, z=1.96):
    p, z = k / n, 1.96
    center, half = p + z**2 / (2 * n), z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return (center - half) / (1 + z**2 / n), (center + half) / (1 + z**2 / n)
