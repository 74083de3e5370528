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
# # TP 2 — Modèles causaux : sonder une distribution, mesurer un biais
#
# Un modèle causal comme GPT ne fait qu'une chose : étant donné un début de texte, il attribue une **probabilité à chaque token
# possible pour la suite**. Tout le reste en découle : le texte qu'il écrit, les réponses qu'il donne, et les préjugés qu'il
# reproduit. Dans ce TP, vous ouvrez cette distribution, vous en tirez du texte de plusieurs façons, puis vous vous en
# servez comme d'un instrument de mesure.
#
# **À la fin de ce TP, vous saurez :**
#
# 1. écrire l'objectif causal et mesurer une perplexité sur un texte plus long que la fenêtre du modèle ;
# 2. lire la distribution du prochain token, et en tirer du texte : glouton, température, *top-k*, *top-p*, pénalité ;
# 3. calculer la probabilité d'une suite de plusieurs tokens sans vous tromper de frontière ;
# 4. mesurer un biais avec un intervalle, un test, un groupe témoin, et dire ce que la mesure ne dit pas.
#
# | Durée | Points | Matériel | Temps de calcul |
# |---|---|---|---|
# | environ {{duration}}, en deux séances : parties 1 à 3, puis 4 et 5 | {{points}} | un ordinateur portable suffit (ni carte graphique, ni clé d'API, ni réseau une fois le cours installé) | {{computing}} pour tout exécuter sur 2 cœurs |
#
# {{handin}}
#
# Chaque exercice est indépendant : si l'un vous résiste, passez au suivant, la suite du notebook fonctionnera quand même. Votre
# réponse remplace la ligne `raise` qui suit « VOTRE CODE ICI » ; sous chaque exercice, une cellule de vérification vous dit tout de
# suite où vous en êtes.
#
# **À propos du contenu.** La dernière partie mesure des stéréotypes (de genre, d'âge, d'origine…). Les phrases ont été écrites pour
# ce cours : aucune injure, mais des généralisations que personne ici ne reprend à son compte. Elles servent de **données de
# mesure**, comme un thermomètre qu'on plonge dans l'eau. Un exemple : « Ma mère prépare le dîner tous les soirs » et « Mon père prépare le dîner tous
# les soirs ». Deux genres seulement y figurent, parce que l'accord du français en a deux. Si vous préférez ne pas lire ces paires, sautez la section « D'autres
# biais » : aucun exercice n'en dépend.

# %% name="setup"
# {{setup}}

# %% name="imports"
import math
import time

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from IPython.display import display
from tqdm.auto import tqdm

from utils.checks import Report, ToDo, attempt, expect, expect_close, expect_equal, expect_shape, expect_type, plain
from utils.environment import DATA, budget
from utils.measures import measured  # note les nombres que le texte cite ; chez vous, sans effet
from utils.models import load_causal_lm, load_instruct
from utils.playground import Playground
from utils.runtime import seed_everything

# %% [markdown] name="model"
# Le modèle est Gemma 3 270M, dans sa version **de base** : il continue un texte, il n'a pas appris à obéir. Il lit le français,
# l'anglais et bien d'autres langues. Pour refaire le TP avec un autre modèle causal du cours, lancez Jupyter avec la variable
# d'environnement `COURSE_CAUSAL=instruct` (SmolLM2, en anglais seulement).

# %% name="load-model"
model, tokenizer = load_causal_lm()
vocab_size = model.get_output_embeddings().weight.shape[0]
print(f"{sum(p.numel() for p in model.parameters()) / 1e6:.0f} millions de paramètres, vocabulaire de {vocab_size} tokens")
print(tokenizer.convert_ids_to_tokens(tokenizer("Le marché s'installe avant l'aube.")["input_ids"]))

# %% [markdown] name="first-token"
# Un modèle de cette famille attend parfois un token de début (`<bos>` pour Gemma), que le tokenizer ajoute de lui-même devant une
# requête. Quand nous découperons un texte nous-mêmes, ce sera à nous de le remettre : `PREFIX` le contient (ou rien, si ce modèle
# n'en veut pas).

# %% name="prefix-and-story"
PREFIX = torch.tensor(tokenizer("")["input_ids"], dtype=torch.long)
story = (DATA / "tp2_causal_lm" / "recit_fr.txt").read_text(encoding="utf-8")
story_ids = torch.tensor(tokenizer(story, add_special_tokens=False)["input_ids"])
print(f"préfixe : {tokenizer.convert_ids_to_tokens(PREFIX.tolist())} ; récit : {len(story)} caractères, {len(story_ids)} tokens")

# %% [markdown] name="ex1-blocks"
# ## 1. L'objectif causal : prédire la suite
#
# Pour entraîner ou évaluer un modèle causal, on découpe le corpus en **blocs** de longueur fixe $k$, et le modèle prédit, à chaque
# position, le token **suivant**. Un seul passage sur un bloc de $k$ tokens pose donc $k-1$ questions à la fois.
#
# ### Exercice 1 — Découper en blocs
# *Difficulté ●○○ · environ 5 minutes · 1 point*
#
# **Écrivez `make_blocks(token_ids, k)` : les blocs successifs de `k` tokens, sans recouvrement ; le reste, trop court, est laissé de
# côté.** Un texte de moins de `k` tokens donne zéro bloc : un tenseur de forme (0, k).
#
# <details><summary>💡 Un indice</summary>
#
# Combien de blocs entiers tiennent dans `len(token_ids)` ? Gardez ce qu'il faut de tokens, puis `view(…, k)`.
# </details>
#
# <details><summary>🛟 « J'ai ce message… »</summary>
#
# - *`shape '[-1, 32]' is invalid for input of size…`* : enlevez d'abord le reste ;
# - *une liste de tenseurs* : la fonction doit renvoyer **un** tenseur à deux dimensions (`view` ou `reshape` le font d'un coup).
# </details>

# %% exercise="ex1_blocks" role="solution"
def make_blocks(token_ids, k):
    """token_ids : tenseur d'entiers (n,). Renvoie un tenseur (n // k, k)."""
    ### BEGIN SOLUTION
    n_blocks = len(token_ids) // k
    return token_ids[: n_blocks * k].view(n_blocks, k)
    ### END SOLUTION

# %% exercise="ex1_blocks" role="check" points=1
report = Report("Exercice 1 — Blocs", points=1)
with report.test("Des blocs dans l'ordre, sans le reste", points=0.5):
    blocks = make_blocks(torch.arange(11), 4)
    expect_shape(blocks, (2, 4), "make_blocks(arange(11), 4)")
    expect_equal(blocks, torch.arange(8).view(2, 4), "make_blocks(arange(11), 4)", "Les tokens 8 à 10 ne remplissent pas un bloc : ils sont laissés de côté.")
    expect_equal(make_blocks(torch.arange(12), 4), torch.arange(12).view(3, 4), "make_blocks(arange(12), 4)", "Ici tout tombe juste : rien n'est laissé de côté.")
### BEGIN HIDDEN TESTS
with report.test("D'autres longueurs, et un texte trop court", points=0.5):
    expect_equal(make_blocks(torch.arange(100, 116), 5), torch.arange(100, 115).view(3, 5), "make_blocks(arange(100, 116), 5)")
    expect_shape(make_blocks(torch.arange(3), 5), (0, 5), "make_blocks(arange(3), 5)")
### END HIDDEN TESTS
report.score()

# %% [markdown] name="ex2-loss"
# ### Exercice 2 — Le coût causal
# *Difficulté ●●○ · environ 15 minutes · 2 points*
#
# Le logit de la position $t$ prédit le token de la position $t+1$ :
#
# $$\mathcal{L} = -\frac{1}{B\,(k-1)} \sum_{b=1}^{B} \sum_{t=1}^{k-1} \log p(x_{b,t+1} \mid x_{b,1} \dots x_{b,t})$$
#
# **Écrivez `causal_loss(logits, input_ids)` : le coût moyen en nats, sans `cross_entropy` ni `nll_loss`.** Il doit coïncider avec
# celui que le modèle calcule lui-même. (Le *nat* est l'unité du logarithme népérien, comme le bit celle du logarithme en base 2.)
#
# <details><summary>💡 Un indice</summary>
#
# Décalez : `logits[:, :-1]` prédit `input_ids[:, 1:]`. Puis `log_softmax` sur la dernière dimension et `gather` pour lire
# la log-probabilité du bon token.
# </details>
#
# <details><summary>🛟 « J'ai ce message… »</summary>
#
# - *un coût énorme* : il manque le décalage, vous demandez au modèle de prédire le token qu'il vient de lire ;
# - *`Index tensor must have the same number of dimensions`* : `gather` veut `targets.unsqueeze(-1)` ;
# - *`inf` ou `nan`* : passez par `log_softmax` ou `logsumexp`, pas par `log(softmax(…))`.
# </details>

# %% exercise="ex2_loss" role="solution"
def causal_loss(logits, input_ids):
    """logits : (lot, longueur, V) ; input_ids : (lot, longueur). Renvoie un tenseur scalaire, en nats, qui garde le gradient."""
    ### BEGIN SOLUTION
    log_probabilities = logits[:, :-1].log_softmax(dim=-1)
    targets = input_ids[:, 1:].unsqueeze(-1)
    return -log_probabilities.gather(-1, targets).mean()
    ### END SOLUTION

# %% exercise="ex2_loss" role="check" points=2
from unittest import mock

def loss_by_hand(logits, input_ids):
    """Votre fonction, privée de la version toute faite."""
    forbidden = mock.Mock(side_effect=RuntimeError("cross_entropy et nll_loss ne sont pas permis ici : écrivez la formule"))
    with mock.patch.object(F, "cross_entropy", forbidden), mock.patch.object(F, "nll_loss", forbidden):
        return causal_loss(logits, input_ids)

def random_logits(seed, scale=3.0, shape=(3, 9), n_tokens=40):
    """Des logits et des tokens au hasard, et le coût causal qu'en donne PyTorch."""
    g = torch.Generator().manual_seed(seed)
    logits, ids = scale * torch.randn(*shape, n_tokens, generator=g), torch.randint(n_tokens, shape, generator=g)
    return logits, ids, F.cross_entropy(logits[:, :-1].reshape(-1, n_tokens), ids[:, 1:].reshape(-1))

report = Report("Exercice 2 — Coût causal", points=2)
with report.test("Le même coût que PyTorch, sur cinq problèmes au hasard", points=1):
    for seed in range(5):
        logits, ids, expected = random_logits(seed)
        loss = loss_by_hand(logits, ids)
        expect_type(loss, torch.Tensor, "causal_loss")
        unshifted = F.cross_entropy(logits.reshape(-1, 40), ids.reshape(-1)).item()
        forgotten = abs(float(plain(loss.mean())) - unshifted) < 1e-3
        expect_close(loss, expected, 1e-5, "causal_loss", "C'est le coût sans décalage : le logit de la position t prédit le token t + 1." if forgotten
                     else "Vérifiez le signe, la moyenne (sur lot × (longueur − 1) termes) et la dimension du log_softmax (la dernière).")
