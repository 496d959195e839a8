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
    empty = [name for name, count in record["classes"].items() if not count]
    told = (
        ("Cannot be read and are left out (unreadable.csv)", "unreadable"),
        ("Are to be turned, says EXIF; used as they are stored", "turned"),
        ("Passed over, as no images in folders of classes", "not_images"),
    )
    remarks = [
        f"{what}: {len(record[name])}: {examples(record[name])}."
        for what, name in told
        if record[name]
    ]
    if empty:
        remarks.append(
            f"Classes without any image: {len(empty)}: {examples(empty)}."
        )
    if record["smallest_feature"] < 0:
        remarks.append(
            "Some numbers are negative: train with --generator_output=linear."
        )
    return remarks
