# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown] name="title"
# # TP 1 — Modèles encodeurs : du masque au classifieur
#
# Un modèle encodeur comme BERT n'apprend pas à écrire : il apprend à **deviner les mots qu'on lui cache**. Cet exercice
# à trous, répété sur des millions de phrases, donne une représentation du texte qui se réutilise ensuite pour
# beaucoup d'autres tâches. Dans ce TP, vous construisez l'objectif de *masked language modeling* (MLM) pièce par
# pièce, vous spécialisez un petit modèle sur des critiques de films, puis vous en faites un classifieur.
#
# **À la fin de ce TP, vous saurez :**
#
# 1. lire une tokenisation WordPiece et expliquer le rôle de `[CLS]`, `[SEP]` et `[MASK]` ;
# 2. écrire le masquage de BERT, la fonction de coût MLM et la perplexité, et comparer vos résultats à ceux d'une bibliothèque ;
# 3. adapter un modèle pré-entraîné à un domaine, avec votre propre boucle puis avec `Trainer` ;
# 4. comparer *sonde linéaire* et *fine-tuning* avec des intervalles de confiance, et dire ce qu'on peut en conclure.
#
# | Durée | Points | Matériel | Temps de calcul |
# |---|---|---|---|
# | environ {{duration}} | {{points}} | un ordinateur portable suffit (ni carte graphique, ni compte en ligne, ni réseau une fois le cours installé) | {{computing}} pour tout exécuter sur 2 cœurs |
#
# {{handin}}
#
# Chaque exercice est indépendant : si l'un vous résiste, passez au suivant, la suite du notebook fonctionnera quand même. Votre
# réponse remplace la ligne `raise` qui suit « VOTRE CODE ICI » ; sous chaque exercice, une cellule de vérification vous dit tout de
# suite où vous en êtes.

# %% name="setup"
# {{setup}}

# %% name="imports"
import copy
import math

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from IPython.display import display
from tqdm.auto import tqdm

from utils import metrics
from utils.checks import (
    Report, ToDo, attempt, expect, expect_close, expect_equal, expect_shape, expect_type, plain, proportion_margin,
)
from utils.corpora import load_film_reviews, load_general_english
from utils.environment import budget
from utils.models import load_masked_lm
from utils.plots import LiveCurve
from utils.runtime import seed_everything

# %% [markdown] name="model-and-data"
# Le modèle : un BERT de 6 couches et 384 dimensions (22,7 millions de paramètres), en anglais, pré-entraîné par nos soins
# à partir de l'encodeur all-MiniLM-L6-v2. Les données : des phrases de critiques de films, chacune étiquetée *fresh*
# (positive) ou *rotten* (négative), et des passages de Wikipédia qui nous serviront de point de comparaison.

# %% name="load-model-and-data"
general_model, tokenizer = load_masked_lm()
reviews = load_film_reviews()
general_text = load_general_english()

print(f"{sum(p.numel() for p in general_model.parameters()):,} paramètres".replace(",", " "))
pd.DataFrame(reviews["train"].shuffle(seed=21).select(range(5))).assign(label=lambda d: d.label.map(["rotten", "fresh"].__getitem__))

# %% [markdown] name="wordpiece"
# ## 1. Du texte aux nombres : la tokenisation WordPiece
#
# Un modèle de langue ne voit pas des mots mais des **tokens** : des morceaux de texte pris dans un vocabulaire fixé
# (ici 30 522, tout en minuscules : le tokenizer y met d'abord le texte). Un mot fréquent est un seul token ; un mot rare est découpé en sous-mots. Le préfixe `##` signifie « collé au
# token précédent ».

# %% tags=["demo"] name="tokenize-sentence"
sentence = "The cinematography is breathtaking."
encoded = tokenizer(sentence)
print("identifiants :", encoded["input_ids"])
print("tokens       :", tokenizer.convert_ids_to_tokens(encoded["input_ids"]))
print("décodage     :", tokenizer.decode(encoded["input_ids"]))

# %% [markdown] name="special-tokens"
# Certains tokens ne viennent pas du texte. `[CLS]` ouvre la séquence ; son vecteur de sortie sert souvent à représenter la
# phrase entière. `[SEP]` sépare ou ferme les segments. `[MASK]` est le trou à remplir. `[UNK]` remplace un mot indécoupable. `[PAD]` comble les
# phrases courtes pour que toutes celles d'un lot aient la même longueur : le modèle doit l'ignorer, d'où
# l'`attention_mask`.

# %% tags=["demo"] name="tokenize-batch"
batch = tokenizer(["A gem.", "The [MASK] was dull and far too long."], padding=True, return_tensors="pt")
for ids, mask in zip(batch["input_ids"], batch["attention_mask"]):
    print(tokenizer.convert_ids_to_tokens(ids), mask.tolist())

for word in ["movie", "filmmaker", "melodramatic", "tarantinoesque"]:
    print(f"{word:15s} → {tokenizer.tokenize(word)}")

# %% [markdown] name="ex1-wordpiece"
# ### Exercice 1 — Découper un mot comme WordPiece
# *Difficulté ●○○ · environ 10 minutes · 2 points*
#
# **Écrivez `wordpiece(word, vocab)`, qui découpe un mot en sous-mots par l'algorithme glouton de BERT.**
#
# À partir du début du mot, on prend le **plus long** préfixe présent dans le vocabulaire ; puis on recommence sur ce qui
# reste, en cherchant cette fois les morceaux précédés de `##`. Si, à un moment, aucun morceau ne convient, le mot entier
# devient `["[UNK]"]`.
#
# <details><summary>💡 Un indice</summary>
#
# Gardez une position `start`. Pour chaque `start`, essayez `end = len(word)`, puis `len(word) - 1`, … jusqu'à trouver
# un morceau du vocabulaire. Le morceau cherché est `word[start:end]`, avec `"##"` devant si `start > 0`.
# </details>
#
# <details><summary>🛟 « J'ai ce message… »</summary>
#
# - *la cellule tourne sans fin (`[*]`)* : menu *Kernel > Interrupt Kernel*, puis vérifiez que `start` avance à chaque morceau trouvé et que vous renvoyez `["[UNK]"]` si aucun ne convient ;
# - *`['mel', 'o', 'dramatic']`* : il manque `##` aux morceaux qui ne commencent pas le mot ;
# - *des morceaux trop petits* : on veut le plus **long** préfixe, il faut donc partir de la fin du mot.
# </details>

# %% exercise="ex1_wordpiece" role="solution"
def wordpiece(word: str, vocab: dict[str, int]) -> list[str]:
    """Les sous-mots de `word` (en minuscules), le plus long d'abord ; ["[UNK]"] si le découpage est impossible."""
    ### BEGIN SOLUTION
    pieces, start = [], 0
    while start < len(word):
        for end in range(len(word), start, -1):
            piece = ("##" if start > 0 else "") + word[start:end]
            if piece in vocab:
                break
        else:
            return ["[UNK]"]
        pieces.append(piece)
        start = end
    return pieces
    ### END SOLUTION

# %% exercise="ex1_wordpiece" role="check" points=2
report = Report("Exercice 1 — WordPiece", points=2)
vocab = tokenizer.get_vocab()
with report.test("Mots courants et mots rares, comme la bibliothèque", points=1):
    for word in ["movie", "filmmaker", "melodramatic", "tarantinoesque", "unbelievably"]:
        result = wordpiece(word, vocab)
        expect_type(result, list, f"wordpiece({word!r})")
        expect_equal(result, tokenizer.tokenize(word), f"wordpiece({word!r})",
                     "Le plus long préfixe d'abord, et « ## » devant les morceaux qui ne commencent pas le mot.")
with report.test("Un mot impossible à découper donne [UNK]", points=0.5):
    expect_equal(wordpiece("ab#c", {"a": 0, "##b": 1, "ab": 2}), ["[UNK]"], "wordpiece('ab#c') avec un petit vocabulaire",
                 "Si un seul morceau manque, c'est le mot entier qui devient [UNK].")
### BEGIN HIDDEN TESTS
with report.test("Deux cents mots de critiques tirés au sort", points=0.5):
    words = sorted({w for text in reviews["test"]["text"] for w in text.lower().split() if w.isascii() and w.isalpha()})
    for word in np.random.default_rng(3).choice(words, 200, replace=False).tolist():
        expect_equal(wordpiece(word, vocab), tokenizer.tokenize(word), f"wordpiece({word!r})")
### END HIDDEN TESTS
report.score()

# %% [markdown] name="rare-words"
# Que devient un nom propre, un terme technique, un mot français ? Plus un mot est rare dans le corpus qui a servi à construire
# le vocabulaire, plus il est découpé. C'est un premier effet, discret, de la composition des données.

# %% tags=["demo"] name="split-rare-words"
with attempt("Exercice 1"):
    words = ["film", "blockbuster", "miyazaki", "hyperrealistic", "bouleversant"]
    for word in words:
        print(f"{word:15s} {wordpiece(word, vocab)}")

