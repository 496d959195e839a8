"""Describing classes by their names and texts, first and later alike."""

import os
from collections.abc import Sequence

import numpy as np

from gmn_tf.descriptions import encoder_table
from gmn_tf.descriptions.encoder_table import Description, Note, Options
from gmn_tf.utils.errors import InputError, check_same, counted, listed

# What has to be the same for two descriptions to be comparable.
_SAME = ("encoder", "sha256", "dim")


def describe(
    names: Sequence[str],
    encoder: str | os.PathLike,
    texts: Sequence[str] = (),
    options: Options = Options(),  # noqa: B008 - is not changed
    *,
    quiet: bool = True,
    labels: Sequence[str] = (),
) -> Description:
    """Describes classes in numbers, by what they are called.

        describe(["Cedar Waxwing"], "glove.6B.300d.txt").values

    Args:
        names: of `n` classes, as people write them or as folders are called:
            `001.Black_footed_Albatross`.
        encoder: a file of word vectors, `hub:PRESET`, or a preset's folder.
        texts: a free text about each class, perhaps empty; none for no text.
        options: templates, and how much rare words count.
        quiet: whether to show no progress.
        labels: what notes and errors call the classes; default: their names.

    Raises:
        InputError: for an encoder that cannot be used, or classes of which no
            word is known.
    """
    texts = list(texts) or [""] * len(names)
    if isinstance(names, str) or not names or len(texts) != len(names):
        raise InputError(
            "Names and texts of classes do not fit.",
            "a list of one or more names, and a text for each or none",
            repr(names)
            if isinstance(names, str)
            else f"{len(names)} names, {len(texts)} texts",
            "Give a list of names, and as many texts or none.",
        )
    _check_templates(options.templates)
    labels = labels or names
    found = encoder_table.encode(encoder, names, texts, options, quiet, labels)
    _check_values(encoder, labels, found.values)
    same = _notes_on_same(labels, texts, found.values)
    return found._replace(notes=(*same, *found.notes))


def describe_alike(
    names: Sequence[str],
    record: dict,
    texts: Sequence[str] = (),
    encoder: str | os.PathLike | None = None,
    *,
    quiet: bool = True,
) -> Description:
    """Describes further classes as others have been described.

    Args:
        names: see `describe`.
        texts: see `describe`.
        record: of those, `Description.record`.
        encoder: where the file or preset is now; default: where it was.
        quiet: whether to show no progress.

    Raises:
        InputError: as of `describe`; or if the encoder is not there any more,
            or is another one.
    """
    place, options = _read(record)
    place = encoder or place
    try:
        encoder_table.check(place)
    except InputError as error:
        raise InputError(
            f"The encoder of the descriptions, {record['source']}, cannot be "
            "used.",
            f"the same encoder as then, at {place}",
            str(error).partition("\n")[0],
            "Say where it is now, with --encoder.",
        ) from error
    found = describe(names, place, texts, options, quiet=quiet)
    check_same(
        f"{place} is not the encoder that described the classes of the run.",
        {name: record[name] for name in _SAME},
        {name: found.record[name] for name in _SAME},
        f"Name the encoder from then, {record['source']}, with --encoder.",
    )
    return found


def _read(record: dict) -> tuple[str, Options]:
    """Where an encoder was, and its options; InputError for no record."""
    try:
        options = Options(
            tuple(map(str, record["templates"])),
            float(record.get("rarity", 0.0)),
        )
        for name in (*_SAME, "source"):
            record[name]
        return str(record.get("path") or record["source"]), options
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise InputError(
            "This does not say how classes were described.",
            "what bin/describe recorded",
            f"{type(error).__name__}: {error}",
            "Describe the classes of the training again, with bin/describe.",
        ) from error


def _check_templates(templates: Sequence[str]) -> None:
    for template in templates:
        if encoder_table.NAME not in template:
            raise InputError(
                "A template does not say where the name goes.",
                f"a sentence with {encoder_table.NAME}, and perhaps "
                f"{encoder_table.TEXT}, as in 'a photo of a "
                f"{encoder_table.NAME}. {encoder_table.TEXT}'",
                repr(template),
                "Correct --template.",
            )


def _check_values(encoder, names: Sequence[str], values: np.ndarray) -> None:
    """Raises InputError for rows of zeros, or with numbers that are none."""
    is_good = np.isfinite(values).all(axis=1) & values.any(axis=1)
    wrong = [name for name, good in zip(names, is_good) if not good]
    if wrong:
        raise InputError(
            f"{encoder} has no usable numbers for "
            f"{counted(len(wrong), 'class', 'classes')}.",
            "finite numbers for every class, one of them not zero",
            f"zeros, or numbers that are not finite, for {listed(wrong)}",
            "Describe these classes by other words, or take another encoder.",
        )


def _notes_on_same(
    labels: Sequence[str], texts: Sequence[str], values: np.ndarray
) -> list[Note]:
    """A note on classes with the same description.

    Raises:
        InputError: if all of several classes have the same.
    """
    groups = {}
    for place, row in enumerate(values):
        groups.setdefault(row.tobytes(), []).append(place)
    same = [group for group in groups.values() if len(group) > 1]
    complete = [all(texts[one].strip() for one in group) for group in same]
    advice = "Give a text to those without one, in a column `text`."
    if all(complete):
        advice = (
            "The encoder cannot tell their texts apart: add words that it "
            "knows."
        )
    elif any(complete):
        advice += " Where all have one, add words that the encoder knows."
    if len(groups) == 1 < len(labels):
        raise InputError(
            "All classes have the same description.",
            "names or texts that the encoder tells apart",
            listed(labels),
            advice,
        )
    details = [[labels[place] for place in group] for group in same]
    have = counted(len(same), "group of classes has", "groups of classes have")
    note = Note(
        f"{have} the same description, so that nothing can tell them apart",
        "has the description of",
        tuple((first, tuple(others)) for first, *others in details),
        advice,
    )
    return [note] if same else []
