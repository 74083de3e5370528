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
# # TP 0 — Petit quiz : tout le cours en seize questions
#
# Avant le cours, ce quiz vous dit ce que vous savez déjà ; après, ce que vous en avez retenu. Il se joue en deux temps : seize questions
# **pour s'entraîner**, dont chaque choix est expliqué dès que vous cliquez, puis seize affirmations **notées**, qui demandent les
# mêmes idées autrement.
#
# **À la fin de ce TP, vous saurez :**
#
# 1. situer les réseaux récurrents, l'attention et le Transformer les uns par rapport aux autres ;
# 2. distinguer l'objectif masqué de l'objectif causal, et dire ce que mesure une perplexité ;
# 3. expliquer ce qu'apportent le prompt, l'alignement, la recherche de documents et la quantification, et ce qu'ils n'apportent pas.
#
# | Durée | Points | Matériel | Temps de calcul |
# |---|---|---|---|
# | environ {{duration}} | {{points}} | un ordinateur portable suffit, sans réseau une fois le cours installé | {{computing}} |
#
# {{handin}}

# %% name="setup"
# {{setup}}

# %% name="imports"
from utils.checks import Report, ToDo, expect, expect_type, plain
from utils.quiz import show

# %% [markdown] name="practice-recurrence"
# ## 1. S'entraîner
#
# Cliquez sur un choix : il se colore, et son explication s'affiche. Rien n'est enregistré ni noté : essayez aussi les choix que vous
# croyez faux, leurs explications valent la lecture. Les questions à fond brun ont plusieurs bonnes réponses, à cliquer l'une
# après l'autre. Rien ne s'affiche ? Exécutez la cellule, et acceptez de faire confiance au notebook (*Trust*) si Jupyter le demande.
#
# ### A. Du réseau récurrent au Transformer

# %% tags=["demo"] name="show-a"
show("A")

# %% [markdown] name="practice-objectives"
# ### B. Deux objectifs, et le transfert

# %% tags=["demo"] name="show-b"
show("B")

# %% [markdown] name="practice-prompting"
# ### C. Du *fine-tuning* au prompt, et ce que disent les données

# %% tags=["demo"] name="show-c"
show("C")

# %% [markdown] name="practice-alignment"
# ### D. Aligner, documenter, faire tenir

# %% tags=["demo"] name="show-d"
show("D")

# %% [markdown] name="ex1-quiz"
# ## 2. Le quiz noté
#
# Voici seize affirmations, quatre par partie. Chacune met en situation l'idée de la question du même numéro : A1 répond à A1.
#
# **A. Du réseau récurrent au Transformer**
#
# - **A1.** Dans un texte de 500 mots, le gradient qui relie le dernier mot au premier traverse près de 500 étapes dans un RNN simple,
#   et une seule dans une couche d'attention.
# - **A2.** Avant 2017, aucun traducteur neuronal ne savait donner plus de poids à certains mots de la phrase source.
# - **A3.** Si l'on ôtait d'un Transformer toutes ses couches d'attention, il n'y resterait aucun paramètre à apprendre.
# - **A4.** Pendant l'entraînement d'un Transformer de traduction, changer le dernier mot de la traduction donnée au décodeur ne change
#   pas ce qu'il calcule à la première position.
#
# **B. Deux objectifs, et le transfert**
#
# - **B1.** « Le [MASK] dort sur le [MASK] » : deux tokens sont cachés sur six, et le coût de cette phrase est la moyenne de six termes.
# - **B2.** En un seul passage, un bloc de 512 tokens pose 511 questions à un modèle causal.
# - **B3.** À chaque token, un modèle hésite entre 8 suites également probables : sa perplexité vaut 3, puisque 2³ = 8.
# - **B4.** On peut classer des avis avec BERT en laissant son encodeur tel quel, et en n'apprenant que quelques milliers de paramètres.
#
# **C. Du *fine-tuning* au prompt, et ce que disent les données**
#
# - **C1.** On met cinq phrases traduites dans la requête d'un modèle : ses poids sont les mêmes avant et après sa réponse.
# - **C2.** Pour que T5 donne une note de ressemblance entre deux phrases (3,8 sur 5), il faut lui ajouter une couche de régression.
# - **C3.** Une page recopiée mille fois dans le corpus compte autant, à l'entraînement, qu'une page qui n'y figure qu'une fois.
# - **C4.** Dans le corpus, « infirmière » suit « elle est » bien plus souvent que « infirmier » ne suit « il est » : le modèle entraîné
#   dessus gardera sans doute cet écart.
#
# **D. Aligner, documenter, faire tenir**
#
# - **D1.** Dans la dernière étape du RLHF, chaque texte que le modèle produit est noté par une personne avant la mise à jour des poids.
# - **D2.** Un modèle aligné peut répondre avec assurance à une question absurde, parce que les réponses assurées ont été mieux notées
#   que les aveux d'ignorance.
# - **D3.** Un document est paru ce matin : l'ajouter à l'index d'un RAG d'aujourd'hui suffit pour que le modèle puisse s'appuyer dessus.
# - **D4.** Passer les poids d'un modèle de 16 à 4 bits divise par deux la mémoire qu'ils occupent.
#
# ### Exercice 1 — Vrai ou faux ?
# *Difficulté ●●○ · environ 15 minutes · 8 points*
#
# **Remplacez chaque `None` du dictionnaire `reponses` par `True` (l'affirmation est vraie) ou `False` (elle est fausse).** Laissez `None`
# si vous ne savez pas.
#
# Le barème décourage de répondre au hasard. Dans chaque partie, une réponse juste rapporte un demi-point, une fausse en retire autant, un
# `None` ne change rien ; une partie ne descend jamais sous zéro. La vérification ci-dessous relit la forme de vos réponses ; elles ne
# sont corrigées qu'une fois le notebook rendu.
#
# <details><summary>💡 Un indice</summary>
#
# Reprenez la question du même numéro, et lisez l'explication de **tous** ses choix : elle donne de quoi trancher.
# </details>
#
# <details><summary>🛟 « J'ai ce message… »</summary>
#
# - *`name 'true' is not defined`* : en Python, `True` et `False` prennent une majuscule ;
# - *`invalid syntax`* : chaque ligne du dictionnaire finit par une virgule ;
# - *`name 'mes_reponses' is not defined`*, sous la vérification : la cellule des réponses s'est arrêtée sur une erreur, affichée en rouge ;
#   corrigez-la, exécutez cette cellule, puis la vérification ;
# - *« ni True, ni False, ni None »* : écrivez `True`, sans guillemets.
# </details>