# %% [markdown] name="ex2-masking"
# ## 2. Cacher des mots : le masquage de BERT
#
# L'objectif MLM cache au hasard une partie des tokens, et le modèle doit **reconstruire la séquence**. Aucune annotation
# humaine n'est nécessaire : le texte fournit lui-même la question et la réponse. On parle d'apprentissage
# *auto-supervisé*.
#
# La recette de BERT (Devlin et al., 2018) choisit **15 %** des tokens. Si l'on remplaçait toujours les tokens choisis par
# `[MASK]`, le modèle pourrait ne produire de bonnes représentations qu'en présence de `[MASK]`, un token qu'il ne verra
# jamais à l'usage. D'où le dosage **80 / 10 / 10** : parmi les tokens choisis,
#
# - 80 % deviennent `[MASK]`,
# - 10 % deviennent un token **au hasard** dans le vocabulaire,
# - 10 % restent **inchangés**.
#
# Dans les trois cas, le modèle doit prédire le token d'origine. Partout ailleurs l'étiquette vaut **−100** : c'est la
# valeur que les fonctions de coût de PyTorch ignorent.
#
# ### Exercice 2 — Le masquage 15 % / 80-10-10
# *Difficulté ●●○ · environ 20 minutes · 3 points*
#
# **Écrivez `mask_tokens`, qui renvoie les entrées corrompues et les étiquettes.** Tous les tirages passent par
# `generator`, pour que le masquage soit reproductible, et `input_ids` ne doit pas être modifié.
#
# <details><summary>💡 Un indice</summary>
#
# `torch.rand(shape, generator=generator)` donne un nombre uniforme par position. La position est choisie s'il est
# inférieur à `probability` et si elle n'est pas spéciale. Un **second** tirage uniforme, lu sur [0 ; 1[, répartit les
# positions choisies : moins de 0,8 → `[MASK]` ; entre 0,8 et 0,9 → au hasard ; au-delà → inchangé. `torch.where` évite
# toute boucle.
# </details>
#
# <details><summary>🛟 « J'ai ce message… »</summary>
#
# - *`expected condition to be a boolean tensor`*, ou des tokens spéciaux choisis : `special_tokens_mask` est un tenseur de 0 et de 1 ; convertissez-le
#   par `.bool()`, car `~` appliqué à un entier calcule −1 − x ;
# - *`bitwise_and… not implemented for 'Float'`* : il manque des parenthèses, `(tirage < probability) & …` ;
# - *« la part de [MASK] parmi les tokens choisis »* : proche de 0,7, un second tirage a recouvert le premier : lisez les trois cas sur un **seul** tirage ; égale à 1, vous relisez le tirage qui a servi à choisir les positions, ou vous oubliez les deux autres cas ;
# - *« input_ids a été modifié »* : commencez par `inputs = input_ids.clone()` ;
# - *« deux appels avec la même graine diffèrent »* : un de vos tirages n'utilise pas `generator=generator`.
# </details>

# %% exercise="ex2_masking" role="solution"
def mask_tokens(input_ids, special_tokens_mask, mask_token_id, vocab_size, generator, probability=0.15):
    """Masquage de BERT (Devlin et al., 2018, annexe A.1).

    input_ids           : tenseur d'entiers (lot, longueur)
    special_tokens_mask : même forme, 1 là où le token est [CLS], [SEP] ou [PAD]
    Renvoie (inputs, labels), deux tenseurs d'entiers de même forme ; labels vaut −100 hors des positions choisies.
    """
    ### BEGIN SOLUTION
    chosen = torch.rand(input_ids.shape, generator=generator) < probability
    chosen &= ~special_tokens_mask.bool()
    labels = torch.where(chosen, input_ids, -100)

    draw = torch.rand(input_ids.shape, generator=generator)
    random_ids = torch.randint(vocab_size, input_ids.shape, generator=generator)
    inputs = torch.where(chosen & (draw < 0.8), mask_token_id, input_ids)
    inputs = torch.where(chosen & (draw >= 0.8) & (draw < 0.9), random_ids, inputs)
    return inputs, labels
    ### END SOLUTION

# %% exercise="ex2_masking" role="check" points=3
def masking_case(rows, length, probability=0.15, seed=0):
    """Des identifiants au hasard entre [CLS] et [SEP], puis des [PAD] ; et ce que votre fonction en fait."""
    ids = torch.randint(1000, len(tokenizer), (rows, length), generator=torch.Generator().manual_seed(99))
    special = torch.zeros_like(ids)
    for position, token in [(0, tokenizer.cls_token_id), (-9, tokenizer.sep_token_id)]:
        ids[:, position], special[:, position] = token, 1
    ids[:, -8:], special[:, -8:] = tokenizer.pad_token_id, 1
    before = ids.clone()
    generator = torch.Generator().manual_seed(seed)
    result = mask_tokens(ids, special, tokenizer.mask_token_id, len(tokenizer), generator, probability)
    expect(torch.equal(ids, before), "input_ids a été modifié : travaillez sur une copie (input_ids.clone()).")
    expect_type(result, tuple, "ce que renvoie mask_tokens")
    expect(len(result) == 2, f"mask_tokens renvoie {len(result)} valeurs ; attendu : 2 (inputs, labels).")
    expect(not isinstance(result[0], torch.Tensor) or (result[0] >= 0).all(), "inputs contient des −100 : avez-vous interverti inputs et labels ?")
    for name, tensor in zip(["inputs", "labels"], result):
        expect_shape(tensor, (rows, length), name)
        expect(not tensor.is_floating_point(), f"{name} doit contenir des entiers (type obtenu : {tensor.dtype}).")
    ids, special, inputs, labels = (plain(t) for t in (ids, special, *result))
    return ids, special == 1, inputs, labels, labels != -100

report = Report("Exercice 2 — Masquage de BERT", points=3)
with report.test("Étiquettes : −100 partout, sauf le token d'origine aux positions choisies ; le reste est intact", points=1):
    ids, special, inputs, labels, chosen = masking_case(64, 64)
    expect(chosen.any() and not chosen.all(), f"{chosen.mean():.0%} des positions ont une étiquette ; attendu : environ 15 %.")
    expect((labels[chosen] == ids[chosen]).all(), "Une étiquette n'est pas le token d'origine : prenez-la dans input_ids, avant de masquer.")
    expect((inputs[~chosen] == ids[~chosen]).all(), "Une position non choisie (étiquette −100) a été modifiée dans inputs.")
with report.test("[CLS], [SEP] et [PAD] ne sont jamais choisis", points=0.5):
    ids, special, inputs, labels, chosen = masking_case(200, 40, probability=0.9)
    expect(not chosen[special].any(), f"{chosen[special].sum()} tokens spéciaux ont été choisis ; attendu : 0. Utilisez special_tokens_mask.")
    expect_close(chosen[~special].mean(), 0.9, proportion_margin(0.9, (~special).sum()), "la part choisie quand probability = 0,9")
with report.test("Proportions : 15 %, puis 80 / 10 / 10", points=1):
    ids, special, inputs, labels, chosen = masking_case(2000, 128)  # 2000 × 118 = 236 000 tokens ordinaires
    n, k = (~special).sum(), chosen.sum()
    expect_close(k / n, 0.15, proportion_margin(0.15, n), "la part des tokens choisis")
    masked, unchanged = chosen & (inputs == tokenizer.mask_token_id), chosen & (inputs == ids)
    expect_close(masked.sum() / k, 0.8, proportion_margin(0.8, k), "la part de [MASK] parmi les tokens choisis")
    expect_close(unchanged.sum() / k, 0.1, proportion_margin(0.1, k) + 1e-4, "la part de tokens inchangés parmi les choisis")
    noise = inputs[chosen & ~masked & ~unchanged]
    expect(noise.max() < len(tokenizer), f"Un token au hasard vaut {noise.max()}, hors du vocabulaire ; attendu : de 0 à {len(tokenizer) - 1}.")
    # Environ 3 500 tokens au hasard : tous au-dessus de 200 n'arrive pas une fois sur un milliard.
    expect(noise.min() < 200 and noise.max() > len(tokenizer) - 200,
           f"Les tokens au hasard vont de {noise.min()} à {noise.max()} ; attendu : tout le vocabulaire, de 0 à {len(tokenizer) - 1}.")
with report.test("Même graine, même masquage ; autre graine, autre masquage", points=0.25):
    first, again, other = (masking_case(64, 64, seed=s)[2:4] for s in (1, 1, 2))
    expect(all((a == b).all() for a, b in zip(first, again)), "Deux appels avec la même graine diffèrent : un tirage n'utilise pas generator.")
    expect((first[1] != other[1]).any(), "Deux graines différentes donnent le même masquage.")
### BEGIN HIDDEN TESTS
with report.test("Autre probabilité, générateur global laissé intact", points=0.25):
    ids, special, inputs, labels, chosen = masking_case(1000, 128, probability=0.4, seed=5)
    expect_close(chosen.sum() / (~special).sum(), 0.4, proportion_margin(0.4, (~special).sum()), "la part choisie avec probability=0.4")
    torch.manual_seed(11)
    untouched = torch.get_rng_state()
    masking_case(8, 32, seed=5)
    expect(torch.equal(untouched, torch.get_rng_state()), "Le générateur global de torch a été utilisé au lieu de generator.")
### END HIDDEN TESTS
report.score()

# %% [markdown] name="masking-shown"
# Voyons l'effet sur une vraie phrase, en choisissant cette fois la moitié des tokens pour que les trois cas apparaissent. Changez la
# graine : à chaque passage, le modèle reçoit une question différente sur la même phrase.

# %% tags=["demo"] name="show-masking"
with attempt("Exercice 2"):
    example = tokenizer(reviews["train"][1]["text"], return_special_tokens_mask=True, return_tensors="pt")
    inputs, labels = mask_tokens(example["input_ids"], example["special_tokens_mask"], tokenizer.mask_token_id,
                                 len(tokenizer), torch.Generator().manual_seed(1), probability=0.5)
    rows = {"token": example["input_ids"][0], "entrée du modèle": inputs[0], "à prédire": labels[0]}
    display(pd.DataFrame({name: ["·" if i == -100 else tokenizer.convert_ids_to_tokens(i) for i in ids.tolist()] for name, ids in rows.items()}))

