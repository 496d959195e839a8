"""What bin/extract_features says at the end."""

import dataclasses
import pathlib

SHOWN = 3  # examples in a sentence


@dataclasses.dataclass(frozen=True)
class Summary:
    """What an extraction found and made.

    Attributes:
        images: the folder they were read from.
        out: the folder of the features.
        record: the contents of extraction.json.
        computed: images that this call computed.
        seconds: that it took for them.
    """

    images: pathlib.Path
    out: pathlib.Path
    record: dict
    computed: int
    seconds: float


def examples(texts) -> str:
    """The first few of them, in a sentence."""
    texts = list(texts)
    more = f", and {len(texts) - SHOWN} more" if len(texts) > SHOWN else ""
    return ", ".join(texts[:SHOWN]) + more


def text(summary: Summary) -> str:
    """What there is now, and what to do next, for a person."""
    record = summary.record
    backbone = record["backbone"]
    lines = [
        f"{summary.out} has the features of {record['images']} images in "
        f"{sum(map(bool, record['classes'].values()))} classes: "
        f"{backbone['feature_dim']} numbers each, by {backbone['name']} "
        f"(weights: {backbone['weights']}).",
        _speed(summary),
    ]
    lines += _remarks(record)
    source = summary.images.parent
    known = (source / "classes.csv").exists()
    lines.append(
        f"Next: bin/prepare_data --source={source if known else 'DIR'} "
        f"--features={summary.out} --dataset=NAME"
        + ("" if known else ", where DIR has the classes.csv")
    )
    return "\n".join(lines)


def _speed(summary: Summary) -> str:
    if not summary.computed:
        return "All were there already: nothing was computed."
    there = sum(summary.record["classes"].values()) - summary.computed
    there += len(summary.record["unreadable"])
    return (
        f"Computed: {summary.computed} in {summary.seconds:.0f} s, "
        f"{summary.computed / summary.seconds:.1f} images/s."
        + (f" Already there: {there}." if there > 0 else "")
    )


def _remarks(record: dict) -> list[str]:
    remarks = []
    if record["unreadable"]:
        remarks.append(
            f"Left out, as they cannot be read: {len(record['unreadable'])} "
            f"(unreadable.csv): {examples(record['unreadable'])}."
        )
    empty = [name for name, count in record["classes"].items() if not count]
    if empty:
        remarks.append(f"Classes without any image: {examples(empty)}.")
    if record["turned"]:
        remarks.append(
            f"{len(record['turned'])} images say (by EXIF) that they should be "
            "turned or mirrored; they were used as they are stored: "
            f"{examples(record['turned'])}."
        )
    if record["not_images"]:
        remarks.append(
            f"Passed over, as they are no images in a folder of a class: "
            f"{examples(record['not_images'])}."
        )
    if record["smallest_feature"] < 0:
        remarks.append(
            "Some numbers are negative: train with --generator_output=linear."
        )
    return remarks