# %% exercise="ex1_quiz" role="solution"
reponses = {
    # Du réseau récurrent au Transformer
    "A1": None,
    "A2": None,
    "A3": None,
    "A4": None,
    # Deux objectifs, et le transfert
    "B1": None,
    "B2": None,
    "B3": None,
    "B4": None,
    # Du fine-tuning au prompt
    "C1": None,
    "C2": None,
    "C3": None,
    "C4": None,
    # Aligner, documenter, faire tenir
    "D1": None,
    "D2": None,
    "D3": None,
    "D4": None,
}


def mes_reponses():
    """Ce que lit la correction. N'écrivez rien ici : vos réponses vont dans le dictionnaire, au-dessus."""
    if any(reponse is not None for reponse in reponses.values()):
        return reponses
    # Le dictionnaire est vide : l'exercice n'est pas encore traité. Là non plus, il n'y a rien à écrire ni à retirer.
    ### BEGIN SOLUTION
    return {
        **{"A1": True, "A2": False, "A3": False, "A4": True},  # un pas de retour par mot ; Bahdanau ; denses ; masque
        **{"B1": False, "B2": True, "B3": False, "B4": True},  # deux termes ; k - 1 ; elle vaut 8 ; une sonde
        **{"C1": True, "C2": False, "C3": False, "C4": True},  # en contexte ; du texte ; mille fois ; le corpus
        **{"D1": False, "D2": True, "D3": True, "D4": False},  # la récompense note ; à tout prix ; l'index ; quatre
    }
    ### END SOLUTION

# %% exercise="ex1_quiz" role="check" points=8
answers = {f"{part}{number}": None for part in "ABCD" for number in (1, 2, 3, 4)}
advice = "Remplacez au moins un None par True ou False dans « reponses », exécutez la cellule, puis celle-ci.\nNe touchez pas à « mes_reponses »."
report = Report("Exercice 1 — Vrai ou faux ?", points=8, advice=advice)
with report.test("Vos réponses sont lisibles", points=0):
    given = plain(mes_reponses(), "reponses")
    expect_type(given, dict, "reponses")
    answers |= {name: value for name, value in given.items() if name in answers and type(value) is bool}
    unknown = [str(name) for name in given if name not in answers]
    unreadable = [f"{name} vaut {value!r}" for name, value in given.items() if name in answers and type(value) is not bool and value is not None]
    expect(not unknown, f"Ces noms ne sont pas ceux d'affirmations : {', '.join(unknown)} ; attendu : A1 à D4.")
    expect(not unreadable, f"Ni True, ni False, ni None : {', '.join(unreadable)}.")