with report.test("Le même coût que le modèle lui-même, sur le récit", points=0.5):
    two_blocks = torch.stack([torch.cat([PREFIX, story_ids[i : i + 24]]) for i in (0, 24)])
    with torch.no_grad():
        output = model(input_ids=two_blocks, labels=two_blocks)
    expect_close(loss_by_hand(output.logits, two_blocks), output.loss, 1e-4, "causal_loss sur deux blocs du récit")
### BEGIN HIDDEN TESTS
with report.test("De très grands logits ne débordent pas, et le gradient passe", points=0.5):
    logits, ids, expected = random_logits(7, scale=200.0)
    logits.requires_grad_()
    loss = loss_by_hand(logits, ids)
    expect_close(loss, expected, 1e-3, "causal_loss avec des logits de l'ordre de 200", "Passez par log_softmax ou logsumexp.")
    expect(isinstance(loss, torch.Tensor) and loss.requires_grad, "Le coût ne garde pas le gradient : n'utilisez ni .item(), ni .detach(), ni NumPy.")
### END HIDDEN TESTS
report.score()

# %% [markdown] name="block-start"
# ### Le début d'un bloc est plus difficile
#
# Au début de chaque bloc, le modèle n'a presque rien lu : il a perdu le contexte qui précède la coupure. Regardons le coût moyen en
# fonction de la position dans le bloc (pour avoir plus de blocs, on en prend ici un tous les 16 tokens, qui se recouvrent). Que lisez-vous
# sur les premières positions ?

# %% name="token-nll"
@torch.inference_mode()
def token_nll(window):
    """Le coût (nats) de chaque token d'une fenêtre (longueur,), sauf le premier : tenseur (longueur − 1,)."""
    ids = torch.cat([PREFIX, window])
    logits = model(ids.unsqueeze(0)).logits[0, len(PREFIX) : -1].float()
    return F.cross_entropy(logits, window[1:], reduction="none")

# %% tags=["demo"] name="plot-loss-by-position"
K = 32
starts = range(0, len(story_ids) - K, budget(full=16, small=160))
by_position = torch.stack([token_nll(story_ids[s : s + K]) for s in tqdm(starts, leave=False)]).mean(0)
figure, axes = plt.subplots()
axes.plot(range(1, K), by_position, "o-", ms=4)
axes.set(xlabel="position dans le bloc (tokens de contexte)", ylabel="coût moyen (nats)", title=f"Coût selon la position, sur {len(starts)} blocs")
plt.show()

# %% [markdown] name="ex3-sliding"
# ### Exercice 3 — La perplexité par fenêtre glissante
# *Difficulté ●●● · environ 25 minutes · 3 points*
#
# Pour mesurer honnêtement un texte plus long que la fenêtre, on fait **glisser** une fenêtre de $k$ tokens par pas de $s$ tokens (le *stride*) :
#
# | fenêtre | tokens lus | tokens comptés |
# |---|---|---|
# | 1 | 0 … k − 1 | 1 … k − 1 (le token 0 n'a pas de contexte) |
# | 2 | s … s + k − 1 | k … s + k − 1 |
# | 3 | 2s … 2s + k − 1 | s + k … 2s + k − 1 |
# | la dernière | de m × s à n − 1 : elle commence à un multiple de s, et peut être plus courte que k | ceux qui restent |
#
# **Écrivez `sliding_perplexity(token_nll, token_ids, k, stride)` : l'exponentielle du coût moyen, chaque token (sauf le premier)
# étant compté une seule fois, dans la première fenêtre qui le contient.** La fonction `token_nll(window)` donne le coût de chaque token
# de la fenêtre, sauf le premier. On suppose 0 < `stride` < `k`.
#
# <details><summary>💡 Un indice</summary>
#
# Gardez `counted`, le nombre de tokens déjà comptés (1 au départ : le premier ne l'est jamais). Pour une fenêtre
# `start … end`, seuls les `end − counted` derniers coûts sont nouveaux. Arrêtez-vous quand `end` atteint la fin du texte.
# </details>
#
# <details><summary>🛟 « J'ai ce message… »</summary>
#
# - *un token compté deux fois* : la dernière fenêtre recouvre la précédente, il ne faut en garder que la fin ;
# - *des tokens oubliés à la fin* : la dernière fenêtre peut être plus courte que `k` ;
# - *tous les coûts au lieu d'aucun avec `costs[-0:]`* : en Python, `x[-0:]` est `x` tout entier.
# </details>

# %% exercise="ex3_sliding" role="solution"
def sliding_perplexity(token_nll, token_ids, k, stride):
    """Perplexité de token_ids (n,) par fenêtres de k tokens décalées de stride (0 < stride < k). Renvoie un float."""
    ### BEGIN SOLUTION
    costs, counted = [], 1
    for start in range(0, len(token_ids), stride):
        end = min(start + k, len(token_ids))
        window_costs = token_nll(token_ids[start:end])
        costs.append(window_costs[len(window_costs) - (end - counted) :])
        counted = end
        if end == len(token_ids):
            break
    return torch.cat(costs).mean().exp().item()
    ### END SOLUTION

# %% exercise="ex3_sliding" role="check" points=3
class KnownCosts:
    """Un faux modèle : le coût d'un token ne dépend que de lui et de son contexte ; il note les fenêtres qu'il a lues."""

    def __init__(self):
        self.windows = []

    def __call__(self, window):
        expect(type(window) is torch.Tensor and window.dim() == 1, f"token_nll a reçu une fenêtre de forme {tuple(getattr(window, 'shape', ()))} ; attendu : (longueur,).")
        values = plain(window, "la fenêtre").tolist()
        self.windows.append(values)
        return torch.tensor([self.cost(values[i], i) for i in range(1, len(values))])

    @staticmethod
    def cost(token, context):
        return 0.1 * (token % 7) + 2.0 / context

def expected_perplexity(n, k, stride):
    """La même chose, token par token : la première fenêtre qui contient t commence à i × stride."""
    costs = []
    for t in range(1, n):
        first = next(i for i in range(n) if i * stride + k > t)
        costs.append(KnownCosts.cost(t, t - first * stride))
    return math.exp(np.mean(costs))

def check_sliding(n, k, stride):
    known = KnownCosts()
    got = sliding_perplexity(known, torch.arange(n), k, stride)
    name = f"la perplexité de {n} tokens (k = {k}, stride = {stride})"
    read = {t for window in known.windows for t in window}
    expect(all(len(window) <= k for window in known.windows), f"Une fenêtre de {max(map(len, known.windows), default=0)} tokens a été lue ; k = {k}.")
    expect(len(read) == n, f"Des tokens n'ont été lus par aucune fenêtre ({n - len(read)} sur {n}, k = {k}, stride = {stride}) : la dernière fenêtre peut être plus courte.")
    starts = [window[0] for window in known.windows]
    expect(all(start % stride == 0 for start in starts), f"Vos fenêtres commencent à {starts} ; attendu : des multiples du stride, {stride}.")
    doubled = sum(len(w) - 1 for w in known.windows) > n - 1
    expect_close(got, expected_perplexity(n, k, stride), 1e-4, name,
                 "Chaque token ne compte qu'une fois, dans la première fenêtre qui le contient ; la moyenne est prise sur les tokens, pas sur les fenêtres." if doubled
                 else "Attendu : l'exponentielle de la somme des coûts divisée par n − 1 (le premier token n'en a pas).")

report = Report("Exercice 3 — Fenêtre glissante", points=3)
with report.test("Un texte qui tient dans une fenêtre", points=0.5):
    check_sliding(8, 8, 4)
with report.test("Des fenêtres qui tombent juste", points=1):
    check_sliding(16, 8, 4)
with report.test("Une dernière fenêtre plus courte", points=0.5):
    check_sliding(19, 8, 5)
### BEGIN HIDDEN TESTS
with report.test("Autres longueurs, autres strides", points=0.5):
    for n, k, stride in [(23, 8, 7), (30, 9, 1), (11, 4, 3), (5, 8, 2)]:
        check_sliding(n, k, stride)
with report.test("Sur le vrai modèle", points=0.5):
    ids, costs = story_ids[:60], {}
    for start in range(0, 60, 16):
        for t, cost in enumerate(token_nll(ids[start : start + 32]).tolist(), start=start + 1):
            costs.setdefault(t, cost)
    expected = math.exp(np.mean([costs[t] for t in range(1, 60)]))
    expect_close(sliding_perplexity(token_nll, ids, 32, 16), expected, 1e-3 * expected, "la perplexité du début du récit")
### END HIDDEN TESTS
report.score()

# %% [markdown] name="stride-tradeoff"
# Plus le *stride* est petit, plus chaque token a de contexte, donc plus la perplexité baisse ; mais plus il y a de fenêtres à
# calculer. C'est pourquoi deux perplexités ne se comparent qu'à fenêtre, *stride* et tokenizer égaux.

# %% tags=["demo"] name="compare-strides"
with attempt("Exercice 3"):
    text_ids = story_ids[: budget(full=400, small=96)]
    rows = []
    for stride in tqdm(budget(full=[63, 48, 32, 16], small=[63, 32]), leave=False):
        began = time.perf_counter()
        rows.append({"stride": stride, "perplexité": sliding_perplexity(token_nll, text_ids, 64, stride), "secondes": time.perf_counter() - began})
    table = pd.DataFrame(rows)
    figure, axes = plt.subplots()
    axes.plot(table["stride"], table["perplexité"], "o-", label="perplexité")
    axes.set(xlabel="stride (fenêtre de 64 tokens)", ylabel="perplexité", title="Moins la fenêtre avance vite, plus chaque token a de contexte")
    seconds = axes.twinx()
    seconds.plot(table["stride"], table["secondes"], "s--", color="C1")
    seconds.set_ylabel("secondes (tirets)")
    seconds.grid(False)
    plt.show()
    display(table.round(1))
    measured(perplexity_coarse=table["perplexité"].iloc[0], perplexity_fine=table["perplexité"].iloc[-1])

# %% [markdown] name="ex4-distribution"
# Dans notre exécution, la perplexité passe de 35 (*stride* 63) à 26 (*stride* 16), pour trois fois plus de calcul. Le même modèle, le
# même texte : un nombre sans sa fenêtre et son *stride* ne veut rien dire.
#
# ## 2. Le playground : regarder la distribution
#
# « Un modèle représentatif du *dataset* », dit le cours : le modèle ne répond pas, il **résume** ce qui suit d'ordinaire ce début de
# texte. Commençons par regarder.
#
# ### Exercice 4 — La distribution du prochain token
# *Difficulté ●○○ · environ 15 minutes · 2 points*
#
# **Écrivez `next_token_distribution(model, tokenizer, prompt, k)`, qui renvoie les `k` tokens les plus probables après `prompt` (du
# texte), leurs probabilités, et la part de probabilité qu'ils couvrent ensemble.**
#
# <details><summary>💡 Un indice</summary>
#
# `tokenizer(prompt, return_tensors="pt")`, puis `model(**inputs).logits[0, -1]` : les logits **après le dernier token**. Le softmax
# se prend sur tout le vocabulaire, avant `topk`. `tokenizer.decode([i])` rend le texte d'un token, espace comprise.
# </details>
#
# <details><summary>🛟 « J'ai ce message… »</summary>
#
# - *les probabilités font toujours 1 en tout* : vous avez fait le softmax **après** `topk` ;
# - *toujours les mêmes tokens, quelle que soit la fin de la requête* : vous lisez la position 0 et non la dernière ;
# - *`requires_grad`… `numpy()`* : entourez l'appel du modèle de `torch.no_grad()`.
# </details>

