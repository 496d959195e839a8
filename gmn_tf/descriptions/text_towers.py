"""Descriptions as the embeddings of sentences by a model of KerasHub.

CLIP, SigLIP and their kin have two towers, of images and of texts, whose
embeddings can be compared. A description is the embedding of a sentence about
the class at length 1; of several templates, their mean at length 1.
"""

import hashlib
import os
from importlib import metadata

import numpy as np

from gmn_tf.descriptions.encoder_table import (
    NAME,
    TEXT,
    Description,
    Note,
    Options,
    Words,
)
from gmn_tf.utils import hub_presets
from gmn_tf.utils.errors import InputError, counted, first_line
from gmn_tf.utils.progress import progress

TEMPLATES = (f"a photo of a {NAME}. {TEXT}",)
_FLAG = "encoder"
_BATCH = 64  # sentences at once


def check(source: str | os.PathLike) -> None:
    """Raises InputError for a preset that cannot be opened."""
    hub_presets.check(source, _FLAG, hub_presets.TOKENIZER)


def encode(
    source: str | os.PathLike, words: Words, options: Options, quiet: bool
) -> Description:
    """Descriptions of classes from a preset with a text tower.

    Args:
        source: the preset, `hub:NAME` or a folder.
        words: about the classes.
        options: none is read.
        quiet: whether to show no progress.

    Raises:
        InputError: for a preset that cannot be opened, or without such a tower.
    """
    # It takes seconds to import TensorFlow.
    from gmn_tf.images import backbones

    model = hub_presets.load(source, _FLAG, "models.Backbone")
    if not hasattr(model, "get_text_embeddings"):
        raise InputError(
            f"{hub_presets.name_of(source)} has no text tower.",
            "a model of images and texts, such as CLIP, SigLIP or MetaCLIP",
            type(model).__name__,
            "Choose another preset with --encoder.",
        )
    preprocessor = hub_presets.load(
        source,
        _FLAG,
        "models.CausalLMPreprocessor",
        # That of SigLIP would ask for an image with every text.
        image_converter=None,
    )
    total, long = 0.0, {}
    count = len(words.sentences) * len(words.names)
    with progress("Sentences", count, quiet, "sentence", False) as advance:
        for sentences in words.sentences:
            values, is_long = _embeddings(
                model, preprocessor, sentences, advance
            )
            total = total + _unit(values)
            labelled = zip(words.labels, is_long)
            long |= {label: None for label, cut in labelled if cut}
    vocabulary = "\n".join(preprocessor.tokenizer.get_vocabulary())
    weights = backbones.checksum(model)
    digest = hashlib.sha256(f"{weights}\n{vocabulary}".encode())
    values = _unit(total).astype(np.float32)
    record = {
        "source": hub_presets.name_of(source),
        "path": os.fspath(hub_presets.folder_of(source) or source),
        "sha256": digest.hexdigest(),
        # Features of the image tower of the same model have this, too.
        "model_sha256": weights,
        "keras_hub": metadata.version("keras-hub"),
    }
    return Description(
        values, record, _notes(long, preprocessor.sequence_length)
    )


def _embeddings(model, preprocessor, sentences, advance):
    """Embeddings `[n, da]`, and whether each sentence was cut off, `[n]`."""
    values, is_long = [], []
    for start in range(0, len(sentences), _BATCH):
        some = sentences[start : start + _BATCH]
        try:
            read = preprocessor({"images": None, "prompts": some})
            tokens = np.asarray(read["token_ids"])
            values.append(np.asarray(model.get_text_embeddings(tokens)))
        except Exception as error:  # parts that do not fit fail in many ways
            raise InputError(
                f"The text tower of {type(model).__name__} cannot read texts.",
                "a preset whose tokenizer and network belong together",
                first_line(error),
                "Save the whole preset again, with its preprocessor.",
            ) from error
        is_long += np.asarray(read["padding_mask"]).all(axis=1).tolist()
        advance(len(some))
    return np.concatenate(values).astype(np.float64), is_long


def _unit(values: np.ndarray) -> np.ndarray:
    """Rows at length 1; a row of zeros stays."""
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    return values / np.where(lengths > 0.0, lengths, 1.0)


def _notes(long: dict, most: int) -> tuple[Note, ...]:
    if not long:
        return ()
    sentences = counted(len(long), "class has", "classes have")
    return (
        Note(
            f"{sentences} a sentence of {most} tokens or more, of which the "
            "model reads no more",
            "has a sentence that is cut off",
            tuple((label, ()) for label in long),
        ),
    )