# %% [markdown] name="ex3-loss"
# ## 3. La fonction de coût : l'entropie croisée, sur les trous seulement
#
# Pour chaque position, le modèle produit un vecteur de **logits** $z \in \mathbb{R}^V$, un score par token du
# vocabulaire. Le softmax en fait une distribution, et le coût est l'opposé du log de la probabilité donnée au bon token,
# en moyenne sur l'ensemble $M$ des positions choisies :
#
# $$\mathcal{L} = -\frac{1}{|M|} \sum_{i \in M} \log \frac{\exp z_{i, y_i}}{\sum_{v} \exp z_{i, v}}$$
#
# ### Exercice 3 — L'entropie croisée à la main
# *Difficulté ●●○ · environ 10 minutes · 2 points*
#
# **Écrivez `mlm_loss(logits, labels)` sans `cross_entropy` ni `nll_loss`.** Le résultat doit coïncider avec celui de PyTorch
# à $10^{-5}$ près, y compris pour de très grands logits. (Le logarithme est naturel : l'unité est le *nat*.)
#
# <details><summary>💡 Un indice</summary>
#
# Gardez d'abord les positions utiles : `chosen = labels != -100`, puis `logits[chosen]` de forme (nombre de trous, V).
# `torch.logsumexp(…, dim=-1)` calcule le log du dénominateur sans débordement. Pour lire le logit du bon token :
# `logits.gather(-1, index)` ou `logits[range, index]`.
# </details>
#
# <details><summary>🛟 « J'ai ce message… »</summary>
#
# - *`index -100 is out of bounds`* : éliminez les positions ignorées **avant** de lire les logits ;
# - *`inf` ou `nan`* : `exp` déborde dès que les logits dépassent 88 en float32 ; passez par `logsumexp` ou `log_softmax` ;
# - *un coût trop petit* : on divise par le nombre de trous, pas par le nombre de tokens.
# </details>

# %% exercise="ex3_loss" role="solution"
def mlm_loss(logits, labels):
    """Entropie croisée moyenne, en nats, aux positions où labels ≠ −100.

    logits : tenseur (lot, longueur, V) ; labels : entiers (lot, longueur). Renvoie un tenseur scalaire.
    """
    ### BEGIN SOLUTION
    chosen = labels != -100
    z, y = logits[chosen], labels[chosen]
    log_probabilities = z - torch.logsumexp(z, dim=-1, keepdim=True)
    return -log_probabilities.gather(-1, y.unsqueeze(-1)).mean()
    ### END SOLUTION

# %% exercise="ex3_loss" role="check" points=2
from unittest import mock

def random_problem(seed, scale=3.0, shape=(4, 10), vocab_size=50, share=0.3):
    """Des logits et des étiquettes au hasard, et le coût qu'en donne PyTorch."""
    g = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(*shape, vocab_size, generator=g)
    labels = torch.randint(vocab_size, shape, generator=g)
    labels[torch.rand(shape, generator=g) > share] = -100
    labels[0, 0] = 7  # au moins un trou
    return logits, labels, F.cross_entropy(logits.reshape(-1, vocab_size), labels.reshape(-1))

def by_hand(logits, labels):
    """Votre fonction, privée de la version toute faite."""
    forbidden = mock.Mock(side_effect=RuntimeError("cross_entropy et nll_loss ne sont pas permis ici : écrivez la formule"))
    with mock.patch.object(F, "cross_entropy", forbidden), mock.patch.object(F, "nll_loss", forbidden):
        return mlm_loss(logits, labels)

report = Report("Exercice 3 — Entropie croisée", points=2)
with report.test("Le même coût que PyTorch, sur cinq problèmes au hasard", points=1):
    for seed in range(5):
        logits, labels, expected = random_problem(seed)
        expect_close(by_hand(logits, labels), expected, 1e-5, "mlm_loss",
                     "Une moyenne sur les positions où labels ≠ −100, et sur elles seules ; le coût est l'opposé d'un logarithme népérien.")
with report.test("Le gradient passe aussi", points=0.5):
    logits, labels, _ = random_problem(6)
    mine, theirs = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    loss = by_hand(mine, labels)
    expect(loss is not None, "mlm_loss vaut None : n'avez-vous pas oublié le « return » ?")
    expect(isinstance(loss, torch.Tensor) and loss.requires_grad, "Le coût ne garde pas le gradient : n'utilisez ni .item(), ni .detach(), ni NumPy.")
    loss.backward()
    F.cross_entropy(theirs.reshape(-1, 50), labels.reshape(-1)).backward()
    expect_close(mine.grad, theirs.grad, 1e-5, "le gradient")
with report.test("De très grands logits ne débordent pas", points=0.25):
    report.requires_first()
    logits, labels, expected = random_problem(7, scale=200.0)
    expect_close(by_hand(logits, labels), expected, 1e-3, "mlm_loss avec des logits de l'ordre de 200", "Passez par logsumexp ou log_softmax.")
### BEGIN HIDDEN TESTS
with report.test("D'autres grands logits", points=0.25):
    report.requires_first()
    logits, labels, expected = random_problem(8, scale=500.0)
    expect_close(by_hand(logits, labels), expected, 1e-3, "mlm_loss avec des logits de l'ordre de 500", "Passez par logsumexp ou log_softmax.")
### END HIDDEN TESTS
report.score()

# %% [markdown] name="perplexity"
# ## 4. Mesurer : la perplexité, avec un masquage fixé
#
# La **perplexité** est l'exponentielle du coût moyen par token masqué : $\mathrm{PPL} = \exp \mathcal{L}$. Une perplexité de
# 20 veut dire que le modèle hésite, en moyenne, comme s'il avait à choisir entre 20 tokens équiprobables.
#
# Deux précautions pour que ce nombre ait un sens :
#
# - le masquage d'évaluation est tiré **une fois pour toutes** (graine fixée), sinon le score bouge d'un appel à l'autre ;
# - on ne compare que des modèles qui partagent **le même tokenizer et le même masquage**.
#
# Ses limites : c'est une perplexité *de masques*, à ne pas comparer à celle d'un modèle causal comme GPT, et elle ne dit pas
# si le modèle sera un bon classifieur.

# %% name="masked-batches"
from transformers import DataCollatorForLanguageModeling

MAX_LENGTH, BATCH_SIZE = 40, 32

def masked_batches(texts, seed, batch_size=BATCH_SIZE):
    """Une liste de lots prêts pour le modèle ; le masquage de BERT, par la bibliothèque, est fixé par la graine."""
    collator = DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.15, seed=seed)
    encoded = tokenizer(list(texts), truncation=True, max_length=MAX_LENGTH, return_special_tokens_mask=True)
    rows = [{key: encoded[key][i] for key in encoded} for i in range(len(texts))]
    return [collator(rows[i : i + batch_size]) for i in range(0, len(rows), batch_size)]

