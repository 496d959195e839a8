"""Descriptions of classes that come after the training, by numbers or words."""

import dataclasses
import os
from collections.abc import Sequence

import numpy as np

from gmn_tf.data.label_map import LabelMap
from gmn_tf.descriptions import class_lists, encoder_table
from gmn_tf.descriptions.describe import describe_alike
from gmn_tf.descriptions.word_forms import readable
from gmn_tf.utils.errors import InputError, listed
from gmn_tf.utils.texts import Names, folded, renamed
from gmn_tf_datasets.zero_shot.custom import class_tables, classes
from gmn_tf_datasets.zero_shot.custom.class_tables import Descriptions

Places = str | os.PathLike | Sequence[str | os.PathLike] | None


def read(
    path: str | os.PathLike,
    known: LabelMap,
    encoder: Places = None,
    quiet: bool = True,
) -> Descriptions:
    """The classes of a file, described as those of a run.

    Parts of the embedding that were made from words are made from the names
    and texts of the file, unless it has their numbers too. The other parts
    have to be there in numbers.

    Args:
        path: a table like classes.csv, perhaps with an embeddings.npy beside
            it; or names alone, for words; see `class_lists.read`.
        known: the label map of the run.
        encoder: where the encoder of the words is now; default: where it was.
            If there were several, each that was moved; see `_moved`.
        quiet: whether to show no progress.

    Raises:
        InputError: for a file that cannot be right, or an encoder that is not
            there.
    """
    plain = [part for part in known.scalings if part.encoder is None]
    if len(plain) == len(known.scalings):
        names = [part.name for part in plain]
        return known.in_order(
            classes.read_new(path, known.columns, names, known.embedding_dim)
        )
    found = class_lists.read(path)
    if _has_numbers(found.columns, known):
        words = [*{class_lists.NAME, class_lists.TEXT} - {*known.columns}]
        numbers = class_tables.read_new(path, known.columns, words)
        return known.in_order(numbers)
    notes, numbers = (), np.empty((len(found.names), 0), np.float32)
    if plain:
        if not found.columns:
            raise InputError(
                f"{path} has only words, and the run has numbers of its "
                "classes as well.",
                f"the numbers of {listed(part.name for part in plain)}",
                "no column of numbers",
                "Describe the new classes as those of the training, or train "
                "with the words alone, as in --embedding="
                f"{_words(known)[0].name}.",
            )
        rest = dataclasses.replace(known, scalings=tuple(plain))
        read = class_tables.read_new(
            path, rest.columns, (class_lists.NAME, class_lists.TEXT)
        )
        notes, numbers = read.notes, rest.in_order(read).values
    elif found.columns:
        notes = found.notes
    values, more = _joined(
        known, numbers, found.shown, found.texts, encoder, quiet
    )
    notes = (*notes, *more, *_notes_on_known(found.shown, known))
    return Descriptions(found.names, values, known.columns, notes)


def check(path: str | os.PathLike, known: LabelMap) -> None:
    """Raises InputError for classes that cannot be added to a run.

    This is all that shows before words are encoded, which may take long.

    Args:
        path: as for `read`.
        known: the label map of the run.
    """
    if any(part.encoder is not None for part in known.scalings):
        names = class_lists.read(path).names
    else:
        found = read(path, known)
        names = found.names
        known.scaled(found.values, names)
    run_has = Names(known.names)
    taken = [name for name in names if run_has.find(name) is not None]
    if taken:
        raise InputError(
            f"{len(taken)} class{'es' if len(taken) > 1 else ''} of {path} "
            f"{'are' if len(taken) > 1 else 'is'} in the run already: "
            f"{listed(taken)}.",
            "classes that the run does not have",
            f"{len(names) - len(taken)} such classes of {len(names)}",
            "Keep only new classes in the file.",
        )


def from_words(
    known: LabelMap,
    names: Sequence[str],
    texts: Sequence[str] = (),
    encoder: Places = None,
) -> np.ndarray:
    """New classes described by words alone, `[n, da]`.

        values = from_words(predictor.classes, ["Cedar Waxwing"])
        predictor = predictor.with_classes(["Cedar Waxwing"], values)

    Args:
        known: the label map of a run.
        names: of `n` classes.
        texts: about each, perhaps empty; none for no text.
        encoder: as for `read`.

    Raises:
        InputError: for a run whose classes are described by other numbers, or
            an encoder or words that cannot be used.
    """
    others = [part.name for part in known.scalings if part.encoder is None]
    if others or not known.scalings:
        raise InputError(
            "The classes of this run are not described by words alone.",
            "a run whose descriptions bin/describe made",
            f"numbers of another origin: {listed(others)}",
            "Add classes by such numbers, or train with words alone.",
        )
    nothing = np.empty((len(names), 0), np.float32)
    return _joined(known, nothing, names, texts, encoder, True)[0]


def _notes_on_known(names: Sequence[str], known: LabelMap) -> list[str]:
    """Sentences on new classes that the run may have, in another spelling."""
    spelt = {folded(readable(name)): name for name in known.names}
    return [
        f"{name} reads like {spelt[form]}, a class of the run: the two "
        "share its answers."
        for name in names
        if (form := folded(readable(name))) in spelt
    ]


def _has_numbers(columns: Sequence[str], known: LabelMap) -> bool:
    """Whether a table has the numbers of all parts of the embedding."""
    if not known.columns:
        return len(columns) == known.embedding_dim
    return {*known.columns} <= {*renamed(columns, known.columns)}


def _words(known: LabelMap) -> list:
    return [part for part in known.scalings if part.encoder is not None]


def _moved(records: Sequence[dict], given: Places) -> dict:
    """Where encoders are now, by their `_identity`, of those that are given.

    The only encoder of its kind is found under any name, and several of one
    kind under the names that they had, those of their files or folders.

    Raises:
        InputError: for a place that is none of these.
    """
    if isinstance(given, str | os.PathLike):
        given = [given]
    known = {_identity(record): record for record in records}
    moved = {}
    for place in given or ():
        kind = encoder_table.kind_of(place)
        fitting = [one for one in known if one[0] == kind] or [*known]
        if len(fitting) > 1:
            name = encoder_table.name_of(place)
            fitting = [one for one in known if known[one].get("source") == name]
        if not fitting:
            names = [record.get("source") for record in known.values()]
            raise InputError(
                f"--encoder={place} has the name of no encoder of the run.",
                f"{' or '.join(map(str, names))}, as it was called when the "
                "classes of the run were described",
                name,
                "Correct the path, or give the file or folder that name again.",
            )
        moved |= dict.fromkeys(fitting, place)
    return moved


def _identity(record: dict) -> tuple:
    """What tells an encoder from others: its kind and its content."""
    return record["encoder"], record.get("sha256")


def _joined(known, numbers, names, texts, encoder, quiet):
    """Parts from words and parts of `numbers` in order, `[n, da]`; notes."""
    parts, notes = [], []
    moved = _moved([part.encoder for part in _words(known)], encoder)
    for part in known.scalings:
        if part.encoder is None:
            parts.append(numbers[:, : part.dim])
            numbers = numbers[:, part.dim :]
            continue
        place = moved.get(_identity(part.encoder))
        found = describe_alike(names, part.encoder, texts, place, quiet=quiet)
        parts.append(found.values)
        notes += map(str, found.notes)
        if not all(note.is_short for note in found.notes):
            notes.append(
                "bin/describe writes all of these, class by class, into a "
                "table."
            )
    return np.concatenate(parts, axis=1), tuple(dict.fromkeys(notes))
