"""bin/describe."""

from gmn_tf.commands import define, shared
from gmn_tf.commands.command_line import command

ENCODER = define.strings(
    "encoder",
    None,
    "Where the encoder is now that described the classes of the run in words, "
    "if it was moved: its file, or the folder of its preset. The flag may be "
    "repeated; of several encoders of one kind, each needs its old name.",
)


@command(
    define.string(
        "classes",
        None,
        "Classes to describe: a table with a column class (and name, text, "
        "seen, if wanted), a text with a name in each line, a folder with a "
        "folder for each class, or att_splits.mat.",
    ),
    define.string(
        "encoder",
        None,
        "A file of word vectors, hub:PRESET for a text tower of KerasHub, or "
        "the folder of such a preset.",
    ),
    define.string(
        "out",
        None,
        "File for the descriptions: classes.csv, embeddings_NAME.csv, or "
        "NAME_splits.mat beside att_splits.mat.",
    ),
    define.required(["classes", "encoder", "out"]),
    define.string(
        "texts",
        None,
        "Table with the columns class and name, text or both, of some of these "
        "classes: what to call them, and what to say of them.",
    ),
    define.strings(
        "template",
        None,
        "Sentence for an encoder, with {name} and perhaps {text}; if it is "
        "given several times, the description is the mean. Default: '{name} "
        "{text}' for word vectors, 'a photo of a {name}. {text}' for text "
        "towers.",
    ),
    define.number(
        "rarity",
        1e-4,
        "With word vectors, a in a / (a + p), the weight of a word that is one "
        "of 1 / p words; 0: all words weigh the same.",
        0.0,
    ),
    shared.QUIET,
)
def describe(values) -> None:
    """Turns names of classes, and texts about them, into descriptions.

    bin/describe --classes=names.csv --encoder=glove.txt --out=birds/classes.csv

    docs/descriptions.md says what each kind of description is worth.
    """
    log = shared.logger(values)
    from gmn_tf.descriptions import (
        class_lists,
        description_files,
        encoder_table,
    )
    from gmn_tf.descriptions import describe as describing

    encoder_table.check(values.encoder)
    classes = class_lists.read(values.classes)
    if values.texts:
        classes = class_lists.with_texts(classes, values.texts)
    description_files.check(values.out, classes)
    for note in classes.notes:
        log(f"Note: {note}")
    if encoder_table.kind_of(values.encoder) == encoder_table.TEXT_TOWER:
        shared.begin(values, f"Describing classes by {values.encoder}.")
    options = encoder_table.Options(tuple(values.template or ()), values.rarity)
    found = describing.describe(
        classes.shown,
        values.encoder,
        classes.texts,
        options,
        quiet=values.quiet,
        labels=classes.names,
    )
    paths = description_files.write(values.out, classes, found)
    for note in found.notes:
        log(f"Note: {note}")
    if not all(note.is_short for note in found.notes):
        count = sum(len(note.details) for note in found.notes)
        log(f"Note: all {count} of these, class by class, are in {paths[-1]}.")
    count, dim = found.values.shape
    log(
        f"{count} classes, {dim} numbers each, by {found.record['source']}: "
        f"{', '.join(map(str, paths))}"
    )
