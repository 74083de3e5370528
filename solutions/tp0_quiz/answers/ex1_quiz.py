# Answers to exercise 1.

# %% [right] the dictionary filled in
reponses = {
    "A1": True, "A2": False, "A3": False, "A4": True,
    "B1": False, "B2": True, "B3": False, "B4": True,
    "C1": True, "C2": False, "C3": False, "C4": True,
    "D1": False, "D2": True, "D3": True, "D4": False,
}

def mes_reponses():
    return reponses

# %% [right] built from the true ones
TRUES = "A1 A4 B2 B4 C1 C4 D2 D3".split()
reponses = {part + number: part + number in TRUES for part in "ABCD" for number in "1234"}

def mes_reponses():
    if all(reponse is None for reponse in reponses.values()):
        raise ToDo
    return reponses

# %% [wrong] points=0 message="réponses justes : 2 ; fausses : 2" everything is true
reponses = dict.fromkeys([part + number for part in "ABCD" for number in "1234"], True)

def mes_reponses():
    return reponses

# %% [wrong] points=7 message="Partie B — réponses justes : 3 ; fausses : 1" takes bits for a perplexity
reponses = {
    "A1": True, "A2": False, "A3": False, "A4": True,
    "B1": False, "B2": True, "B3": True, "B4": True,
    "C1": True, "C2": False, "C3": False, "C4": True,
    "D1": False, "D2": True, "D3": True, "D4": False,
}

def mes_reponses():
    return reponses

# %% [wrong] points=7.5 message="Réponses données : 15 sur 16. Sans réponse : A1" does not know one
reponses = {
    "A1": None, "A2": False, "A3": False, "A4": True,
    "B1": False, "B2": True, "B3": False, "B4": True,
    "C1": True, "C2": False, "C3": False, "C4": True,
    "D1": False, "D2": True, "D3": True, "D4": False,
}

def mes_reponses():
    return reponses

# %% [wrong] points=6 message="Ni True, ni False, ni None : D1 vaut 'faux'" words instead of booleans
reponses = {
    "A1": True, "A2": False, "A3": False, "A4": True,
    "B1": False, "B2": True, "B3": False, "B4": True,
    "C1": True, "C2": False, "C3": False, "C4": True,
    "D1": "faux", "D2": "vrai", "D3": "vrai", "D4": "faux",
}

def mes_reponses():
    return reponses

# %% [wrong] points=7.5 message="pas ceux d'affirmations : a1" a name in lower case
reponses = {
    "a1": True, "A2": False, "A3": False, "A4": True,
    "B1": False, "B2": True, "B3": False, "B4": True,
    "C1": True, "C2": False, "C3": False, "C4": True,
    "D1": False, "D2": True, "D3": True, "D4": False,
}

def mes_reponses():
    return reponses

# %% [wrong] points=0 message="reponses est de type list" a list
reponses = [True, False, False, True]

def mes_reponses():
    return reponses

# %% [wrong] points=0 message="NameError : name .true. is not defined" false spelling, met when it is read
def mes_reponses():
    return {"A1": true, "A2": false}
