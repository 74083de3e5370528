# Answers to exercise 7.

# %% [right] a loop, and a dictionary of counts
def final_number(text):
    found = None
    for match in re.finditer(r"-?\d[\d,]*", text):
        found = int(match.group().replace(",", ""))
    return found

def vote(texts):
    counts = {}
    for text in texts:
        number = final_number(text)
        if number is not None:
            counts[number] = counts.get(number, 0) + 1
    return max(counts, key=counts.get) if counts else None

# %% [right] statistics.mode keeps the first of the most frequent
import statistics

def final_number(text):
    numbers = re.findall(r"-?\d+(?:,\d+)*", text)
    if not numbers:
        return None
    return int(numbers[-1].replace(",", ""))

def vote(texts):
    numbers = [n for n in map(final_number, texts) if n is not None]
    return statistics.mode(numbers) if numbers else None

# %% [wrong] points=1.0 message="final_number" the first number
def final_number(text):
    numbers = re.findall(r"-?\d+", text.replace(",", ""))
    return int(numbers[0]) if numbers else None

def vote(texts):
    numbers = [n for n in map(final_number, texts) if n is not None]
    return max(numbers, key=numbers.count) if numbers else None

# %% [wrong] points=1.0 message="list index out of range" a text without a number stops it
def final_number(text):
    return int(re.findall(r"-?\d+", text.replace(",", ""))[-1])

def vote(texts):
    numbers = [final_number(text) for text in texts]
    return max(numbers, key=numbers.count)

# %% [wrong] points=1.5 message="ne vote pas" those without a number vote for None
def final_number(text):
    numbers = re.findall(r"-?\d+", text.replace(",", ""))
    return int(numbers[-1]) if numbers else None

def vote(texts):
    numbers = [final_number(text) for text in texts]
    return max(numbers, key=numbers.count) if numbers else None

# %% [wrong] points=1.5 message="le nombre arrivé en premier" the largest wins a draw
def final_number(text):
    numbers = re.findall(r"-?\d+", text.replace(",", ""))
    return int(numbers[-1]) if numbers else None

def vote(texts):
    numbers = sorted(n for n in map(final_number, texts) if n is not None)
    return max(reversed(numbers), key=numbers.count) if numbers else None

# %% [wrong] points=0.0 message="obtenu : '8'" a text instead of a number
def final_number(text):
    numbers = re.findall(r"-?\d+", text.replace(",", ""))
    return numbers[-1] if numbers else None

def vote(texts):
    numbers = [n for n in map(final_number, texts) if n is not None]
    return max(numbers, key=numbers.count) if numbers else None