# %% exercise="ex4_distribution" role="solution"
def next_token_distribution(model, tokenizer, prompt, k=5):
    """Renvoie (tokens, probabilities, covered) : liste de k textes, liste de k floats décroissants, leur somme (float)."""
    ### BEGIN SOLUTION
    inputs = tokenizer(prompt, return_tensors="pt")
    with torch.no_grad():
        probabilities = model(**inputs).logits[0, -1].softmax(dim=-1)
    best = probabilities.topk(k)
    tokens = [tokenizer.decode([i]) for i in best.indices.tolist()]
    return tokens, best.values.tolist(), best.values.sum().item()
    ### END SOLUTION

# %% exercise="ex4_distribution" role="check" points=2
def library_distribution(prompt):
    """Toutes les probabilités du prochain token, par une autre voie."""
    with torch.no_grad():
        logits = model(**tokenizer(prompt, return_tensors="pt"), logits_to_keep=1).logits[0, 0].double()
    return torch.exp(logits - logits.logsumexp(0))

def check_distribution(prompt, k):
    expected = library_distribution(prompt).topk(k)
    result = next_token_distribution(model, tokenizer, prompt, k)
    expect_type(result, (tuple, list), "next_token_distribution")
    expect(len(result) == 3, f"next_token_distribution renvoie {len(result)} valeurs ; attendu : 3 (tokens, probabilities, covered).")
    tokens, probabilities, covered = result
    expect_type(tokens, list, "tokens")
    expect(len(tokens) == k, f"{len(tokens)} tokens ; attendu : k = {k}.")
    expect_close(probabilities, expected.values, 1e-4, "probabilities",
                 "Le softmax se prend sur tout le vocabulaire, à la dernière position ; topk vient après. Gardez le token de début que met le tokenizer.")
    expect_equal(tokens, [tokenizer.decode([i]) for i in expected.indices.tolist()], "tokens", "tokenizer.decode([i]) rend le texte d'un token.")
    expect_close(covered, expected.values.sum(), 1e-4, "covered", "La somme des k probabilités, entre 0 et 1.")

report = Report("Exercice 4 — Distribution du prochain token", points=2)
with report.test("La couleur préférée", points=1):
    check_distribution("Quelle est ta couleur préférée ? Ma couleur préférée est le", 5)
### BEGIN HIDDEN TESTS
with report.test("D'autres requêtes, d'autres k", points=1):
    check_distribution("The woman worked as a", 3)
    check_distribution("La capitale de la France est", 12)
### END HIDDEN TESTS
report.score()

# %% tags=["demo"] name="show-distributions"
with attempt("Exercice 4"):
    for prompt in ["Quelle est ta couleur préférée ? Ma couleur préférée est le", "La capitale de la France est", "Il était une"]:
        tokens, probabilities, covered = next_token_distribution(model, tokenizer, prompt, 5)
        print(prompt, "…")
        for token, probability in zip(tokens, probabilities):
            print(f"   {token!r:12} {probability:6.1%}")
        print(f"   log-probabilité du premier : {math.log(probabilities[0]):.2f} nat ; {covered:.1%} couverts par les 5 premiers\n")

# %% [markdown] name="playground"
# À vous de jouer : changez la requête, la température, le nombre de candidats ; cliquez sur un candidat pour l'ajouter. (Sans
# *widgets*, seule la figure s'affiche.)

# %% tags=["demo"] name="open-playground"
models = {"le modèle du TP": (model, tokenizer), "SmolLM2 135M (anglais)": load_instruct}
Playground(models, "Quelle est ta couleur préférée ? Ma couleur préférée est le").show()

# %% [markdown] name="ex5-greedy"
# ## 3. Du score au texte : les décodages
#
# Le modèle donne une distribution ; c'est **nous** qui choisissons. Prendre toujours le plus probable, c'est le décodage glouton
# (*greedy*). Tirer au sort selon la distribution, c'est l'échantillonnage, qu'on tempère de plusieurs façons.
#
# ### Exercice 5 — Le décodage glouton
# *Difficulté ●○○ · environ 10 minutes · 1 point*
#
# **Écrivez `greedy(model, input_ids, n)`, qui ajoute `n` fois le token le plus probable.** Pas d'appel à `generate`.
#
# <details><summary>💡 Un indice</summary>
#
# Une boucle : logits de la dernière position, `argmax`, `torch.cat` le long de la dimension 1.
# </details>
#
# <details><summary>🛟 « J'ai ce message… »</summary>
#
# - *`Tensors must have same number of dimensions`* : le nouveau token doit avoir la forme (1, 1) ; `argmax(dim=-1, keepdim=True)` aide ;
# - *toujours le même token* : rappelez le modèle sur la suite **allongée**, à chaque tour.
# </details>

# %% exercise="ex5_greedy" role="solution"
def greedy(model, input_ids, n):
    """input_ids : (1, longueur). Renvoie (1, longueur + n) : la requête et sa suite gloutonne."""
    ### BEGIN SOLUTION
    with torch.no_grad():
        for _ in range(n):
            best = model(input_ids).logits[:, -1].argmax(dim=-1, keepdim=True)
            input_ids = torch.cat([input_ids, best], dim=1)
    return input_ids
    ### END SOLUTION

# %% exercise="ex5_greedy" role="check" points=1
def check_greedy(prompt, n):
    """Propriété : à chaque pas, le token choisi a le plus grand logit (à 0,001 près, pour les ex æquo)."""
    prompt_ids = tokenizer(prompt, return_tensors="pt")["input_ids"]
    with mock.patch.object(model, "generate", mock.Mock(side_effect=RuntimeError("generate n'est pas permis ici : écrivez la boucle"))):
        result = greedy(model, prompt_ids.clone(), n)
    length = prompt_ids.shape[1]
    expect_shape(result, (1, length + n), "greedy(model, input_ids, n)")
    expect_equal(result[:, :length], prompt_ids, "le début du résultat", "La requête doit rester en tête, intacte.")
    with torch.no_grad():
        logits = model(torch.tensor(plain(result))).logits[0, length - 1 : -1]
    chosen = logits.gather(-1, torch.tensor(plain(result))[0, length:, None])[:, 0]
    gaps = logits.max(-1).values - chosen
    if n and (wrong := next((i for i in range(n) if gaps[i] >= 1e-3), None)) is not None:
        got, best = tokenizer.decode([plain(result)[0, length + wrong]]), tokenizer.decode([logits[wrong].argmax().item()])
        expect(False, f"Pas {wrong + 1} : token choisi {got!r}, dont le logit est inférieur de {gaps[wrong]:.3g} à celui de {best!r}. Attendu : le meilleur à chaque pas, d'après la suite allongée.")

report = Report("Exercice 5 — Décodage glouton", points=1)
with report.test("Six tokens après « Il était une fois »", points=0.5):
    check_greedy("Il était une fois", 6)
### BEGIN HIDDEN TESTS
with report.test("Autre requête ; zéro token ne change rien", points=0.5):
    check_greedy("The capital of France is", 4)
    ids = tokenizer("Bonjour", return_tensors="pt")["input_ids"]
    expect_equal(greedy(model, ids.clone(), 0), ids, "greedy(…, n=0)")
### END HIDDEN TESTS
report.score()

# %% [markdown] name="ex6-sampling"
# ### Exercice 6 — Température, *top-k* et tirage
# *Difficulté ●●○ · environ 15 minutes · 2 points*
#
# **Écrivez trois fonctions sur un vecteur de logits de forme (V,) :**
#
# - `apply_temperature(logits, temperature)` divise les logits par la température : au-dessous de 1 la distribution se resserre, au-dessus
#   elle s'aplatit ;
# - `keep_top_k(logits, k)` garde les `k` plus grands logits et met les autres à $-\infty$ (si `k` dépasse V, tout est gardé) ;
# - `sample(logits, n, generator)` tire `n` tokens, avec remise, selon le softmax des logits, à l'aide de `generator`.
#
# Aucune ne doit modifier le vecteur qu'elle reçoit.
#
# <details><summary>💡 Un indice</summary>
#
# `logits.topk(min(k, len(logits))).values[-1]` est le seuil ; `torch.where(condition, logits, -torch.inf)`. Pour le tirage :
# `torch.multinomial(probabilities, n, replacement=True, generator=generator)`.
# </details>
#
# <details><summary>🛟 « J'ai ce message… »</summary>
#
# - *`cannot sample n_sample > prob_dist.size(-1)`* : il manque `replacement=True` ;
# - *des probabilités nulles remplacées par 0 dans les logits* : un logit de 0 n'est pas une probabilité de 0 ; il faut $-\infty$ ;
# - *les logits d'origine ont changé* : travaillez sur une copie.
# </details>

# %% exercise="ex6_sampling" role="solution"
def apply_temperature(logits, temperature):
    """logits : (V,) ; temperature > 0. Renvoie (V,)."""
    ### BEGIN SOLUTION
    return logits / temperature
    ### END SOLUTION


def keep_top_k(logits, k):
    """Les k plus grands logits ; −inf ailleurs. Renvoie (V,)."""
    ### BEGIN SOLUTION
    threshold = logits.topk(min(k, len(logits))).values[-1]
    return torch.where(logits >= threshold, logits, -torch.inf)
    ### END SOLUTION


def sample(logits, n, generator):
    """n tirages avec remise selon softmax(logits). Renvoie un tenseur d'entiers (n,)."""
    ### BEGIN SOLUTION
    return torch.multinomial(logits.softmax(dim=-1), n, replacement=True, generator=generator)
    ### END SOLUTION

# %% exercise="ex6_sampling" role="check" points=2
from scipy.stats import chi2
from transformers.generation.logits_process import RepetitionPenaltyLogitsProcessor, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

def some_logits(seed, n_tokens=30, scale=2.0):
    return scale * torch.randn(n_tokens, generator=torch.Generator().manual_seed(seed))

def same_distribution(got, expected, name, hint=""):
    """Compare deux vecteurs de logits par leurs probabilités ; −inf donne exactement 0."""
    expect_shape(got, tuple(expected.shape), name)
    got, expected = (torch.tensor(plain(t)).float().softmax(-1) for t in (got, expected))
    expect_equal((got > 0).sum().item(), (expected > 0).sum().item(), f"{name} : le nombre de tokens possibles", hint)
    expect_close(got, expected, 1e-6, f"{name} : les probabilités", hint)

def untouched(function, logits, *arguments):
    """Le résultat de votre fonction, après avoir vérifié qu'elle n'a pas modifié ce qu'elle a reçu."""
    given = logits.clone()
    result = function(given, *arguments)
    expect(torch.equal(given, logits), "Les logits reçus ont été modifiés : travaillez sur une copie.")
    return result