n_eval = budget(full=600, small=160)
film_batches = masked_batches(reviews["validation"]["text"][:n_eval], seed=7)
wiki_batches = masked_batches(general_text["validation"]["text"][: n_eval // 2], seed=7)
print({key: tuple(value.shape) for key, value in film_batches[0].items()})

# %% [markdown] name="ex4-perplexity"
# ### Exercice 4 — La perplexité sur un jeu de lots
# *Difficulté ●●○ · environ 15 minutes · 2 points*
#
# **Écrivez `perplexity(model, batches)` : l'exponentielle du coût moyen par token masqué, sur l'ensemble des lots.** L'appel
# `model(**batch).loss` donne le coût moyen **d'un** lot. Évaluez en mode `eval`, sans calcul de gradient.
#
# <details><summary>💡 Un indice</summary>
#
# Les lots n'ont pas tous le même nombre de trous. Pour retrouver la somme des coûts d'un lot, multipliez sa moyenne par
# son nombre de trous, `(batch["labels"] != -100).sum()` ; divisez à la fin par le nombre total de trous.
# </details>
#
# <details><summary>🛟 « J'ai ce message… »</summary>
#
# - *« moyenne des moyennes »* : vous donnez le même poids à un lot de 3 trous et à un lot de 200 ;
# - *« le modèle est resté en mode train »* : appelez `model.eval()` ; notre modèle n'a pas de *dropout* (des neurones éteints au hasard pendant
#   l'entraînement), mais la plupart en ont, et leur score bougerait ;
# - *« le gradient est calculé »* : entourez la boucle de `with torch.no_grad():`.
# </details>

# %% exercise="ex4_perplexity" role="solution"
def perplexity(model, batches):
    """exp(coût moyen par token masqué) de `model` sur une liste de lots (dictionnaires avec "labels"). Renvoie un float."""
    ### BEGIN SOLUTION
    model.eval()
    total, count = 0.0, 0
    with torch.no_grad():
        for batch in batches:
            masked = (batch["labels"] != -100).sum().item()
            total += model(**batch).loss.item() * masked
            count += masked
    return math.exp(total / count)
    ### END SOLUTION

# %% exercise="ex4_perplexity" role="check" points=2
class KnownModel(torch.nn.Module):
    """Un faux modèle dont le coût de chaque lot, en millionièmes, est écrit dans input_ids : on connaît donc la bonne réponse."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.modes, self.gradients = [], []

    def forward(self, input_ids, attention_mask=None, labels=None, **others):
        from types import SimpleNamespace
        self.modes.append(self.training)
        self.gradients.append(torch.is_grad_enabled())
        cost = input_ids.flatten()[0].item() / 1e6
        logits = torch.tensor([0.0, math.log(math.expm1(cost))]).expand(*input_ids.shape, 2) + self.weight  # le token 0 coûte exactement `cost`
        return SimpleNamespace(loss=torch.tensor(cost) + self.weight, logits=logits)

def known_batch(cost, masked, length=20):
    from transformers import BatchEncoding
    labels = torch.full((1, length), -100)
    labels[0, :masked] = 0
    return BatchEncoding({"input_ids": torch.full((1, length), round(1e6 * cost)), "attention_mask": torch.ones(1, length), "labels": labels})

report = Report("Exercice 4 — Perplexité", points=2)
with report.test("Un modèle qui ne sait rien (coût log V partout) a une perplexité de V", points=0.5):
    expect_close(perplexity(KnownModel(), [known_batch(math.log(30522), 5)] * 3), 30522, 0.5, "perplexity", "Avez-vous pris l'exponentielle du coût moyen ?")
with report.test("Chaque trou compte autant, quel que soit son lot", points=1):
    got = perplexity(KnownModel(), [known_batch(1.0, 1), known_batch(3.0, 9)])
    expect_close(got, math.exp(2.8), 1e-3, "perplexity de deux lots (1 trou de coût 1 et 9 trous de coût 3)",
                 f"exp(2) = {math.exp(2):.3f} serait la moyenne des moyennes ; il faut peser chaque lot par son nombre de trous.")
with report.test("En mode eval et sans gradient", points=0.25):
    known = KnownModel().train()
    perplexity(known, [known_batch(1.0, 4)])
    expect(not any(known.modes), "Le modèle est resté en mode train : appelez model.eval() avant la boucle.")
    expect(not any(known.gradients), "Le gradient est calculé pour rien : entourez la boucle de torch.no_grad().")
### BEGIN HIDDEN TESTS
with report.test("Sur le vrai modèle", points=0.25):
    with torch.no_grad():
        outputs = [(general_model(**b).logits, b["labels"]) for b in film_batches[:2]]
    total = sum(F.cross_entropy(z.reshape(-1, z.shape[-1]), y.reshape(-1), reduction="sum") for z, y in outputs)
    expected = torch.exp(total / sum((y != -100).sum() for _, y in outputs)).item()
    got = perplexity(general_model, film_batches[:2])
    expect_type(got, float, "perplexity(general_model, …)")
    expect_close(got, expected, 1e-3 * expected, "perplexity(general_model, …)")
### END HIDDEN TESTS
report.score()

# %% [markdown] name="before-adaptation"
# Avant toute adaptation, comparons les deux textes. Le modèle a été pré-entraîné sur du texte général (dont des passages de
# Wikipédia, mais pas ceux-ci), sans aucune critique de film.

# %% name="library-perplexity"
def library_perplexity(model, batches):
    """La même mesure, sur les coûts de tous les trous réunis : elle sert à la suite du TP."""
    model.eval()
    costs = []
    with torch.inference_mode():
        for batch in batches:
            chosen = batch["labels"] != -100
            hidden = model.bert(batch["input_ids"], batch["attention_mask"]).last_hidden_state
            logits = model.cls(hidden[chosen])  # aux trous seulement : six fois moins de logits à calculer
            costs.append(F.cross_entropy(logits, batch["labels"][chosen], reduction="none"))
    return torch.cat(costs).mean().exp().item()

# %% tags=["demo"] name="perplexity-before"
ppl_before = {"critiques de films": library_perplexity(general_model, film_batches),
              "Wikipédia": library_perplexity(general_model, wiki_batches)}
for name, value in ppl_before.items():
    print(f"perplexité, {name:18s} : {value:6.1f}")
with attempt("Exercice 4"):
    print(f"les mêmes critiques, par votre fonction : {perplexity(general_model, film_batches):.1f}")

# %% [markdown] name="ex5-training"
# ## 5. S'adapter à un domaine
#
# Les critiques de films ont leur vocabulaire (*screenplay*, *heartfelt*, *overlong*), leurs tournures, leur ironie. On
# **poursuit le pré-entraînement** sur ce texte, sans aucune étiquette : c'est l'*adaptation au domaine* (Gururangan et
# al., 2020, « Don't stop pretraining »).
#
# Une boucle d'entraînement tient en quatre gestes, répétés à chaque lot : calculer le coût, en déduire les gradients
# (`backward`), faire un pas (`step`), remettre les gradients à zéro (`zero_grad`).
#
# ### Exercice 5 — La boucle d'entraînement
# *Difficulté ●●○ · environ 20 minutes · 3 points*
#
# **Écrivez `adapt(model, batches, optimizer, on_step)` : un passage sur les lots, un pas d'optimisation par lot.** `batches` est un
# itérable : parcourez-le par une boucle `for`. Après
# chaque pas, appelez `on_step(i, loss)` avec le numéro du pas (à partir de 0) et le coût (un float) ; renvoyez la liste des
# coûts.
#
# <details><summary>💡 Un indice</summary>
#
# `model.train()` d'abord. Puis, pour chaque lot : `loss = model(**batch).loss`, `loss.backward()`, `optimizer.step()`,
# `optimizer.zero_grad()`. Pour la liste, gardez `loss.item()` et non `loss`, sans quoi chaque graphe de calcul reste en
# mémoire.
# </details>
#
# <details><summary>🛟 « J'ai ce message… »</summary>
#
# - *le poids vaut 4* : les gradients s'accumulent ; il manque `optimizer.zero_grad()`, ou il est hors de la boucle ;
# - *le poids vaut 10* : il n'a pas bougé ; il manque `optimizer.step()`, ou `zero_grad` est placé juste avant `step` ;
# - *le poids vaut 9* : un seul pas ; un `return` est-il resté dans la boucle ?
# - *`element 0 of tensors does not require grad`* : vous êtes encore sous `torch.no_grad()` ;
# - *`'float' object has no attribute 'backward'`* : `.item()` est appelé trop tôt ;
# - *le coût ne baisse pas* : regardez le taux d'apprentissage (`lr`), et que vous n'utilisez pas toujours le même lot.
# </details>

# %% exercise="ex5_training" role="solution"
def adapt(model, batches, optimizer, on_step):
    """Un passage d'entraînement sur `batches`. Renvoie la liste des coûts (floats), un par lot."""
    ### BEGIN SOLUTION
    model.train()
    losses = []
    for i, batch in enumerate(batches):
        loss = model(**batch).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        on_step(i, losses[-1])
    return losses
    ### END SOLUTION

# %% exercise="ex5_training" role="check" points=3
class Slope(torch.nn.Module):
    """Un modèle d'un seul poids, de coût égal à ce poids : le gradient vaut toujours 1, on sait donc où il doit arriver."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(10.0))
        self.modes = []

    def forward(self, **batch):
        from types import SimpleNamespace
        self.modes.append(self.training)
        return SimpleNamespace(loss=self.weight * 1.0)

report = Report("Exercice 5 — Boucle d'entraînement", points=3)
with report.test("Trois lots, trois pas de taille 1 : le poids passe de 10 à 7", points=1):
    slope = Slope()
    adapt(slope, iter([{}] * 3), torch.optim.SGD(slope.parameters(), lr=1.0), lambda i, loss: None)
    expect_close(slope.weight, 7.0, 1e-5, "le poids", "4 : les gradients s'accumulent (zero_grad) ; 10 : les poids n'ont pas bougé (step, ou zero_grad juste avant step) ; 9 : un seul pas.")
with report.test("Le modèle est en mode train, on_step reçoit (0, coût), (1, coût)…, les coûts sont renvoyés", points=0.5):
    slope, calls = Slope().eval(), []
    losses = adapt(slope, [{}] * 4, torch.optim.SGD(slope.parameters(), lr=1.0), lambda i, loss: calls.append((i, loss)))
    expect(all(slope.modes), "Le modèle est en mode eval pendant l'entraînement : appelez model.train().")
    expect_type(losses, list, "la liste des coûts")
    expect_close(losses, [10.0, 9.0, 8.0, 7.0], 1e-3, "la liste des coûts")
    expect([i for i, _ in calls] == [0, 1, 2, 3], f"on_step a reçu les numéros {[i for i, _ in calls]} ; attendu : [0, 1, 2, 3].")
    expect_close([loss for _, loss in calls], [10.0, 9.0, 8.0, 7.0], 1e-3, "les coûts reçus par on_step")
    kinds = {type(loss).__name__ for loss in [*losses, *(loss for _, loss in calls)] if not isinstance(loss, float)}
    expect(not kinds, f"Des coûts sont de type {', '.join(kinds)} ; attendu : float. Une liste de floats : loss.item() à chaque pas, sinon chaque graphe de calcul reste en mémoire.")
with report.test("La perplexité sur les critiques baisse d'au moins 5 % en 24 pas (une quinzaine de secondes)", points=1):
    report.requires_first()
    # Mesuré sur 20 graines (16 phrases par lot, AdamW, lr 5e-5) : la baisse va de 6,5 % à 13,5 %.
    seed_everything(0)
    trial = copy.deepcopy(general_model)
    texts = reviews["train"].shuffle(seed=0)["text"][:384]
    adapt(trial, masked_batches(texts, seed=0, batch_size=16), torch.optim.AdamW(trial.parameters(), lr=5e-5, fused=True), lambda i, loss: None)
    before, after = (library_perplexity(m, film_batches[:5]) for m in (general_model, trial))
    expect(after < 0.95 * before, f"perplexité avant : {before:.1f} ; après : {after:.1f} ; attendu : moins de {0.95 * before:.1f}.")
### BEGIN HIDDEN TESTS
with report.test("Chaque lot sert une fois, dans l'ordre, même si batches est un générateur", points=0.5):
    class Recorder(Slope):
        def forward(self, value):
            from types import SimpleNamespace
            self.modes.append(value)
            return SimpleNamespace(loss=self.weight * value)
    recorder = Recorder()
    adapt(recorder, ({"value": float(v)} for v in (1, 2, 3)), torch.optim.SGD(recorder.parameters(), lr=1.0), lambda i, loss: None)
    expect_equal(recorder.modes, [1.0, 2.0, 3.0], "les lots vus par le modèle")
    expect_close(recorder.weight, 4.0, 1e-5, "le poids final (10 − 1 − 2 − 3)")
### END HIDDEN TESTS
report.score()

# %% [markdown] name="train"
# À vous de la faire tourner : la courbe se dessine pendant l'entraînement. La courbe pâle est le coût de chaque lot (le bruit
# vient du hasard des phrases et des masques), la foncée sa moyenne glissante.

# %% tags=["demo"] name="run-training"
with attempt("Exercice 5"):
    seed_everything(1)
    mine = copy.deepcopy(general_model)
    texts = reviews["train"].shuffle(seed=1)["text"][: budget(full=1280, small=64)]
    curve = LiveCurve("Adaptation avec votre boucle")
    adapt(mine, tqdm(masked_batches(texts, seed=1), leave=False), torch.optim.AdamW(mine.parameters(), lr=5e-5, fused=True), curve.add)
    curve.close()
    print(f"perplexité sur les critiques : {ppl_before['critiques de films']:.1f} → {library_perplexity(mine, film_batches):.1f}")

# %% [markdown] name="trainer"
# ### La même chose avec `Trainer`
#
# En pratique on confie la boucle à `Trainer`, qui ajoute ce qui manque à la nôtre : taux d'apprentissage qui décroît,
# masquage **retiré au sort à chaque passage** (*dynamic masking*), sauvegardes, plusieurs processeurs… Le principe est
# identique. C'est le modèle obtenu ici qui sert dans la suite.

# %% tags=["demo"] name="run-trainer"
import tempfile

from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

class DrawLoss(TrainerCallback):
    def __init__(self, curve):
        self.curve = curve

    def on_log(self, args, state, control, logs=None, **kwargs):
        if "loss" in logs:
            self.curve.add(state.global_step, logs["loss"])

adapted_model = copy.deepcopy(general_model)
training_texts = reviews["train"].shuffle(seed=2)["text"][: budget(full=3200, small=256)]
encoded = tokenizer(training_texts, truncation=True, max_length=MAX_LENGTH, return_special_tokens_mask=True)
rows = [{key: encoded[key][i] for key in encoded} for i in range(len(training_texts))]
curve = LiveCurve("Adaptation avec Trainer")
arguments = TrainingArguments(
    output_dir=tempfile.mkdtemp(), num_train_epochs=1, per_device_train_batch_size=BATCH_SIZE, learning_rate=2e-4,
    lr_scheduler_type="linear", warmup_steps=10, logging_steps=2, save_strategy="no", report_to=[], seed=0,
    dataloader_pin_memory=False, disable_tqdm=True, use_cpu=True,
)
trainer = Trainer(model=adapted_model, args=arguments, train_dataset=rows, callbacks=[DrawLoss(curve)],
                  data_collator=DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.15, seed=0))
trainer.remove_callback(PrinterCallback)  # la courbe suffit
trainer.train()
curve.close()

# %% tags=["demo"] name="perplexity-after"
ppl_after = {"critiques de films": library_perplexity(adapted_model, film_batches),
             "Wikipédia": library_perplexity(adapted_model, wiki_batches)}
table = pd.DataFrame({"avant adaptation": ppl_before, "après adaptation": ppl_after}).round(1)
figure, axes = plt.subplots(figsize=(6, 3))
table.plot.bar(ax=axes, rot=0, ylabel="perplexité (plus bas = mieux)", title="S'adapter a un prix")
for bars in axes.containers:
    axes.bar_label(bars, fmt="%.1f")
plt.show()
table

# %% [markdown] name="forgetting"
# La perplexité baisse nettement sur les critiques, et se dégrade sur Wikipédia, que le modèle n'a pas revue : c'est le
# prix de la spécialisation, dont la forme extrême s'appelle l'*oubli catastrophique*. Dans notre exécution, la perplexité passe
# de 128 à 100 sur les critiques, et de 59 à 86 sur Wikipédia.

# %% [markdown] name="ex6-fill-mask"
# ## 6. Avant / après : que propose le modèle ?
#
# ### Exercice 6 — Remplir le trou
# *Difficulté ●○○ · environ 10 minutes · 1 point*
#
# **Écrivez `fill_mask(model, tokenizer, sentence, k)`, qui renvoie les `k` tokens les plus probables à la place de `[MASK]`, avec
# leur probabilité, du plus au moins probable.**
#
# <details><summary>💡 Un indice</summary>
#
# La position du trou : `(inputs["input_ids"][0] == tokenizer.mask_token_id).nonzero()`. Le softmax se prend sur **tout**
# le vocabulaire, avant de garder les `k` meilleurs (`torch.topk`). `tokenizer.convert_ids_to_tokens` rend les tokens.
# </details>
#
# <details><summary>🛟 « J'ai ce message… »</summary>
#
# - *les probabilités somment à 1 sur les k tokens* : le softmax a été pris après `topk` ;
# - *toujours les mêmes tokens, quelle que soit la phrase* : vous lisez la position 0 (`[CLS]`) et non celle de `[MASK]` ;
# - *`requires_grad`… `numpy()`* : entourez l'appel du modèle de `torch.no_grad()`.
# </details>

# %% exercise="ex6_fill_mask" role="solution"
def fill_mask(model, tokenizer, sentence, k=5):
    """Les k meilleurs tokens à la place de l'unique [MASK] : liste de paires (token: str, probabilité: float)."""
    ### BEGIN SOLUTION
    model.eval()
    inputs = tokenizer(sentence, return_tensors="pt")
    position = (inputs["input_ids"][0] == tokenizer.mask_token_id).nonzero().item()
    with torch.no_grad():
        probabilities = model(**inputs).logits[0, position].softmax(dim=-1)
    best = probabilities.topk(k)
    return list(zip(tokenizer.convert_ids_to_tokens(best.indices.tolist()), best.values.tolist()))
    ### END SOLUTION

# %% exercise="ex6_fill_mask" role="check" points=1
from transformers import pipeline

def same_as_library(sentence, k):
    """Compare votre fonction au pipeline de la bibliothèque."""
    library = pipeline("fill-mask", model=general_model.eval(), tokenizer=tokenizer, device=general_model.device)
    expected = library(sentence, top_k=k)
    got = fill_mask(general_model, tokenizer, sentence, k)
    expect_type(got, list, "fill_mask")
    expect(len(got) == k, f"fill_mask renvoie {len(got)} éléments ; attendu : k = {k}.")
    expect(all(type(pair) is tuple and len(pair) == 2 for pair in got), "Chaque élément doit être un tuple (token, probabilité), dans cet ordre.")
    expect(all(type(token) is str for token, _ in got), "Chaque élément est un tuple (token, probabilité) : le token, un texte, vient en premier.")
    expect_close([p for _, p in got], [e["score"] for e in expected], 1e-5, "les probabilités",
                 "Le softmax se prend sur tout le vocabulaire, à la position du [MASK] ; les tokens vont du plus au moins probable.")
    expect_equal([t for t, _ in got], [tokenizer.convert_ids_to_tokens(e["token"]) for e in expected], "les tokens")

report = Report("Exercice 6 — Remplir le trou", points=1)
with report.test("Comme la bibliothèque : mêmes tokens, mêmes probabilités", points=0.5):
    same_as_library("The story was very [MASK].", 5)
    same_as_library("The story was very [MASK].", 2)
### BEGIN HIDDEN TESTS
with report.test("D'autres phrases, d'autres k", points=0.5):
    same_as_library("[MASK] is the capital of France.", 3)
    same_as_library("An overlong [MASK] with a clever script.", 12)
### END HIDDEN TESTS
report.score()

# %% [markdown] name="compare-tokens"
# Comparons le modèle général et le modèle adapté sur des phrases du domaine.

# %% tags=["demo"] name="best-tokens"
def best_tokens(model, sentence, k=5):
    """Les propositions de la bibliothèque, pour que cette section marche même sans l'exercice 6."""
    found = pipeline("fill-mask", model=model.eval(), tokenizer=tokenizer, device=model.device)(sentence, top_k=k)
    return {tokenizer.convert_ids_to_tokens(f["token"]): f["score"] for f in found}

domain_sentences = [
    "The [MASK] is predictable and the jokes fall flat.",
    "A [MASK] of a movie.",
    "The performances are [MASK], but the script is weak.",
    "One of the best [MASK] of the year.",
]
pd.DataFrame([
    {"phrase": s, "général": ", ".join(best_tokens(general_model, s)), "adapté": ", ".join(best_tokens(adapted_model, s))}
    for s in domain_sentences
]).style.hide(axis="index")

# %% tags=["demo"] name="plot-tokens"
figure, axes = plt.subplots(1, 2, figsize=(9.5, 3.4), constrained_layout=True)
for ax, (name, model) in zip(axes, [("général", general_model), ("adapté", adapted_model)]):
    tokens = best_tokens(model, domain_sentences[0], k=8)
    ax.barh(list(tokens)[::-1], list(tokens.values())[::-1], color="C0" if name == "général" else "C1")
    ax.set(title=f"Modèle {name}", xlabel="probabilité")
figure.suptitle(domain_sentences[0])
plt.show()
with attempt("Exercice 6"):
    print("Par votre fonction :", [f"{token} {probability:.1%}" for token, probability in fill_mask(adapted_model, tokenizer, domain_sentences[0], 3)])

# %% [markdown] name="ex7-spans"
# ## 7. Une variante : les trous de longueur variable de T5
#
# T5 (Raffel et al., 2019) cache des **suites de tokens** (*spans*) et remplace chacune par une seule sentinelle. La cible
# liste chaque sentinelle suivie de ce qu'elle cachait, et se ferme par une dernière sentinelle :
#
# | | |
# |---|---|
# | texte | Thank you **for inviting** me to your party **last** week |
# | entrée | Thank you `<X>` me to your party `<Y>` week |
# | cible | `<X>` for inviting `<Y>` last `<Z>` |
#
# L'entrée est plus courte que le texte, et le modèle doit deviner **combien** de tokens manquent.
#
# ### Exercice 7 — Corrompre des spans
# *Difficulté ●●○ · environ 20 minutes · 3 points*
#
# **Écrivez `corrupt_spans(tokens, spans)`, qui renvoie l'entrée et la cible de T5 : un tuple de deux listes, sans modifier `tokens`.** `spans` est une liste de paires
# `(début, longueur)`, dans l'ordre, sans chevauchement. Les sentinelles, dans l'ordre, sont dans `SENTINELS`.
#
# <details><summary>💡 Un indice</summary>
#
# Parcourez les spans en gardant la position `cursor` du premier token non encore copié. Pour chaque span : copiez
# `tokens[cursor:start]` dans l'entrée, ajoutez la sentinelle des deux côtés, copiez le span dans la cible, avancez
# `cursor`. N'oubliez pas la fin du texte, ni la sentinelle finale de la cible.
# </details>
#
# <details><summary>🛟 « J'ai ce message… »</summary>
#
# - *l'entrée s'arrête trop tôt* : après le dernier span, il reste `tokens[cursor:]` à copier ;
# - *la cible n'a pas de fin, ou finit toujours par `<Z>`* : elle se ferme par la sentinelle qui **suit** la dernière utilisée ;
# - *trop de sentinelles* : une par span, pas une par token.
# </details>

# %% exercise="ex7_spans" role="given"
SENTINELS = ["<X>", "<Y>", "<Z>"] + [f"<S{i}>" for i in range(3, 100)]

# %% exercise="ex7_spans" role="solution"
def corrupt_spans(tokens: list[str], spans: list[tuple[int, int]]) -> tuple[list[str], list[str]]:
    """Entrée et cible de T5 (Raffel et al., 2019, §3.1.4) ; spans : paires (début, longueur), triées, disjointes."""
    ### BEGIN SOLUTION
    inputs, targets, cursor = [], [], 0
    for sentinel, (start, length) in zip(SENTINELS, spans):
        inputs += [*tokens[cursor:start], sentinel]
        targets += [sentinel, *tokens[start : start + length]]
        cursor = start + length
    inputs += tokens[cursor:]
    targets.append(SENTINELS[len(spans)])
    return inputs, targets
    ### END SOLUTION

# %% exercise="ex7_spans" role="check" points=3
def rebuild(inputs, targets):
    """Le texte d'origine, retrouvé en remettant chaque morceau de la cible à la place de sa sentinelle."""
    hidden, current = {}, None
    for token in targets:
        if token in SENTINELS:
            current = token
            hidden[current] = []
        elif current is not None:
            hidden[current].append(token)
    return [t for token in inputs for t in (hidden.get(token, [token]) if token in SENTINELS else [token])]

def random_spans(rng, n_tokens):
    """Des spans disjoints au hasard, longueur 1 à 4, y compris collés au début, à la fin ou entre eux."""
    spans, position = [], int(rng.integers(0, 3))
    while position < n_tokens:
        length = int(min(rng.integers(1, 5), n_tokens - position))
        spans.append((position, length))
        position += length + int(rng.integers(0, 5))
    return spans

def corrupted(tokens, spans):
    before = list(tokens)
    result = corrupt_spans(tokens, spans)
    expect(tokens == before, "La liste tokens a été modifiée.")
    expect_type(result, tuple, "ce que renvoie corrupt_spans")
    expect(len(result) == 2 and all(type(part) is list for part in result), "Attendu : deux listes, (inputs, targets).")
    return result

report = Report("Exercice 7 — Spans de T5", points=3)
with report.test("L'exemple du cours", points=1):
    thanks = ["Thank", "you", "for", "inviting", "me", "to", "your", "party", "last", "week"]
    inputs, targets = corrupted(thanks, [(2, 2), (8, 1)])
    expect_equal(" ".join(inputs), "Thank you <X> me to your party <Y> week", "l'entrée", "Une seule sentinelle par span, et la fin du texte.")
    expect_equal(" ".join(targets), "<X> for inviting <Y> last <Z>", "la cible", "Chaque sentinelle puis ce qu'elle cache ; une sentinelle à la fin.")
with report.test("Aller-retour sur 100 textes au hasard : on retrouve le texte", points=1):
    rng = np.random.default_rng(0)
    for _ in range(100):
        tokens = [f"mot{i}" for i in range(rng.integers(1, 30))]
        spans = random_spans(rng, len(tokens))
        inputs, targets = corrupted(tokens, spans)
        expect_equal(rebuild(inputs, targets), tokens, f"le texte reconstruit (spans = {spans})")
        expect_equal(targets[-1:], [SENTINELS[len(spans)]], f"la fin de la cible (spans = {spans})", "La cible se ferme par la sentinelle qui suit la dernière utilisée.")
        expect(len(inputs) + len(targets) == len(tokens) + 2 * len(spans) + 1,
               f"{len(inputs)} + {len(targets)} tokens en tout ; attendu : {len(tokens)} + 2 × {len(spans)} sentinelles + 1.")
### BEGIN HIDDEN TESTS
with report.test("Cas limites : aucun span, tout le texte, mots répétés", points=1):
    expect_equal(corrupted(["a", "b"], []), (["a", "b"], ["<X>"]), "sans aucun span")
    expect_equal(corrupted(["a", "b"], [(0, 2)]), (["<X>"], ["<X>", "a", "b", "<Y>"]), "un span qui couvre tout")
    expect_equal(corrupted(["a", "a", "b", "a"], [(1, 1), (3, 1)]), (["a", "<X>", "b", "<Y>"], ["<X>", "a", "<Y>", "a", "<Z>"]), "des mots répétés")
    expect_equal(corrupted(["a", "b", "c"], [(0, 1), (1, 1)]), (["<X>", "<Y>", "c"], ["<X>", "a", "<Y>", "b", "<Z>"]), "deux spans collés")
### END HIDDEN TESTS
report.score()

# %% [markdown] name="ex8-pooling"
# ## 8. Du masque au classifieur : le transfert
#
# L'encodeur sait maintenant lire des critiques. On lui ajoute une **tête** de classification toute neuve pour décider si une
# critique est *fresh* ou *rotten*. Deux façons de faire :
#
# - **(a) la sonde linéaire** : l'encodeur est gelé, on n'apprend qu'une régression logistique sur ses vecteurs ;
# - **(b) le fine-tuning complet** : on apprend la tête **et** l'encodeur.
#
# Pour la sonde, il faut un vecteur par phrase. Le plus simple est la moyenne des vecteurs de ses tokens.
#
# ### Exercice 8 — La moyenne sans le remplissage
# *Difficulté ●○○ · environ 10 minutes · 2 points*
#
# **Écrivez `mean_pooling(hidden, attention_mask)` : la moyenne des vecteurs des vrais tokens de chaque phrase.** Les positions de
# `[PAD]` (masque à 0) ne comptent pas.
#
# <details><summary>💡 Un indice</summary>
#
# Donnez au masque une dernière dimension (`attention_mask.unsqueeze(-1)`) pour le multiplier par `hidden` ; sommez sur
# `dim=1` ; divisez par le nombre de vrais tokens de **chaque** phrase.
# </details>
#
# <details><summary>🛟 « J'ai ce message… »</summary>
#
# - *le résultat change quand on ajoute du remplissage* : `hidden.mean(1)` compte aussi les `[PAD]` ;
# - *`The size of tensor a … must match`* : il manque `unsqueeze(-1)` ;
# - *une forme (384,) au lieu de (lot, 384)* : on moyenne sur `dim=1` (les tokens), pas sur le lot.
# </details>

# %% exercise="ex8_pooling" role="solution"
def mean_pooling(hidden, attention_mask):
    """hidden : (lot, longueur, dimension) ; attention_mask : (lot, longueur) de 0 et 1. Renvoie (lot, dimension)."""
    ### BEGIN SOLUTION
    weights = attention_mask.unsqueeze(-1).to(hidden.dtype)
    return (hidden * weights).sum(dim=1) / weights.sum(dim=1)
    ### END SOLUTION

# %% exercise="ex8_pooling" role="check" points=2
report = Report("Exercice 8 — Moyenne des tokens", points=2)
with report.test("Sans remplissage, c'est la moyenne ordinaire", points=0.5):
    hidden = torch.randn(3, 7, 5, generator=torch.Generator().manual_seed(0))
    pooled = mean_pooling(hidden, torch.ones(3, 7, dtype=torch.long))
    expect_shape(pooled, (3, 5), "mean_pooling(hidden, masque)")
    expect_close(pooled, hidden.mean(1), 1e-5, "mean_pooling(hidden, masque de 1)")
def padded_case(lengths, extra, seed):
    """Des phrases de longueurs différentes, comblées par des vecteurs quelconques ; et la moyenne de leurs vrais tokens."""
    width = max(lengths) + extra
    vectors = torch.randn(len(lengths), width, 5, generator=torch.Generator().manual_seed(seed))
    mask = torch.tensor([[int(i < n) for i in range(width)] for n in lengths])
    return vectors, mask, torch.stack([v[:n].mean(0) for v, n in zip(vectors, lengths)])

with report.test("Le remplissage ne compte pas, quelle que soit la longueur de chaque phrase", points=1):
    for lengths, extra in [([7, 7, 7], 2), ([1, 4, 7], 0), ([2, 5, 3], 3)]:
        vectors, mask, expected = padded_case(lengths, extra, seed=extra)
        expect_close(mean_pooling(vectors, mask), expected, 1e-5, f"mean_pooling sur des phrases de {lengths} tokens",
                     "Les positions où le masque vaut 0 ne comptent ni dans la somme, ni dans le diviseur, qui est propre à chaque phrase.")
### BEGIN HIDDEN TESTS
with report.test("D'autres longueurs", points=0.5):
    for seed in range(5):
        lengths = np.random.default_rng(seed).integers(1, 12, size=6).tolist()
        vectors, mask, expected = padded_case(lengths, seed, seed=10 + seed)
        expect_close(mean_pooling(vectors, mask), expected, 1e-5, f"mean_pooling sur des phrases de {lengths} tokens")
### END HIDDEN TESTS
report.score()

# %% [markdown] name="linear-probe"
# ### (a) La sonde linéaire
#
# Chaque phrase devient un vecteur de 384 nombres, calculé une fois pour toutes par chacun des deux encodeurs. Pour que cette
# section ne dépende pas de l'exercice 8, la moyenne est refaite ici phrase par phrase.

# %% tags=["demo"] name="run-probe"
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

n_train, n_test = budget(full=1600, small=160), budget(full=1000, small=200)
train_set = reviews["train"].shuffle(seed=3).select(range(n_train))
test_set = reviews["test"].shuffle(seed=3).select(range(n_test))
train_labels, test_labels = np.array(train_set["label"]), np.array(test_set["label"])

@torch.inference_mode()
def sentence_vectors(model, texts, batch_size=64):
    """Un vecteur par phrase : la moyenne de ses tokens dans la dernière couche. Renvoie un tableau (phrases, 384)."""
    model.eval()
    vectors = []
    for i in tqdm(range(0, len(texts), batch_size), leave=False):
        batch = tokenizer(list(texts[i : i + batch_size]), padding=True, truncation=True, max_length=MAX_LENGTH, return_tensors="pt")
        hidden = model.bert(**batch).last_hidden_state
        vectors += [h[: m.sum()].mean(0).numpy() for h, m in zip(hidden, batch["attention_mask"])]
    return np.stack(vectors)

encoders = {"général": general_model, "adapté": adapted_model}
vectors = {name: (sentence_vectors(model, train_set["text"]), sentence_vectors(model, test_set["text"]))
           for name, model in encoders.items()}

def probe(train_vectors, labels):
    """La sonde : une régression logistique sur les vecteurs centrés et réduits."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.05, max_iter=2000)).fit(train_vectors, labels)

with attempt("Exercice 8"):
    first = tokenizer(list(test_set["text"][:64]), padding=True, truncation=True, max_length=MAX_LENGTH, return_tensors="pt")
    with torch.no_grad():
        mine = mean_pooling(general_model.bert(**first).last_hidden_state, first["attention_mask"])
    print(f"plus grand écart avec votre mean_pooling : {np.abs(mine.numpy() - vectors['général'][1][:64]).max():.1g}")

predictions = {("sonde linéaire", name): probe(train, train_labels).predict(test) for name, (train, test) in vectors.items()}

# %% [markdown] name="fine-tuning"
# ### (b) Le fine-tuning complet
#
# Même encodeur, mais une tête linéaire neuve sur `[CLS]`, et **tous** les poids apprennent.

# %% tags=["demo"] name="run-fine-tuning"
from transformers import BertConfig, BertForSequenceClassification

def new_classifier(encoder=None):
    """Un classifieur à deux classes ; encodeur copié de `encoder`, ou tiré au hasard (sans pré-entraînement) si None."""
    config = BertConfig.from_dict({**general_model.config.to_dict(), "num_labels": 2, "hidden_dropout_prob": 0.1})
    classifier = BertForSequenceClassification(config)
    if encoder is not None:
        classifier.bert.load_state_dict(encoder.bert.state_dict(), strict=False)
    return classifier

def fine_tune(classifier, texts, labels, steps, lr=2e-4, batch_size=32, seed=0):
    """`steps` pas d'AdamW (une descente de gradient adaptative), taux d'apprentissage décroissant, lots tirés au hasard."""
    optimizer = torch.optim.AdamW(classifier.parameters(), lr=lr, weight_decay=0.01, fused=True)
    decay = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total_iters=steps)
    rng = np.random.default_rng(seed)
    order = np.concatenate([rng.permutation(len(texts)) for _ in range(steps * batch_size // len(texts) + 1)])
    classifier.train()
    for step in tqdm(range(steps), leave=False):
        rows = order[step * batch_size : (step + 1) * batch_size]
        batch = tokenizer([texts[i] for i in rows], padding=True, truncation=True, max_length=MAX_LENGTH, return_tensors="pt")
        classifier(**batch, labels=torch.tensor([labels[i] for i in rows])).loss.backward()
        torch.nn.utils.clip_grad_norm_(classifier.parameters(), 1.0)
        optimizer.step()
        decay.step()
        optimizer.zero_grad()
    return classifier

@torch.inference_mode()
def predict(classifier, texts, batch_size=64):
    """La classe prédite de chaque phrase."""
    classifier.eval()
    result = []
    for i in range(0, len(texts), batch_size):
        batch = tokenizer(list(texts[i : i + batch_size]), padding=True, truncation=True, max_length=MAX_LENGTH, return_tensors="pt")
        result.append(classifier(**batch).logits.argmax(-1).numpy())
    return np.concatenate(result)

steps = budget(full=80, small=8)
for name, encoder in encoders.items():
    seed_everything(0)
    classifier = fine_tune(new_classifier(encoder), train_set["text"], train_labels.tolist(), steps)
    predictions["fine-tuning", name] = predict(classifier, test_set["text"])

# %% [markdown] name="compare-scores"
# ### Comparer honnêtement
#
# Un score sur un échantillon de test est lui-même une estimation. Le **bootstrap** en donne l'incertitude : on retire au
# sort, avec remise, un jeu de test de même taille, on recalcule le score, mille fois ; l'intervalle à 95 % va du 2,5ᵉ au
# 97,5ᵉ centile. La macro-F1 est la
# moyenne des F1 des deux classes : elle ne récompense pas un modèle qui en oublie une.

# %% tags=["demo"] name="scores-and-intervals"
accuracy_metric, f1_metric = metrics.load("accuracy"), metrics.load("f1")
rng = np.random.default_rng(0)
resamples = rng.integers(0, n_test, (1000, n_test))

def bootstrap_interval(correct):
    """Intervalle à 95 % de l'exactitude, par bootstrap sur les phrases de test."""
    return np.percentile(correct[resamples].mean(axis=1), [2.5, 97.5])

rows = []
for (method, name), predicted in predictions.items():
    low, high = bootstrap_interval(predicted == test_labels)
    rows.append({
        "méthode": method, "encodeur": name,
        "exactitude": accuracy_metric.compute(predictions=predicted, references=test_labels)["accuracy"],
        "IC à 95 %": f"[{low:.3f} ; {high:.3f}]",
        "macro-F1": f1_metric.compute(predictions=predicted, references=test_labels, average="macro")["f1"],
    })
majority = max(test_labels.mean(), 1 - test_labels.mean())
print(f"Toujours répondre la classe majoritaire : {majority:.3f}")
pd.DataFrame(rows).style.hide(axis="index").format({"exactitude": "{:.3f}", "macro-F1": "{:.3f}"})

# %% [markdown] name="paired-difference"
# Les quatre intervalles se chevauchent-ils ? Attention : les quatre scores sont mesurés **sur les mêmes phrases**, donc
# leurs erreurs se ressemblent. La bonne question est celle de la **différence**, phrase par phrase : on rééchantillonne la
# différence (bootstrap apparié).

# %% tags=["demo"] name="paired-bootstrap"
for method in ("sonde linéaire", "fine-tuning"):
    right = {name: (predictions[method, name] == test_labels).astype(float) for name in encoders}
    difference = right["adapté"] - right["général"]
    low, high = bootstrap_interval(difference)
    print(f"{method:15s} : adapté − général = {difference.mean():+.3f}, IC à 95 % [{low:+.3f} ; {high:+.3f}]")

# %% tags=["demo"] name="confusion-matrices"
from sklearn.metrics import ConfusionMatrixDisplay

figure, axes = plt.subplots(1, 4, figsize=(12, 3.2), constrained_layout=True)
for ax, ((method, name), predicted) in zip(axes, predictions.items()):
    ConfusionMatrixDisplay.from_predictions(test_labels, predicted, display_labels=["rotten", "fresh"], ax=ax,
                                            colorbar=False, cmap="Blues", normalize="true", values_format=".2f")
    ax.set(title=f"{method}\n{name}", xlabel="prédit", ylabel="vrai")
    ax.grid(False)
plt.show()

# %% [markdown] name="ex9-conclusion"
# ### Exercice 9 — Peut-on conclure ?
# *Difficulté ●●○ · environ 10 minutes · 2 points · correction manuelle*
#
# **En 2 à 3 phrases : d'après le tableau et les intervalles des différences, peut-on conclure que l'adaptation au domaine a aidé
# le classifieur ?** Appuyez-vous sur au moins un nombre de votre exécution, et dites ce qu'il faudrait faire pour être plus
# sûr.

# %% [markdown] exercise="ex9_conclusion" role="answer" points=2
# ### BEGIN SOLUTION
# Non. La différence adapté − général vaut −0,017, IC à 95 % [−0,043 ; +0,009], pour la sonde, et −0,001, [−0,020 ; +0,018],
# pour le fine-tuning : les deux intervalles contiennent 0. La perplexité a bien baissé sur les critiques, mais rien ne
# montre que le classifieur en profite. Pour être plus sûr, il faudrait un jeu de test plus grand, et refaire l'adaptation et le
# fine-tuning avec plusieurs graines.
# ### END SOLUTION

# %% [markdown] name="few-labels"
# ### Peu d'étiquettes : ce que le pré-entraînement rapporte
#
# C'est l'argument central du *transfer learning* : annoter coûte cher, alors que le texte brut abonde. Voici l'exactitude en
# fonction du nombre de critiques étiquetées, pour la même régression logistique posée sur trois représentations du texte :
# les vecteurs de l'encodeur **pré-entraîné** (et adapté), ceux du même encodeur dont les poids sont restés **tirés au hasard**, et
# un simple comptage de mots, pondéré par leur rareté (**TF-IDF**), sans aucun réseau. Chaque point est la moyenne de cinq tirages des exemples. Les deux
# étoiles sont le fine-tuning complet sur toutes les étiquettes, avec et sans pré-entraînement, par la même recette.

# %% tags=["demo"] name="learning-curves"
from sklearn.feature_extraction.text import TfidfVectorizer

train_texts, test_texts = list(train_set["text"]), list(test_set["text"])
seed_everything(0)
random_encoder = new_classifier(encoder=None)
random_vectors = sentence_vectors(random_encoder, train_texts), sentence_vectors(random_encoder, test_texts)

def tfidf_vectors(chosen):
    """Comptages TF-IDF dont le vocabulaire ne vient que des phrases d'apprentissage choisies."""
    vectorizer = TfidfVectorizer().fit([train_texts[i] for i in chosen])
    return vectorizer.transform([train_texts[i] for i in chosen]), vectorizer.transform(test_texts)

def accuracy_with(train, test, labels, regularisation):
    classifier = LogisticRegression(C=regularisation, max_iter=2000).fit(train, labels)
    return (classifier.predict(test) == test_labels).mean()

def scaled(chosen, train, test):
    scaler = StandardScaler().fit(train[chosen])
    return scaler.transform(train[chosen]), scaler.transform(test)

sizes = [size for size in (25, 50, 100, 200, 400, 800, 1600) if size <= n_train]
curves = {name: np.zeros((5, len(sizes))) for name in ("pré-entraîné", "au hasard", "TF-IDF")}
for draw in tqdm(range(5), leave=False):
    order = np.random.default_rng(draw).permutation(n_train)
    for j, size in enumerate(sizes):
        chosen, labels = order[:size], train_labels[order[:size]]
        curves["pré-entraîné"][draw, j] = accuracy_with(*scaled(chosen, *vectors["adapté"]), labels, 0.05)
        curves["au hasard"][draw, j] = accuracy_with(*scaled(chosen, *random_vectors), labels, 0.05)
        curves["TF-IDF"][draw, j] = accuracy_with(*tfidf_vectors(chosen), labels, 3.0)

from_scratch = predict(fine_tune(random_encoder, train_texts, train_labels.tolist(), steps), test_texts)
stars = {"pré-entraîné": (predictions["fine-tuning", "adapté"] == test_labels).mean(),
         "au hasard": (from_scratch == test_labels).mean()}

# %% tags=["demo"] name="plot-learning-curves"
figure, axes = plt.subplots()
for color, (name, values) in zip(("C1", "C0", "C7"), curves.items()):
    axes.plot(sizes, values.mean(0), "o-", color=color, label=name)
    axes.fill_between(sizes, values.min(0), values.max(0), color=color, alpha=0.15)
    if name in stars:
        axes.plot(n_train, stars[name], "*", ms=14, color=color, label=f"fine-tuning complet, {name}")
axes.axhline(majority, color="grey", lw=1, ls=":", label="classe majoritaire")
axes.set(xscale="log", xlabel="critiques étiquetées", ylabel="exactitude (test)", title="Le pré-entraînement remplace des étiquettes")
axes.set_xticks(sizes, [str(size) for size in sizes])
axes.minorticks_off()
axes.legend(fontsize=8)
plt.show()
pd.DataFrame({name: values.mean(0) for name, values in curves.items()}, index=pd.Index(sizes, name="étiquettes")).T.round(3)

# %% [markdown] name="few-labels-results"
# Dans notre exécution, avec 200 étiquettes, la même régression atteint 0,64 sur l'encodeur pré-entraîné, contre 0,59 sur TF-IDF
# et 0,54 sur l'encodeur tiré au hasard. Pour en arriver là, le comptage de mots demande 400 étiquettes, et l'encodeur tiré
# au hasard 1 600 : c'est en ce sens que le pré-entraînement **remplace des étiquettes**.
#
# L'avantage fond quand les étiquettes abondent : avec 1 600, TF-IDF (0,71) dépasse la sonde (0,67) et rejoint le fine-tuning
# complet (0,71). Notre encodeur est petit et s'est entraîné au masque sur cinq millions de tokens seulement : ne jugez pas BERT
# sur lui. Quant au fine-tuning sans pré-entraînement, 80 pas ne lui ont rien appris : il répond toujours la classe majoritaire (0,56).
# Retenez le réflexe : **comparez toujours à une référence simple**.

# %% [markdown] name="takeaways"
# ## À retenir
#
# - **MLM** : cacher 15 % des tokens (80 % `[MASK]`, 10 % au hasard, 10 % inchangés), prédire l'original, entropie croisée
#   **sur les trous seulement**. Le texte fournit ses propres étiquettes.
# - **Perplexité** : l'exponentielle du coût moyen par trou. Elle ne se compare qu'à tokenizer et masquage égaux.
# - **Adaptation au domaine** : poursuivre le même objectif sur le texte cible. On y gagne là, on peut y perdre ailleurs.
# - **Transfert** : un encodeur pré-entraîné et une tête neuve. Moins on a d'étiquettes, plus le pré-entraînement compte.
# - **Comparer** : un score vient avec son intervalle ; deux modèles se comparent sur leurs **différences**, phrase par phrase.
#
# ## Auto-évaluation
#
# Choisissez une réponse avant de déplier ; chaque choix est expliqué.
#
# **1. Pourquoi BERT laisse-t-il inchangés 10 % des tokens choisis ?**
#
# <details><summary>A. Pour aller plus vite</summary>❌ Le calcul est le même : ces positions comptent aussi dans le coût.</details>
# <details><summary>B. Pour que le modèle produise de bons vecteurs aussi pour des tokens visibles</summary>✅ À l'usage il n'y a pas de [MASK] ; le modèle doit se méfier de tout token, donc représenter chacun d'après son contexte.</details>
# <details><summary>C. Pour avoir moins de 15 % de tokens à prédire</summary>❌ Les tokens inchangés font partie des 15 % et sont à prédire comme les autres.</details>
#
# **2. Une étiquette vaut −100. Que fait la fonction de coût à cette position ?**
#
# <details><summary>A. Elle pénalise fortement le modèle</summary>❌ −100 n'est pas un poids : c'est une valeur convenue qui veut dire « à ignorer ».</details>
# <details><summary>B. Elle prédit le token [UNK]</summary>❌ L'identifiant de [UNK] est un entier positif du vocabulaire.</details>
# <details><summary>C. Elle l'ignore, au numérateur comme au dénominateur de la moyenne</summary>✅ La moyenne porte sur les seules positions choisies.</details>
#
# **3. Deux modèles dont les tokenizers diffèrent ont pour perplexité 9 et 12 sur le même texte. On peut dire que…**
#
# <details><summary>A. le premier est meilleur</summary>❌ Les tokens ne sont pas les mêmes : prédire « ##ing » est plus facile que prédire un mot entier.</details>
# <details><summary>B. rien, sans ramener les deux à une même unité</summary>✅ Par exemple en bits par caractère, qui ne dépend pas du découpage.</details>
# <details><summary>C. le second a un plus grand vocabulaire</summary>❌ C'est possible, mais la perplexité seule ne le dit pas.</details>
#
# **4. La sonde linéaire et le fine-tuning diffèrent surtout par…**
#
# <details><summary>A. ce qui apprend : la tête seule, ou la tête et l'encodeur</summary>✅ D'où le coût, le risque de surapprentissage et la mémoire, bien plus grands pour le fine-tuning.</details>
# <details><summary>B. les données utilisées</summary>❌ Les deux voient les mêmes critiques et les mêmes étiquettes.</details>
# <details><summary>C. la fonction de coût</summary>❌ C'est une entropie croisée à deux classes dans les deux cas.</details>
#
# **5. Les intervalles à 95 % de deux modèles évalués sur le même jeu de test se chevauchent. Donc…**
#
# <details><summary>A. les modèles sont équivalents</summary>❌ L'absence de preuve d'une différence n'est pas la preuve d'une absence de différence.</details>
# <details><summary>B. il faut regarder l'intervalle de leur différence appariée</summary>✅ Les erreurs sont corrélées : la différence, phrase par phrase, est souvent bien plus précise que chacun des scores.</details>
# <details><summary>C. il faut un modèle plus gros</summary>❌ Cela ne répond pas à la question posée ; un plus grand jeu de test, si.</details>
#
# ---
# *Pour aller plus loin :* Devlin et al. (2018), [BERT](https://arxiv.org/abs/1810.04805) ; Raffel et al. (2019),
# [T5](https://arxiv.org/abs/1910.10683) ; Gururangan et al. (2020), [Don't stop pretraining](https://arxiv.org/abs/2004.10964) ;
# Dror et al. (2018), [les tests statistiques en TAL](https://aclanthology.org/P18-1128/).