blank = [name for name, value in answers.items() if value is None]
if report.attempted:
    print(f"Réponses données : {len(answers) - len(blank)} sur {len(answers)}." + (f" Sans réponse : {', '.join(blank)}." if blank else ""))
### BEGIN HIDDEN TESTS
TRUE_ONES = {"A1", "A4", "B2", "B4", "C1", "C4", "D2", "D3"}
REASONS = {
    "A1": "dans un RNN, l'information passe d'un mot au suivant ; l'attention relie deux mots en un pas.",
    "A2": "l'attention est née en traduction dès 2014 (Bahdanau et al.), avec des RNN ; le Transformer date de 2017.",
    "A3": "il resterait les plongements des tokens et, dans chaque bloc, les couches denses.",
    "A4": "le masque du décodeur cache à chaque position celles qui la suivent.",
    "B1": "le coût est une moyenne sur les seuls tokens cachés, ici deux termes.",
    "B2": "chaque token, sauf le premier, est à prédire d'après ceux qui le précèdent.",
    "B3": "la perplexité est le nombre de choix équiprobables, 8 ; 3 est l'entropie, en bits.",
    "B4": "une sonde linéaire n'apprend qu'une matrice, de la taille d'un vecteur par le nombre de classes, et un biais.",
    "C1": "des exemples dans la requête guident la réponse ; aucun poids ne change.",
    "C2": "T5 écrit la note comme du texte, « 3.8 », sans couche de plus.",
    "C3": "elle compte mille fois ; c'est une des raisons de dédoublonner un corpus.",
    "C4": "un modèle rend les fréquences de son corpus, biais compris.",
    "D1": "c'est le modèle de récompense qui note, appris sur des préférences de personnes.",
    "D2": "il apprend ce qui est bien noté, qui n'est pas toujours ce qui est vrai.",
    "D3": "ce que la recherche trouve est mis dans la requête : rien n'est à réentraîner.",
    "D4": "par quatre : 16 bits font quatre fois 4 bits.",
}
for name, value in answers.items():
    with report.test(f"Affirmation {name}", points=0):
        mes_reponses()
        truth = name in TRUE_ONES
        expect(value == truth, f"{'Sans réponse' if value is None else 'Répondu : ' + str(value)}. C'est {'vrai' if truth else 'faux'} : {REASONS[name]}")
for part in "ABCD":
    values = {name: value for name, value in answers.items() if name.startswith(part)}
    right = sum(value == (name in TRUE_ONES) for name, value in values.items() if value is not None)
    wrong = sum(value != (name in TRUE_ONES) for name, value in values.items() if value is not None)
    for lead in (1, 2, 3, 4):
        with report.test(f"Partie {part}, demi-point n° {lead}", points=0.5):
            mes_reponses()  # sans aucune réponse, « pas encore traité » ici aussi
            expect(right - wrong >= lead, f"Partie {part} — réponses justes : {right} ; fausses : {wrong} ; laissées à None : {4 - right - wrong}.")
### END HIDDEN TESTS
report.score()

# %% [markdown] name="takeaways"
# ## À retenir
#
# - **Du RNN au Transformer** : l'attention, née en traduction, relie deux mots en un pas ; le Transformer se passe de récurrence.
# - **Trois familles** : encodeur (BERT), décodeur (GPT), les deux (T5). Un encodeur lit dans les deux sens, un décodeur de gauche à droite.
# - **Deux objectifs** : retrouver des tokens masqués, ou prédire le suivant. L'un et l'autre tirent leurs étiquettes du texte.
# - **Du *fine-tuning* au prompt** : d'une tête par tâche à une tâche décrite en mots. Le modèle reflète son corpus, biais compris.
# - **L'alignement** change les manières d'un modèle ; le **RAG** et les **outils** lui donnent des sources. Aucun ne dispense de vérifier.
#
# ---
# *Pour aller plus loin :* Bahdanau et al. (2014), [l'attention en traduction](https://arxiv.org/abs/1409.0473) ; Vaswani et al. (2017),
# [Attention is all you need](https://arxiv.org/abs/1706.03762) ; Raffel et al. (2019), [T5](https://arxiv.org/abs/1910.10683) ;
# Ouyang et al. (2022), [RLHF](https://arxiv.org/abs/2203.02155) ; Lewis et al. (2020), [RAG](https://arxiv.org/abs/2005.11401).
