# Answers to exercise 10.

# %% [right] four examples of the development set
def my_prompt():
    examples = "".join(f"Message : {message}\nService : {label}\n\n" for message, label in GOLF_DEV[:4])
    return examples + "Message : {message}\nService :"

# %% [right] eight examples of one's own, the labels alternating
def my_prompt():
    return """Message : Comment m'inscrire en master ?
Service : inscription

Message : Je cherche un studio près du campus.
Service : logement

Message : À quelle heure commence l'épreuve de maths ?
Service : examen

Message : Jusqu'à quelle heure puis-je emprunter un livre ?
Service : bibliothèque

Message : Mon dossier d'inscription est-il complet ?
Service : inscription

Message : Le chauffage de ma chambre est en panne.
Service : logement

Message : Où consulter ma note du partiel ?
Service : examen

Message : La salle de lecture est-elle ouverte samedi ?
Service : bibliothèque

Message : {message}
Service :"""

# %% [wrong] points=1.0 message="60 messages jamais vus : .* attendu : au moins 62" a plain instruction, without an example
def my_prompt():
    return "Classe ce message.\n{message}\n"

# %% [wrong] points=0.0 message="figure 0 fois" the message is left out
def my_prompt():
    return "Service :"

# %% [wrong] points=0.0 message="finit par une espace" a space at the end
def my_prompt():
    return "Message : {message}\nService : "

# %% [wrong] points=0.0 message="2 000 au plus" a prompt that is too long
def my_prompt():
    return "".join(f"Message : {message}\nService : {label}\n\n" for message, label in GOLF_TEST + GOLF_DEV) + "Message : {message}\nService :"