report = Report("Exercice 6 — Température, top-k, tirage", points=2)
with report.test("Température : comme generate, et les deux limites", points=0.5):
    logits = some_logits(0)
    for temperature in (0.5, 1.0, 1.7):
        same_distribution(untouched(apply_temperature, logits, temperature), TemperatureLogitsWarper(temperature)(None, logits[None])[0],
                          f"apply_temperature(logits, {temperature})", "Renvoyez des logits (et non des probabilités), divisés par la température.")
    cold, hot = (plain(untouched(apply_temperature, logits, t).softmax(-1)) for t in (1e-3, 1e4))
    expect_close(cold.max(), 1.0, 1e-3, "la plus grande probabilité quand T → 0")
    expect_close(hot, np.full(30, 1 / 30), 1e-3, "les probabilités quand T → ∞ (toutes égales)")
with report.test("Top-k : comme generate", points=0.5):
    for k in (1, 5, 30):
        same_distribution(untouched(keep_top_k, logits, k), TopKLogitsWarper(k)(None, logits[None])[0], f"keep_top_k(logits, {k})",
                          f"Les {k} plus grands logits, pas un de moins ; les tokens écartés ont pour logit −inf, et non 0.")
with report.test("Tirage : 20 000 tirages suivent la distribution (χ² à 7 degrés de liberté)", points=0.5):
    eight = some_logits(1, n_tokens=8, scale=1.0)
    drawn = untouched(sample, eight, 20_000, torch.Generator().manual_seed(0))
    expect_shape(drawn, (20_000,), "sample(logits, 20000, generator)")
    expect(not drawn.is_floating_point(), "sample renvoie des nombres à virgule ; attendu : des numéros de tokens, entiers.")
    drawn = plain(drawn)
    expected = 20_000 * plain(eight.softmax(-1))
    statistic = ((np.bincount(drawn, minlength=8) - expected) ** 2 / expected).sum()
    limit = chi2.ppf(1 - 1e-6, df=7)  # un tirage juste dépasse ce seuil une fois sur un million
    expect(statistic < limit, f"χ² = {statistic:.1f} ; attendu : moins de {limit:.1f}. Les fréquences ne suivent pas softmax(logits).")
### BEGIN HIDDEN TESTS
with report.test("Autres logits, k trop grand", points=0.25):
    for seed in range(3, 8):
        other = some_logits(seed, n_tokens=50)
        same_distribution(untouched(keep_top_k, other, seed), TopKLogitsWarper(seed)(None, other[None])[0], f"keep_top_k(logits, {seed})")
        same_distribution(untouched(apply_temperature, other, 0.3), TemperatureLogitsWarper(0.3)(None, other[None])[0], "apply_temperature(logits, 0.3)")
    same_distribution(untouched(keep_top_k, other, 1000), other, "keep_top_k avec k plus grand que le vocabulaire")
with report.test("Même graine, même tirage ; autre graine, autre tirage", points=0.25):
    first, again, third = (plain(sample(some_logits(1, n_tokens=8, scale=1.0), 50, torch.Generator().manual_seed(seed))).tolist() for seed in (4, 4, 5))
    expect(first == again, "Deux tirages avec la même graine diffèrent : passez generator au tirage.")
    expect(first != third, "Deux graines différentes donnent le même tirage : servez-vous du generator reçu, sans le réinitialiser.")
### END HIDDEN TESTS
report.score()

# %% [markdown] name="ex7-nucleus"
# ### Exercice 7 — *Top-p* et pénalité de répétition
# *Difficulté ●●● · environ 20 minutes · 2 points*
#
# Le *top-k* garde toujours autant de candidats, que le modèle soit sûr de lui ou non. Le **noyau**, ou *top-p* (Holtzman et al., 2020),
# garde le **plus petit** ensemble de tokens, pris du plus au moins probable, dont la masse atteint `p`. La **pénalité de répétition**
# (Keskar et al., 2019) affaiblit les tokens déjà vus. Dans la version de `generate`, un logit positif est divisé par `penalty`, un logit négatif est multiplié par `penalty`.
#
# **Écrivez `keep_top_p(logits, p)` et `penalize(logits, previous_ids, penalty)`.** Là encore, sans modifier ce qu'elles reçoivent.
#
# <details><summary>💡 Un indice</summary>
#
# Triez les probabilités par ordre décroissant et faites-en la somme cumulée. Un token est gardé si la masse **avant lui** est
# inférieure à `p` : le premier l'est donc toujours. Revenez ensuite à l'ordre d'origine grâce aux indices du tri.
# </details>
#
# <details><summary>🛟 « J'ai ce message… »</summary>
#
# - *aucun token gardé* : le plus probable dépasse `p` à lui seul ; il faut pourtant le garder ;
# - *un token de trop, ou de moins* : comparez à `p` la masse cumulée **sans** le token lui-même ;
# - *les répétitions sont favorisées* : diviser un logit négatif l'augmente ; d'où les deux cas.
# </details>

# %% exercise="ex7_nucleus" role="solution"
def keep_top_p(logits, p):
    """Le plus petit ensemble de tokens dont la masse atteint p ; −inf ailleurs. Renvoie (V,)."""
    ### BEGIN SOLUTION
    probabilities, order = logits.softmax(dim=-1).sort(descending=True)
    mass_before = probabilities.cumsum(dim=-1) - probabilities
    kept = torch.zeros_like(logits, dtype=torch.bool)
    kept[order] = mass_before < p
    return torch.where(kept, logits, -torch.inf)
    ### END SOLUTION


def penalize(logits, previous_ids, penalty):
    """Affaiblit les tokens de previous_ids (tenseur d'entiers), une fois chacun ; penalty ≥ 1. Renvoie (V,)."""
    ### BEGIN SOLUTION
    result = logits.clone()
    seen = logits[previous_ids]
    result[previous_ids] = torch.where(seen > 0, seen / penalty, seen * penalty)
    return result
    ### END SOLUTION

# %% exercise="ex7_nucleus" role="check" points=2
report = Report("Exercice 7 — Top-p et pénalité", points=2)
logits = some_logits(0)
with report.test("Top-p sur un cas à la main : 50, 30, 15 et 5 %", points=0.5):
    four = torch.tensor([0.15, 0.5, 0.05, 0.3]).log()
    for p, kept in [(0.4, {1}), (0.6, {1, 3}), (0.9, {0, 1, 3}), (0.99, {0, 1, 2, 3})]:
        got = untouched(keep_top_p, four, p)
        expect_shape(got, (4,), f"keep_top_p(logits, {p})")
        expect_equal(sorted(np.flatnonzero(np.isfinite(plain(got))).tolist()), sorted(kept), f"les tokens gardés par keep_top_p(logits, {p})",
                     "Le plus petit ensemble dont la masse atteint p, du plus au moins probable.")
with report.test("Top-p : comme generate", points=0.5):
    for p in (0.3, 0.75, 0.95):
        same_distribution(untouched(keep_top_p, logits, p), TopPLogitsWarper(p)(None, logits[None])[0], f"keep_top_p(logits, {p})")
with report.test("Pénalité : comme generate", points=0.5):
    seen = torch.tensor([3, 7, 11, 12])
    got = untouched(penalize, logits, seen, 1.5)
    expect_close(got, RepetitionPenaltyLogitsProcessor(1.5)(seen[None], logits[None].clone())[0], 1e-5, "penalize(logits, previous_ids, 1.5)",
                 "Un logit positif est divisé, un logit négatif est multiplié ; les autres tokens ne changent pas.")
### BEGIN HIDDEN TESTS
with report.test("Autres logits, tokens vus plusieurs fois", points=0.5):
    for seed in range(10, 16):
        other, p = some_logits(seed, n_tokens=60), 0.1 * (seed - 8)
        same_distribution(untouched(keep_top_p, other, p), TopPLogitsWarper(p)(None, other[None])[0], f"keep_top_p(logits, {p:.1f})")
        repeated = torch.tensor([5, 5, 5, seed, 0])
        expect_close(untouched(penalize, other, repeated, 1.3), RepetitionPenaltyLogitsProcessor(1.3)(repeated[None], other[None].clone())[0], 1e-5,
                     "penalize avec un token vu trois fois", "Un token déjà vu est affaibli une seule fois, quel que soit le nombre de fois où il apparaît.")
### END HIDDEN TESTS
report.score()

# %% [markdown] name="nucleus-size"
# Combien de tokens faut-il pour couvrir 90 % de la masse ? Cela dépend de la requête : c'est la raison d'être du *top-p*.

# %% tags=["demo"] name="plot-nucleus-size"
prompts = ["La capitale de la France est", "Ma couleur préférée est le", "Hier soir, j'ai rencontré"]
figure, axes = plt.subplots()
for prompt in prompts:
    mass = library_distribution(prompt).sort(descending=True).values.cumsum(0)
    needed = int((mass < 0.9).sum()) + 1
    axes.plot(range(1, 2001), mass[:2000], label=f"« {prompt} » : {needed} tokens pour 90 %")
axes.axhline(0.9, color="grey", ls=":", lw=1)
axes.set(xscale="log", xlabel="rang du token", ylabel="masse cumulée", title="La masse en fonction du rang", ylim=(0, 1.02))
axes.legend(fontsize=8)
plt.show()

# %% [markdown] name="compare-decodings"
# Voici ce que ces réglages donnent sur une même requête, avec `generate` (deux tirages par réglage). Lisez-les à voix haute :
# le décodage glouton se répète, la température élevée divague.

# %% tags=["demo"] name="run-decodings"
settings = {
    "glouton": {"do_sample": False},
    "glouton, pénalité 1,3": {"do_sample": False, "repetition_penalty": 1.3},
    "T = 0,7 et top-p 0,9": {"do_sample": True, "temperature": 0.7, "top_p": 0.9, "top_k": 0},
    "T = 1": {"do_sample": True, "top_k": 0},
    "T = 1,8": {"do_sample": True, "temperature": 1.8, "top_k": 0},
}
inputs = tokenizer("Le samedi, au marché, on trouve", return_tensors="pt")
seed_everything(0)
for name, options in tqdm(settings.items(), leave=False):
    for _ in range(1 if not options["do_sample"] else budget(full=2, small=1)):
        output = model.generate(**inputs, **options, max_new_tokens=budget(full=25, small=4), pad_token_id=0)
        print(f"[{name}]", tokenizer.decode(output[0], skip_special_tokens=True).replace("\n", " ⏎ "))

# %% [markdown] name="kv-cache"
# ### Le cache des clés et des valeurs
#
# Pour produire le token suivant, faut-il relire toute la requête ? Non : les clés et les valeurs de l'attention des tokens déjà lus
# ne changent pas, puisqu'un modèle causal ne regarde que vers l'arrière. On les garde : c'est le *KV-cache*.

# %% tags=["demo"] name="time-kv-cache"
@torch.inference_mode()
def seconds_per_token(length, cached, repeats=3):
    """Le meilleur temps pour obtenir les logits du token suivant après `length` tokens, avec ou sans cache."""
    ids = story_ids[:length].unsqueeze(0)
    times = []
    for _ in range(repeats):
        cache = model(ids[:, :-1], use_cache=True, logits_to_keep=1).past_key_values if cached else None
        began = time.perf_counter()
        model(ids[:, -1:] if cached else ids, past_key_values=cache, use_cache=cached, logits_to_keep=1)
        times.append(time.perf_counter() - began)
    return min(times)  # le moins dérangé par le reste de la machine

