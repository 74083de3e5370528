"""What happened to a hand-in besides its marks: notes as data, in the ledger, and their sentences."""

from dataclasses import dataclass, field
from enum import StrEnum

from utils.language import N_, _


class NoteKind(StrEnum):
    """What a note is about; those of a run are named as its `Status`."""

    LINK_IGNORED = "link_ignored"
    ARCHIVE_READ = "archive_read"
    ONE_OF_SEVERAL = "one_of_several"
    RENAMED = "renamed"
    LOCKED_EDITED = "locked_edited"
    EARLIER_RELEASE = "earlier_release"
    REORDERED = "reordered"
    COPIES = "copies"
    MISSING = "missing"
    MARKS_LOST = "marks_lost"
    HALF_CHARACTERS = "half_characters"
    LEFT_OUT = "left_out"
    SEVERAL_WORKED = "several_worked"
    TYPE_CHANGED = "type_changed"
    MERGED = "merged"
    ANSWER_BESIDE = "answer_beside"
    TIMEOUT = "timeout"
    DIED = "died"
    FLOOD = "flood"
    MEMORY = "memory"
    DISK = "disk"
    PROCESSES = "processes"
    ALTERED = "altered"


TO_CHECK = {NoteKind.ALTERED, NoteKind.SEVERAL_WORKED}  # asks for a person's eye
SENTENCES = {
    NoteKind.LINK_IGNORED: N_("Le lien « {name} » a été ignoré."),
    NoteKind.ARCHIVE_READ: N_("Les fichiers ont été lus dans l'archive « {name} »."),
    NoteKind.ONE_OF_SEVERAL: N_("Plusieurs notebooks : {name} a été corrigé, pas {others}."),
    NoteKind.RENAMED: N_("Le notebook s'appelait « {name} » et non {expected}."),
    NoteKind.LOCKED_EDITED: N_("Des cellules verrouillées avaient été modifiées : {exercises}."),
    NoteKind.EARLIER_RELEASE: N_(
        "Le TP a été corrigé depuis cette copie : sa version d'aujourd'hui a servi à la noter ({exercises})."
    ),
    NoteKind.REORDERED: N_("Des cellules avaient changé de place : l'ordre du TP a été rétabli."),
    NoteKind.COPIES: N_("Cellules en double : {count} ; la dernière de chacune compte."),
    NoteKind.MISSING: N_("Des cellules manquaient et ont été remises : {exercises}."),
    NoteKind.MARKS_LOST: N_("Les repères du TP avaient été perdus (par un autre éditeur ?) : ils ont été rétablis."),
    NoteKind.HALF_CHARACTERS: N_("Des caractères incomplets (un émoji coupé ?) ont été remplacés par « ? »."),
    NoteKind.LEFT_OUT: N_("Le fichier « {name} » n'a pas pu être repris."),
    NoteKind.SEVERAL_WORKED: N_(
        "À vérifier : plusieurs notebooks contiennent du travail ; {name} a été corrigé, pas {others}."
    ),
    NoteKind.TYPE_CHANGED: N_("Des cellules avaient changé de type (code ou texte) et l'ont retrouvé : {exercises}."),
    NoteKind.MERGED: N_("Des cellules avaient été réunies avec une autre : {exercises}."),
    NoteKind.ANSWER_BESIDE: N_("Une réponse a été lue dans la cellule qui suit la sienne : {exercises}."),
    NoteKind.TIMEOUT: N_("L'exécution a dépassé le temps permis."),
    NoteKind.DIED: N_(
        "Le noyau Python s'est arrêté pendant l'exécution : les cellules suivantes n'ont pas été exécutées."
    ),
    NoteKind.FLOOD: N_("Le notebook a trop affiché : son exécution a été arrêtée."),
    NoteKind.MEMORY: N_("Le notebook a demandé trop de mémoire : son exécution a été arrêtée."),
    NoteKind.DISK: N_("Le notebook a écrit trop de fichiers : son exécution a été arrêtée."),
    NoteKind.PROCESSES: N_("Le notebook a lancé trop de processus : son exécution a été arrêtée."),
    NoteKind.ALTERED: N_("À vérifier : le notebook modifie les outils de la correction ({exercise})."),
}


@dataclass(frozen=True)
class Note:
    """One note; `str(note)` is its sentence, in the language of the moment.

    `values`: what the sentence names, plain (texts, numbers, lists).
    """

    kind: NoteKind
    values: dict = field(default_factory=dict)

    def __str__(self) -> str:
        told = {name: ", ".join(v) if isinstance(v, list) else v for name, v in self.values.items()}
        return _(SENTENCES[self.kind]).format(**told)


def note(kind: NoteKind, **values) -> Note:
    return Note(kind, values)