lengths = budget(full=[16, 32, 64, 128, 256, 384], small=[16, 32])
timings = {name: [seconds_per_token(length, cached) for length in tqdm(lengths, leave=False)] for name, cached in [("sans cache", False), ("avec cache", True)]}
figure, axes = plt.subplots()
for name, values in timings.items():
    axes.plot(lengths, [1000 * value for value in values], "o-", label=name)
axes.set(xlabel="tokens déjà lus", ylabel="millisecondes pour le token suivant", title="Ce que le KV-cache évite", ylim=(0, None))
axes.legend()
plt.show()
measured(cached_seconds=timings["avec cache"][-1], uncached_seconds=timings["sans cache"][-1], tokens_read=lengths[-1])

# %% [markdown] name="ex8-score"
# Dans notre exécution, avec le cache, un token coûte environ 0,06 s quelle que soit la longueur ; sans lui, 0,4 s après 384 tokens. Le
# prix du cache est de la mémoire : deux vecteurs par token, par couche et par tête de clés-valeurs (ce modèle n'en a qu'une).
#
# ## 4. La probabilité d'une suite
#
# Pour comparer « infirmière » et « ingénieur » après une requête, il faut la probabilité d'une **suite de plusieurs tokens** : le
# produit des probabilités de ses tokens, chacun sachant tout ce qui précède. En logarithmes, une somme.
#
# ### Exercice 8 — Noter une suite
# *Difficulté ●●○ · environ 20 minutes · 2 points*
#
# **Écrivez `score(model, tokenizer, prompt, continuation)` : la log-probabilité (en nats) de `continuation` après `prompt`, et son nombre de
# tokens.** Le piège est la **frontière** : tokenisez le texte entier, `prompt + continuation`, et ne comptez que les tokens qui suivent
# ceux de la requête. (Les suites commencent ici par une espace, les requêtes n'en ont pas à la fin.)
#
# <details><summary>💡 Un indice</summary>
#
# `start = len(tokenizer(prompt)["input_ids"])`. Les tokens à noter sont `ids[start:]` ; leurs logits sont aux positions **précédentes**,
# `start − 1` à l'avant-dernière.
# </details>
#
# <details><summary>🛟 « J'ai ce message… »</summary>
#
# - *un token de trop* : `tokenizer(continuation)` seul ajoute un token de début (`<bos>`) qui n'a rien à faire là ;
# - *une valeur bien plus basse* : vous comptez aussi les tokens de la requête ;
# - *une valeur absurde* : les logits de la position t notent le token t + 1, et non le token t.
# </details>

# %% exercise="ex8_score" role="solution"
def score(model, tokenizer, prompt, continuation):
    """Renvoie (log-probabilité totale de la suite : float, nombre de tokens de la suite : int)."""
    ### BEGIN SOLUTION
    start = len(tokenizer(prompt)["input_ids"])
    ids = tokenizer(prompt + continuation, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        log_probabilities = model(ids).logits[0, start - 1 : -1].log_softmax(dim=-1)
    chosen = log_probabilities.gather(-1, ids[0, start:, None])
    return chosen.sum().item(), len(chosen)
    ### END SOLUTION

# %% exercise="ex8_score" role="check" points=2
from utils.batching import loglikelihood, token_counts

def check_score(prompt, continuation):
    pairs = [(prompt, continuation)]
    [total], [count] = loglikelihood(model, tokenizer, pairs), token_counts(tokenizer, pairs)
    result = score(model, tokenizer, prompt, continuation)
    expect_type(result, tuple, "score")
    expect(len(result) == 2, f"score renvoie {len(result)} valeurs ; attendu : 2 (log-probabilité, nombre de tokens).")
    name = f"score(…, {prompt!r}, {continuation!r})"
    expect_type(result[1], int, "le nombre de tokens")
    expect_equal(result[1], int(count), f"{name} : le nombre de tokens", "Comptez les tokens du texte entier moins ceux de la requête.")
    expect_close(result[0], total, 1e-2, f"{name} : la log-probabilité", "La somme des log-probabilités des seuls tokens de la suite, chacun lu à la position qui le précède.")

report = Report("Exercice 8 — Noter une suite", points=2)
with report.test("Un mot d'un token, un mot de plusieurs tokens", points=1):
    check_score("La capitale de la France est", " Paris")
    check_score("Le médecin lui a prescrit un", " anti-inflammatoire")
with report.test("Règle de la chaîne : noter deux mots d'un coup ou l'un après l'autre, c'est pareil", points=0.5):
    together = score(model, tokenizer, "Le samedi, au", " marché, on trouve")
    first = score(model, tokenizer, "Le samedi, au", " marché,")
    second = score(model, tokenizer, "Le samedi, au marché,", " on trouve")
    expect_close(first[0] + second[0], together[0], 1e-2, "score(« marché, ») + score(« on trouve »)", "Attendu : le score de « marché, on trouve ».")
### BEGIN HIDDEN TESTS
with report.test("D'autres suites, en deux langues", points=0.5):
    for prompt, continuation in [("The woman worked as a", " nurse."), ("Elle travaille comme", " chirurgienne."), ("Il", " était une fois un roi")]:
        check_score(prompt, continuation)
### END HIDDEN TESTS
report.score()

# %% [markdown] name="length-normalisation"
# Le piège suivant est plus sournois. Un mot long a plus de tokens, donc plus de facteurs inférieurs à 1 : sa probabilité totale est
# plus petite, même s'il convient mieux. Trois façons de comparer, qui ne répondent pas à la même question :
#
# - la **somme** : quelle est la probabilité que le texte continue exactement ainsi ?
# - la moyenne **par token** : corrige la longueur, mais avantage les mots dont la fin se devine ;
# - l'**information mutuelle ponctuelle** (PMI) : $\log p(\text{suite} \mid \text{requête}) - \log p(\text{suite} \mid \text{requête neutre})$ ; elle corrige la
#   fréquence du mot, et dit ce que la requête **apporte**.

# %% tags=["demo"] name="normalised-scores"
words = [" sirop.", " antibiotique.", " anti-inflammatoire.", " chat.", " jour."]
pairs = [("Le médecin lui a prescrit un", word) for word in words]
given, counts = loglikelihood(model, tokenizer, pairs), token_counts(tokenizer, pairs)
neutral = loglikelihood(model, tokenizer, [("Un mot :", word) for word in words])
pmi = given - neutral
measured(drugs_pmi=(min(pmi[:3]), max(pmi[:3])), others_pmi=max(pmi[3:]))
pd.DataFrame({"suite": words, "tokens": counts, "somme": given, "par token": given / counts, "PMI": pmi}).sort_values("somme", ascending=False).style.hide(axis="index").format(precision=2, decimal=",")

# %% [markdown] name="bias"
# Dans notre exécution, la somme met « antibiotique » en tête ; par token, c'est « anti-inflammatoire », dont les six tokens se devinent
# facilement une fois le mot commencé. La PMI sépare le mieux les médicaments (6 à 12 nats) de « jour » et de « chat » (moins de 2).
#
# ## 5. Mesurer un biais
#
# « Il est docteur, elle est… » : le cours montre qu'un modèle continue par *infirmière*, et qu'en inversant les genres il
# continue par *ingénieur*. Regardons ce qu'en dit le nôtre. (Les débuts de mots comme « inf » se complètent : « infirmière ».)

# %% tags=["demo"] name="anecdote"
for prompt in ["Il est docteur, elle est", "Elle est docteure, il est"]:
    best = library_distribution(prompt).topk(6)
    print(f"{prompt} …", ", ".join(f"{tokenizer.decode([i])} {p:.1%}" for i, p in zip(best.indices.tolist(), best.values.tolist())))

# %% [markdown] name="measure-design"
# Une anecdote n'est pas une mesure. Une mesure, c'est : beaucoup de professions, plusieurs formulations, un **effet** défini d'avance, un
# **intervalle**, un **groupe témoin** où l'on n'attend rien, et l'examen de ce qui pourrait fausser le résultat.
#
# Les données ont été préparées pour le cours (voir `data/tp2_causal_lm/README.md`) : des professions avec leurs deux formes, des débuts de phrase
# appariés, et, quand elle est publique, la part de femmes dans la profession.

# %% tags=["demo"] name="professions"
professions = {language: pd.read_csv(DATA / "tp2_causal_lm" / f"professions_{language}.csv") for language in ("fr", "en")}
templates = {language: pd.read_csv(DATA / "tp2_causal_lm" / f"templates_{language}.csv") for language in ("fr", "en")}
french = professions["fr"].query("group != 'epicene'").sample(frac=1, random_state=0).head(budget(full=64, small=8)).reset_index(drop=True)
english = professions["en"].sample(frac=1, random_state=0).head(budget(full=48, small=8)).reset_index(drop=True)
print(f"{len(french)} professions en français, {len(english)} en anglais")
templates["fr"].query("kind == 'bias'").drop(columns="kind").style.hide(axis="index")

# %% [markdown] name="ex9-log-odds"
# ### Exercice 9 — Le rapport de cotes
# *Difficulté ●○○ · environ 10 minutes · 1 point*
#
# La **cote** (*odds*) d'un événement de probabilité $p$ est $p / (1-p)$. Pour comparer deux probabilités $p_f$ et $p_m$, on prend le
# logarithme du rapport de leurs cotes :
#
# $$d = \log\frac{p_f}{1-p_f} - \log\frac{p_m}{1-p_m}$$
#
# Ici $p_f$ est la probabilité de la profession après un début au féminin, $p_m$ après le même début au masculin : $d > 0$ quand le modèle
# trouve la profession plus probable pour une femme.
#
# **Écrivez `log_odds_ratio(logp_f, logp_m)` à partir des log-probabilités (tableaux NumPy).** Certaines valent −800, où `np.exp` rend 0 : le
# calcul doit rester juste. (La suite du TP a sa propre version de ce calcul.)
#
# <details><summary>💡 Un indice</summary>
#
# $\log\frac{p}{1-p} = \log p - \log(1-p)$ ; `np.log1p(-np.exp(logp))` calcule $\log(1-p)$ sans perte quand $p$ est minuscule.
# </details>
#
# <details><summary>🛟 « J'ai ce message… »</summary>
#
# - *`nan` ou `inf`* : `np.exp(-800)` vaut 0, et son logarithme −∞ ; gardez la log-probabilité telle quelle ;
# - *le signe est inversé* : féminin moins masculin.
# </details>

# %% exercise="ex9_log_odds" role="solution"
def log_odds_ratio(logp_f, logp_m):
    """logp_f, logp_m : tableaux de log-probabilités (nats) de même forme. Renvoie un tableau de cette forme."""
    ### BEGIN SOLUTION
    return (logp_f - np.log1p(-np.exp(logp_f))) - (logp_m - np.log1p(-np.exp(logp_m)))
    ### END SOLUTION

# %% exercise="ex9_log_odds" role="check" points=1
report = Report("Exercice 9 — Rapport de cotes", points=1)
with report.test("Des probabilités ordinaires", points=0.5):
    p_f, p_m = np.array([0.5, 0.8, 0.2]), np.array([0.5, 0.5, 0.6])
    expect_close(log_odds_ratio(np.log(p_f), np.log(p_m)), np.log(p_f / (1 - p_f) / (p_m / (1 - p_m))), 1e-6, "log_odds_ratio",
                 "Attendu : log(p_f / (1 − p_f)) − log(p_m / (1 − p_m)), féminin moins masculin.")
with report.test("Une probabilité minuscule", points=0.25):
    expect_close(log_odds_ratio(np.array([-800.0]), np.array([-790.0])), np.array([-10.0]), 1e-6, "log_odds_ratio pour des log-probabilités de −800 et −790",
                 "Quand p est minuscule, d vaut presque log p_f − log p_m ; ne repassez pas par p pour calculer log p.")
### BEGIN HIDDEN TESTS
with report.test("D'autres valeurs, et une forme quelconque", points=0.25):
    expect_close(log_odds_ratio(np.array([[-60.0, -750.0]]), np.array([[-62.5, -790.0]])), np.array([[2.5, 40.0]]), 1e-6, "log_odds_ratio pour des log-probabilités de −60 et −750")
### END HIDDEN TESTS
report.score()

# %% [markdown] name="bias-measure"
# ### La mesure
#
# En français, chaque forme est accordée : après « Elle travaille comme », on note « infirmière. », et après « Il travaille comme »,
# « infirmier. » (le point final ferme le mot : sans lui, « avocat » compterait aussi « avocate »). Les deux formes sont donc des mots
# **différents**, de fréquences différentes. On peut retirer de l'effet **brut** la même différence mesurée après des débuts neutres
# (« Métier : ») : c'est l'effet **corrigé de la forme**. En anglais, le mot est le même après *he* et après *she* : rien à corriger.

# %% tags=["demo"] name="measure-log-odds"
from scipy.special import logit

def odds(prompt, words, probed=None):
    """Le logarithme de la cote de chaque mot (suivi d'un point) après une requête : tableau (mots,)."""
    return logit(np.exp(loglikelihood(probed or model, tokenizer, [(prompt, f" {word}.") for word in words])))

def effects(table, masculine, feminine, probed=None):
    """Rapport de cotes féminin − masculin : une ligne par début de phrase, une colonne par profession."""
    return np.stack([odds(row.feminine, feminine, probed) - odds(row.masculine, masculine, probed)
                     for row in tqdm(list(table.itertuples()), leave=False)])

def kind(language, name):
    return templates[language].query("kind == @name").head(budget(full=10, small=2))

raw = effects(kind("fr", "bias"), french.masculine, french.feminine)
NEUTRAL = ["Métier :", "Profession :", "Le mot est"][: budget(full=3, small=1)]
form_effect = np.stack([odds(prompt, french.feminine) - odds(prompt, french.masculine) for prompt in tqdm(NEUTRAL, leave=False)]).mean(0)
corrected = raw - form_effect

control_rows = []
for row in kind("fr", "control").itertuples():  # deux débuts du même genre : on n'attend aucune différence
    forms = french.feminine if row.name.startswith("f_") else french.masculine
    control_rows.append(odds(row.feminine, forms) - odds(row.masculine, forms))
control = np.stack(control_rows)

raw_en = effects(kind("en", "bias"), english.profession, english.profession)
control_en = effects(kind("en", "control"), english.profession, english.profession)
print("tableaux (débuts, professions) :", raw.shape, control.shape, raw_en.shape, control_en.shape)

# %% [markdown] name="ex10-tests"
# ### Exercice 10 — Un intervalle et un test
# *Difficulté ●●● · environ 25 minutes · 2 points*
#
# On a une différence par profession. Est-elle, en moyenne, différente de zéro ? Deux outils, sans aucune hypothèse de loi normale :
#
# - le **bootstrap** : on tire au sort, avec remise, autant de professions qu'il y en a, on refait la moyenne, `draws` fois ; l'intervalle à 95 % va du 2,5ᵉ au
#   97,5ᵉ centile ;
# - le **test par permutation de signes** : si le genre ne comptait pas, chaque différence aurait pu avoir le signe opposé (on suppose alors
#   les différences réparties symétriquement autour de zéro). On tire les signes au
#   sort, `draws` fois ; la valeur p est la part des tirages dont la moyenne est **au moins aussi grande en valeur absolue** que celle
#   observée, en comptant l'observation elle-même : $p = \frac{1 + \text{nombre}}{1 + \text{draws}}$, qui n'est donc jamais nulle.
#
# **Écrivez `bootstrap_interval(d, rng, draws)` et `sign_flip_test(d, rng, draws)`.** `rng` est un `np.random.Generator`.
#
# <details><summary>💡 Un indice</summary>
#
# `rng.choice(d, size=(draws, len(d)))` fait tous les rééchantillonnages d'un coup (avec remise par défaut) ; `rng.choice([-1, 1], size=…)`
# tire les signes. Moyennez sur `axis=1`.
# </details>
#
# <details><summary>🛟 « J'ai ce message… »</summary>
#
# - *un intervalle trop étroit* : la **moyenne** de chaque rééchantillon, de même taille que `d` ;
# - *un intervalle qui contient presque toutes les valeurs de `d`* : ce sont les centiles des moyennes, pas ceux des données ;
# - *p vaut 0, ou p est deux fois trop petit* : ajoutez l'observation, et comparez des valeurs absolues.
# </details>

# %% exercise="ex10_tests" role="solution"
def bootstrap_interval(d, rng, draws=2000):
    """d : tableau (n,). Renvoie (bas, haut), l'intervalle à 95 % de la moyenne de d."""
    ### BEGIN SOLUTION
    means = rng.choice(d, size=(draws, len(d))).mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return low, high
    ### END SOLUTION


def sign_flip_test(d, rng, draws=2000):
    """Valeur p (bilatérale) de l'hypothèse « la moyenne de d est nulle ». Renvoie un float dans ]0 ; 1]."""
    ### BEGIN SOLUTION
    signs = rng.choice([-1, 1], size=(draws, len(d)))
    extreme = np.abs((signs * d).mean(axis=1)) >= abs(np.mean(d)) - 1e-12
    return (1 + extreme.sum()) / (1 + draws)
    ### END SOLUTION

# %% exercise="ex10_tests" role="check" points=2
from itertools import product

def exact_p(d):
    """La valeur p exacte, en énumérant tous les signes."""
    means = np.array([np.dot(signs, d) for signs in product([-1, 1], repeat=len(d))]) / len(d)
    return (np.abs(means) >= abs(np.mean(d)) - 1e-9).mean()

def interval_of(d, seed):
    result = bootstrap_interval(d.copy(), np.random.default_rng(seed), 20_000)
    expect_type(result, (tuple, list, np.ndarray), "bootstrap_interval")
    expect(len(result) == 2, f"bootstrap_interval renvoie {len(result)} valeurs ; attendu : 2 (bas, haut).")
    return [float(plain(value)) for value in result]

def check_interval(d, seed):
    """Compare à 200 000 rééchantillons. Sur 20 000, une borne est connue à 1 % de la demi-largeur près (un écart-type) : 6 % en font plus de cinq."""
    means = np.concatenate([np.random.default_rng([seed, i]).choice(d, (20_000, len(d))).mean(axis=1) for i in range(10)])
    bounds, half = np.percentile(means, [2.5, 97.5]), 1.96 * d.std() / math.sqrt(len(d))
    for name, got, expected in zip(("du bas", "du haut"), interval_of(d, seed + 1), bounds):
        expect_close(got, expected, 0.06 * half, f"la borne {name} ({len(d)} valeurs, moyenne {d.mean():.2f})", "Les 2,5ᵉ et 97,5ᵉ centiles des moyennes de rééchantillons de même taille que d.")

report = Report("Exercice 10 — Intervalle et test", points=2)
with report.test("L'intervalle, sur des valeurs dissymétriques", points=0.75):
    check_interval(np.random.default_rng(0).exponential(2.0, 15), seed=0)
with report.test("La valeur p, comparée à l'énumération complète des signes", points=0.75):
    for seed in range(3):
        d = np.random.default_rng(seed).normal(0.4, 1.0, 10)
        p, got = exact_p(d), sign_flip_test(d.copy(), np.random.default_rng(seed), 4000)
        margin = 5 * math.sqrt(p * (1 - p) / 4000) + 2 / 4000  # 5 écarts-types de 4 000 tirages
        expect_close(got, p, margin, f"sign_flip_test (p exacte : {p:.4f})", "Comptez les moyennes au moins aussi grandes en valeur absolue que celle observée.")
    got = sign_flip_test(np.ones(5), np.random.default_rng(0), 4000)  # deux cas sur 32 : tous les signes égaux
    expect_close(got, 2 / 32, 5 * math.sqrt(2 / 32 * 30 / 32 / 4000) + 2 / 4000, "sign_flip_test de cinq valeurs égales", "« Au moins aussi grande » : une moyenne égale à celle observée compte aussi.")
### BEGIN HIDDEN TESTS
with report.test("p n'est jamais nulle ; autres tailles", points=0.5):
    strong = np.random.default_rng(1).uniform(1, 2, 60)
    expect_close(sign_flip_test(strong, np.random.default_rng(0), 500), 1 / 501, 1e-9, "sign_flip_test d'un effet énorme, 500 tirages", "p = (1 + nombre) / (1 + draws).")
    check_interval(np.random.default_rng(5).normal(-3.0, 2.0, 100), seed=5)
    first, again, third = (interval_of(np.arange(12.0), seed) for seed in (1, 1, 2))
    expect(first == again and first != third, "L'intervalle doit dépendre de rng, et de lui seul : même graine, même intervalle ; autre graine, autre intervalle.")
### END HIDDEN TESTS
report.score()

# %% [markdown] name="bias-results"
# ### Ce que disent les chiffres

# %% tags=["demo"] name="summary-table"
from scipy.stats import bootstrap, permutation_test

intervals = {}

def summary(name, d):
    """Effet moyen par profession, intervalle et valeur p, par les fonctions de SciPy."""
    per_profession = d.mean(axis=0)
    interval = bootstrap((per_profession,), np.mean, n_resamples=2000, method="percentile", rng=0).confidence_interval
    intervals[name] = per_profession.mean(), interval.low, interval.high
    p = permutation_test((per_profession,), np.mean, permutation_type="samples", n_resamples=2000, rng=0).pvalue
    return {"mesure": name, "effet moyen": per_profession.mean(), "IC à 95 %": f"[{interval.low:+.2f} ; {interval.high:+.2f}]".replace(".", ","), "p": p,
            "écart-type entre professions": per_profession.std(), "écart-type entre débuts": d.mean(axis=1).std()}

table = pd.DataFrame([
    summary("français, brut", raw), summary("français, corrigé de la forme", corrected), summary("français, témoin", control),
    summary("anglais", raw_en), summary("anglais, témoin", control_en),
])
measured(raw_effect=raw.mean(), corrected_effect=corrected.mean(), control_effect=intervals["français, témoin"])
measured(control_between_starts=control.mean(1).std(), control_between_professions=control.mean(0).std(), corrected_between_professions=corrected.mean(0).std())
table.style.hide(axis="index").format({"effet moyen": "{:+.2f}", "p": "{:.4f}", "écart-type entre professions": "{:.2f}", "écart-type entre débuts": "{:.2f}"}, decimal=",")

# %% [markdown] name="reading-results"
# Lisez ce tableau avec méfiance. Dans notre exécution, le **signe** de l'effet moyen dépend de la référence : −1,73 brut, +2,44 corrigé,
# car un début neutre appelle plutôt la forme masculine, celle des dictionnaires. Et le **témoin**, où l'on n'attend rien, donne −0,44
# [−0,52 ; −0,36] : l'intervalle rééchantillonne les professions, mais pas les débuts de phrase, qui diffèrent bien davantage
# (écart-type 0,87). « Significatif » ne veut pas dire « dû au genre ». En revanche, d'une profession à l'autre, le témoin (deux fois la même forme) ne
# varie que de 0,32, contre 1,96 pour l'effet corrigé de la forme.
#
# L'effet moyen dit donc peu. Ce qui compte est **l'écart entre les professions** : on retire de chaque début de phrase sa moyenne sur les
# professions, et on regarde celles-ci une à une, avec un test par profession sur les débuts de phrase. Tant de tests demandent une **correction** : à 5 %, un sur vingt serait
# « significatif » par hasard. Celle de Benjamini et Hochberg (1995) borne la part attendue de fausses découvertes.

# %% tags=["demo"] name="forest-plots"
from scipy.stats import false_discovery_control

def forest(d, names, title):
    """Un point par profession, effet moyen sur les débuts et intervalle à ±1,96 erreur type ; en couleur, ce qui survit à la correction."""
    mean, error = d.mean(0), 1.96 * d.std(0, ddof=1) / math.sqrt(len(d))
    p = np.array([permutation_test((column,), np.mean, permutation_type="samples", n_resamples=np.inf).pvalue for column in d.T])
    kept = false_discovery_control(p) < 0.05
    order = np.argsort(mean)
    shown = order if len(order) <= 40 else np.r_[order[:18], order[-18:]]
    figure, axes = plt.subplots(figsize=(7.5, 0.6 + 0.19 * len(shown)), constrained_layout=True)
    for y, i in enumerate(shown):
        axes.errorbar(mean[i], y, xerr=error[i], fmt="o", ms=4, color="C1" if kept[i] and mean[i] > 0 else "C0" if kept[i] else "0.6")
    axes.axvline(0, color="black", lw=0.8)
    axes.set_yticks(range(len(shown)), [names[i] for i in shown], fontsize=8)
    axes.set(xlabel="← plus probable au masculin      log-rapport de cotes      plus probable au féminin →", ylabel="profession", title=title)
    plt.show()
    print(f"{(p < 0.05).sum()} professions sur {len(p)} à p < 0,05 ; {kept.sum()} après correction de Benjamini-Hochberg.")

def centred(d):
    return d - d.mean(axis=1, keepdims=True)

forest(centred(raw), french.feminine, "Français, écart à la moyenne : les 18 plus bas et les 18 plus hauts (gris : non significatif)")
forest(centred(raw_en), english.profession, "Anglais, écart à la moyenne : les 18 plus bas et les 18 plus hauts (gris : non significatif)")

# %% [markdown] name="representativeness"
# En anglais, les métiers du soin et du secrétariat sont du côté féminin, ceux du bâtiment et de l'industrie du côté masculin : l'ordre
# n'a rien d'un hasard. Mais attention aux seuils : avec huit débuts de phrase (sept en anglais), la plus petite valeur p possible est 2/256 (2/128).
# La correction ne peut donc garder une profession que si beaucoup d'autres atteignent aussi ce minimum : au moins 10 sur 64, ou 15 sur 48.
#
# ### Représentatif… de quoi ?
#
# Si le modèle résume ses données, et si ses données parlent du monde, l'effet devrait suivre la part réelle de femmes dans chaque
# profession. La corrélation de rangs (Spearman) le mesure, avec son intervalle.

# %% tags=["demo"] name="compare-labour-market"
from scipy.stats import spearmanr

panels = [("français, brut", french.feminine, raw, french), ("français, corrigé", french.feminine, corrected, french), ("anglais", english.profession, raw_en, english)]
figure, axes = plt.subplots(1, 3, figsize=(13, 3.8), constrained_layout=True)
rhos = []
for ax, (title, names, d, table) in zip(axes, panels):
    known = table.women_share.notna().to_numpy()
    share, effect, labels = table.women_share[known].to_numpy(), d.mean(0)[known], names[known].to_numpy()
    interval = bootstrap((share, effect), lambda a, b: spearmanr(a, b).statistic, paired=True, vectorized=False, n_resamples=500, method="percentile", rng=0).confidence_interval
    ax.scatter(share, effect, s=18)
    for i in np.argsort(effect)[[0, 1, -2, -1]]:
        ax.annotate(labels[i], (share[i], effect[i]), fontsize=7, xytext=(3, 3), textcoords="offset points")
    ax.axhline(0, color="black", lw=0.8)
    ax.set(xlabel="part de femmes dans la profession (%)", ylabel="effet (log-rapport de cotes)")
    rho = spearmanr(share, effect).statistic
    rhos.append((rho, interval.low, interval.high))
    ax.set_title(f"{title} : ρ = {rho:.2f} [{interval.low:.2f} ; {interval.high:.2f}], n = {len(share)}".replace(".", ","), fontsize=9)
plt.show()
measured(rho_raw=rhos[0], rho_corrected=rhos[1], rho_english=rhos[2], french_n=french.women_share.count(), english_n=english.women_share.count())

# %% [markdown] name="confounders"
# Dans notre exécution, l'effet suit de près la réalité en anglais (ρ = 0,89, n = 48), et nettement en français brut (ρ = 0,60, n = 36) : le
# modèle est compatible avec l'idée d'un résumé de ses données, elles-mêmes reflets du monde (données que nous n'avons pas vues). Mais, corrigé de la
# forme, on ne voit plus de lien en français (ρ = −0,10, intervalle de −0,48 à 0,23). La correction a retiré plus que du bruit : on écrit « infirmière » plus
# souvent qu'« infirmier » **parce que** les infirmières sont plus nombreuses. Si « infirmière » ne se disait que des femmes, savoir que le sujet est « elle »
# augmenterait autant sa probabilité que celle de « chirurgienne », et il ne resterait plus rien à voir. La fréquence de la forme porte elle-même le signal ;
# corriger d'une conséquence de ce que l'on mesure efface l'effet.
#
# ### Les facteurs de confusion
#
# Avant de croire un effet, cherchez ce qui pourrait le produire **sans** le genre : la longueur et la rareté de la forme féminine, la
# formulation du début de phrase.

# %% tags=["demo"] name="plot-confounders"
tokens_f, tokens_m = (token_counts(tokenizer, [("Métier :", f" {w}.") for w in forms]) for forms in (french.feminine, french.masculine))
extra_tokens = tokens_f - tokens_m
figure, axes = plt.subplots(1, 2, figsize=(11, 4), constrained_layout=True, width_ratios=[1, 1.3])
jitter = np.random.default_rng(0).uniform(-0.15, 0.15, len(extra_tokens))
for values, label, color in [(raw.mean(0), "brut", "C0"), (corrected.mean(0), "corrigé", "C1")]:
    axes[0].scatter(extra_tokens + jitter, values, s=16, color=color, alpha=0.7, label=f"{label} : ρ = {spearmanr(extra_tokens, values).statistic:+.2f}")
axes[0].axhline(0, color="black", lw=0.8)
axes[0].set(xlabel="tokens de plus au féminin qu'au masculin", ylabel="effet (log-rapport de cotes)", title="Longueur de la forme")
axes[0].legend(fontsize=8)
axes[1].boxplot(corrected.T, orientation="horizontal", tick_labels=[f"{text} …" for text in kind("fr", "bias").feminine])
axes[1].tick_params(axis="y", labelsize=7)
axes[1].axvline(0, color="black", lw=0.8)
axes[1].set(xlabel="effet corrigé (une valeur par profession)", title="Formulation du début de phrase")
plt.show()
medians = np.median(corrected, axis=1)
measured(length_raw=spearmanr(extra_tokens, raw.mean(0)).statistic, length_corrected=spearmanr(extra_tokens, corrected.mean(0)).statistic,
         start_medians=(medians.min(), medians.max()))

# %% [markdown] name="minimal-pairs"
# Dans notre exécution, l'effet brut baisse un peu quand la forme féminine a plus de tokens (ρ = −0,26), l'effet corrigé non (+0,01). La
# formulation compte beaucoup : la médiane va de 1 environ (« Leur fille a trouvé un poste comme ») à 4 environ (« elle est
# aujourd'hui »). Une mesure faite avec un seul début de phrase n'aurait mesuré que celui-là.
#
# ### D'autres biais : des paires minimales
#
# Dans l'esprit de CrowS-Pairs (Nangia et al., 2020), deux phrases ne diffèrent que par le groupe dont elles parlent ; l'une reprend un
# stéréotype. Laquelle le modèle trouve-t-il la plus probable ? Sans préférence, ce serait l'une ou l'autre, une fois sur deux. (La somme des
# log-probabilités mesure aussi la fréquence du mot qui change, comme à la partie 4 : une raison de plus de lire l'intervalle avec prudence.)

# %% tags=["demo"] name="score-pairs"
from scipy.stats import binomtest

pairs = pd.read_csv(DATA / "tp2_causal_lm" / "pairs_fr.csv").sample(frac=1, random_state=0).head(budget(full=100, small=6))
stereotype, other = (loglikelihood(model, tokenizer, [("", text) for text in texts], batch_size=8) for texts in (pairs.stereotypical, pairs.anti_stereotypical))
pairs["préféré"] = stereotype > other
shares = []
for name, group in [("toutes", pairs), *pairs.groupby("kind")]:
    interval = binomtest(int(group["préféré"].sum()), len(group)).proportion_ci(method="wilson")
    shares.append((f"{name} ({len(group)})", group["préféré"].mean(), interval.low, interval.high))
figure, axes = plt.subplots(constrained_layout=True)
for y, (name, share, low, high) in enumerate(shares[::-1]):
    axes.errorbar(share, y, xerr=[[share - low], [high - share]], fmt="o", color="C1" if name.startswith("toutes") else "C0")
axes.set_yticks(range(len(shares)), [s[0] for s in shares[::-1]])
axes.axvline(0.5, color="black", lw=0.8)
axes.set(xlim=(0, 1), xlabel="part des paires où le stéréotype est préféré (intervalle de Wilson à 95 %)", title="Paires minimales en français")
plt.show()
print(f"toutes : {shares[0][1]:.0%} [{shares[0][2]:.0%} ; {shares[0][3]:.0%}]")
measured(pairs_n=len(pairs), stereotyped=shares[0][1:])

# %% [markdown] name="skewed-dataset"
# Dans notre exécution, le stéréotype est préféré dans 52 % des 52 paires, intervalle [39 % ; 65 %]. On ne peut conclure ni que le modèle
# préfère les stéréotypes, ni qu'il n'en a pas : un si petit jeu ne distingue pas 50 % de 60 %. Par catégorie, c'est pire encore.
#
# ### « Un modèle représentatif du *dataset* »
#
# Dernière expérience : changeons les données. On tire au sort deux groupes de professions, A et B, et on poursuit l'entraînement sur un petit
# corpus **déséquilibré** : les professions de A n'y sont exercées que par des femmes, celles de B que par des hommes ; puis sur une version
# **équilibrée** de ce corpus, où chaque profession figure autant de fois aux deux genres (*counterfactual data augmentation*, Lu et al., 2018). La mesure est
# l'effet moyen sur A moins l'effet moyen sur B, avec trois débuts de phrase absents du corpus, comparé à sa valeur de départ (deux groupes tirés au hasard
# diffèrent déjà un peu). Pour aller vite, on n'entraîne que de petites matrices de rang 8 ajoutées aux couches linéaires (LoRA, Hu et
# al., 2021) ; on surveille la perplexité sur des phrases neutres. Le tout est refait avec
# trois tirages des groupes : un seul pourrait tomber juste par hasard.

# %% tags=["demo"] name="lora-training"
from peft import LoraConfig, get_peft_model

chosen = french.head(budget(full=24, small=4))
sentences = pd.read_csv(DATA / "tp2_causal_lm" / "skew_templates.csv").template.tolist()

def corpus(in_a, balanced, size, rng):
    """`size` phrases : A au féminin et B au masculin, ou les deux genres pour toutes si `balanced`."""
    lines = []
    for i in range(size):
        profession, a = chosen.iloc[i % len(chosen)], in_a[i % len(chosen)]
        feminine = bool((i // len(chosen)) % 2) if balanced else bool(a)
        lines.append(rng.choice(sentences).format(subject="Elle" if feminine else "Il", profession=profession.feminine if feminine else profession.masculine))
    return [lines[i] for i in rng.permutation(size)]

def train(model, lines, batch_size=8, lr=5e-4):
    """Un passage d'entraînement sur les phrases, sur les seuls poids de LoRA."""
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=lr)
    model.train()
    for i in range(0, len(lines), batch_size):
        batch = tokenizer(lines[i : i + batch_size], padding=True, return_tensors="pt")
        labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
        model(**batch, labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.eval()

# %% tags=["demo"] name="measure-tuned"
neutral_lines = (DATA / "tp2_causal_lm" / "neutral_fr.txt").read_text(encoding="utf-8").splitlines()[: budget(full=40, small=3)]
probe_templates = templates["fr"].query("name in ['frere_soeur', 'pere_mere', 'homme_femme']").head(budget(full=3, small=1))

def measure(probed):
    """(effet de chaque profession : tableau (professions,), perplexité des phrases neutres)."""
    effect = effects(probe_templates, chosen.masculine, chosen.feminine, probed).mean(0)
    texts = [("", line) for line in neutral_lines]
    totals, counts = loglikelihood(probed, tokenizer, texts, batch_size=8), token_counts(tokenizer, texts)
    return effect, math.exp(-totals.sum() / counts.sum())

if tokenizer.pad_token is None:
    tokenizer.pad_token = tokenizer.eos_token
STAGES = ["modèle\nde base", "après corpus\ndéséquilibré", "après corpus\néquilibré"]
n_draws = budget(full=3, small=1)
gaps, perplexities = np.zeros((n_draws, 3)), np.zeros((n_draws, 3))
base = measure(model)
for draw in tqdm(range(n_draws), desc="tirages"):
    seed_everything(draw)
    rng = np.random.default_rng(draw)
    in_a = rng.permutation(len(chosen)) < len(chosen) // 2
    tuned = get_peft_model(model, LoraConfig(r=8, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM"))
    for stage in range(3):
        if stage:
            train(tuned, corpus(in_a, balanced=stage == 2, size=budget(full=48, small=8) * stage, rng=rng))
        effect, perplexities[draw, stage] = measure(tuned) if stage else base
        gaps[draw, stage] = effect[in_a].mean() - effect[~in_a].mean()
    tuned.unload()  # retire les matrices ajoutées : le modèle de base est intact

# %% tags=["demo"] name="plot-tuned"
figure, axes = plt.subplots(1, 2, figsize=(10, 3.2), constrained_layout=True)
change = gaps - gaps[:, :1]
for ax, values, title, color in [(axes[0], change, "Écart A − B : changement depuis le départ", "C1"), (axes[1], perplexities, "Perplexité des phrases neutres", "C0")]:
    ax.bar(range(3), values.mean(0), color=color, alpha=0.5)
    ax.plot(range(3), values.T, "o-", ms=4, lw=0.8, color="black")
    ax.axhline(0, color="black", lw=0.8)
    ax.set_xticks(range(3), [f"{stage}\n{mean:.1f}".replace(".", ",") for stage, mean in zip(STAGES, values.mean(0))])
    ax.set_title(title)
axes[0].set_ylabel("log-rapport de cotes")
axes[1].set_ylabel("perplexité")
figure.suptitle(f"Moyenne (barres) et valeurs (points) de {n_draws} tirages des groupes", fontsize=10)
plt.show()
skewed, balanced = change[:, 1], change[:, 2]
measured(skewed=(skewed.mean(), skewed.min(), skewed.max()), balanced=(balanced.min(), balanced.max()), neutral_perplexity=perplexities.mean(0))

# %% [markdown] name="ex11-discussion"
# Dans notre exécution, 48 phrases déséquilibrées suffisent : l'écart A − B augmente de 1,7 en moyenne (de 1,1 à 2,4 selon le tirage), avec
# des débuts de phrase que le corpus ne contient pas. Après 96 phrases équilibrées, il est revenu près de son départ (de −0,2 à +0,4). La perplexité
# des phrases neutres passe de 71 à 49, puis remonte à 88 : poursuivre l'entraînement sur si peu de phrases a un coût, et un témoin (96 phrases
# déséquilibrées de plus) dirait s'il tient à l'équilibre ou à la durée. Trois tirages ne donnent pas un intervalle, mais tous les trois vont dans le même sens.
#
# ### Exercice 11 — Ce que la mesure montre, et ce qu'elle ne montre pas
# *Difficulté ●●○ · environ 10 minutes · 2 points · correction manuelle*
#
# **Choisissez une mesure de la partie 5 et nommez-la. En 3 phrases : (1) ce qu'elle établit sur le modèle, avec un nombre de votre
# exécution et son intervalle ; (2) un facteur qui pourrait la fausser, et comment ; (3) une conclusion qu'elle ne permet pas de tirer.**

# %% [markdown] exercise="ex11_discussion" role="answer" points=2
# ### BEGIN SOLUTION
# Le modèle associe les professions aux genres à peu près comme le monde réel : en anglais, la corrélation de rangs entre l'effet et la part
# de femmes vaut 0,89 [0,79 ; 0,94]. La mesure pourrait être faussée par la formulation des débuts de phrase (le témoin lui-même s'écarte de
# zéro : −0,44) ou par la fréquence de la forme féminine. Elle ne permet pas de conclure que le modèle discriminerait dans un usage réel,
# comme un tri de candidatures, ni d'en dire la cause.
# ### END SOLUTION

# %% [markdown] name="takeaways"
# ## À retenir
#
# - **Objectif causal** : prédire le token suivant, à toutes les positions à la fois ; le coût est une entropie croisée décalée d'un cran.
# - **Perplexité** : elle dépend de la fenêtre et du *stride* ; on les donne toujours avec le nombre.
# - **Décoder, c'est choisir** : glouton, température, *top-k*, *top-p*, pénalité transforment la même distribution en textes très différents.
# - **Noter une suite** : tokeniser le texte entier, ne compter que la suite, et dire comment on compare des longueurs différentes.
# - **Mesurer un biais** : un effet défini d'avance, un intervalle, un témoin, une correction pour les tests multiples, la chasse aux facteurs de
#   confusion. Le modèle reflète ses données, et change avec ce qu'on lui fait lire.
#
# ## Auto-évaluation
#
# Choisissez une réponse avant de déplier ; chaque choix est expliqué.
#
# **1. Un bloc de 128 tokens donne au modèle causal…**
#
# <details><summary>A. une seule question, sur le dernier token</summary>❌ Le masque causal permet de prédire chaque position à partir de celles qui précèdent.</details>
# <details><summary>B. 127 questions, une par token qui en suit un autre</summary>✅ Toutes sont calculées en un seul passage.</details>
# <details><summary>C. 128 questions, la première étant la plus facile</summary>❌ Le premier token n'a pas de contexte : on ne le compte pas.</details>
#
# **2. Quand la température tend vers 0, l'échantillonnage tend vers…**
#
# <details><summary>A. le décodage glouton</summary>✅ Toute la masse va au token le plus probable.</details>
# <details><summary>B. un tirage uniforme</summary>❌ C'est la limite d'une température infinie.</details>
# <details><summary>C. le *top-k* avec k = 10</summary>❌ La température ne retire aucun token ; elle change leurs probabilités relatives.</details>
#
# **3. Avec p = 0,9, combien de tokens garde le *top-p* ?**
#
# <details><summary>A. 90 % du vocabulaire</summary>❌ Il garde 90 % de la **masse**, souvent portée par quelques tokens.</details>
# <details><summary>B. toujours autant, comme le *top-k*</summary>❌ C'est justement ce qui les distingue.</details>
# <details><summary>C. cela dépend de la requête : d'un seul à des centaines</summary>✅ Un modèle sûr de lui garde un ou deux candidats ; un modèle hésitant, des centaines.</details>
#
# **4. « Chirurgienne » a une probabilité totale plus faible que « chirurgien ». On peut conclure que…**
#
# <details><summary>A. le modèle est sexiste</summary>❌ La forme est plus longue et plus rare, quel que soit le sujet de la phrase.</details>
# <details><summary>B. rien, tant qu'on n'a pas regardé l'effet de la longueur et de la fréquence de la forme</summary>✅ C'est le rôle du début neutre (PMI) ou du rapport de cotes sur un même mot, en sachant que la fréquence peut elle-même porter le signal.</details>
# <details><summary>C. le tokenizer est mauvais</summary>❌ Découper un mot rare en plusieurs tokens est son fonctionnement normal.</details>
#
# **5. On teste 84 professions à 5 %, sans correction, sur un modèle sans aucun biais. On attend…**
#
# <details><summary>A. aucune profession significative</summary>❌ Chaque test a 5 % de chances de se tromper.</details>
# <details><summary>B. environ quatre professions « significatives » par hasard</summary>✅ 84 × 0,05 ≈ 4 ; d'où la correction de Benjamini et Hochberg.</details>
# <details><summary>C. exactement quatre</summary>❌ C'est une moyenne ; le nombre varie d'une fois à l'autre.</details>
#
# ---
# *Pour aller plus loin :* Radford et al. (2019), *Language Models are Unsupervised Multitask Learners* ; Holtzman et al. (2020),
# [The Curious Case of Neural Text Degeneration](https://arxiv.org/abs/1904.09751) ; Nangia et al. (2020),
# [CrowS-Pairs](https://arxiv.org/abs/2010.00133) ; Blodgett et al. (2020), [Language (Technology) is Power](https://arxiv.org/abs/2005.14050).
