"""The documents: links lead somewhere, and what they name exists."""

import collections
import functools
import pathlib
import re

import pytest

from gmn_tf import commands
from tests.support.in_process import succeed

ROOT = next(
    folder
    for folder in pathlib.Path(__file__).parents
    if (folder / "setup.py").is_file()
)
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "docs/*.md", "datasets/**/*.md", "results/**/*.md")
    for path in ROOT.glob(pattern)
)
NAMES = [str(path.relative_to(ROOT)) for path in DOCUMENTS]
# An example of CONTRIBUTING.md.
INVENTED = "gmn_tf/configs/dogs.py"

FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)
COMMAND = re.compile(r"(?<![\w./-])bin/(\w+)")
PATH = re.compile(
    r"(?<![\w/.-])(?:gmn_tf|datasets|tests|benchmarks|examples|docs)/"
    r"(?:[\w./-]*\.(?:py|md|csv|bib|html)\b|(?:[\w-]+/)*(?![\w*]))"
)


def read(document: pathlib.Path) -> str:
    return document.read_text("utf-8")


def prose(document: pathlib.Path) -> str:
    """The text without blocks of code."""
    return FENCE.sub("", read(document))


@functools.cache
def anchors(document: pathlib.Path) -> set[str]:
    """What a link to a heading may say after #, as GitHub makes it."""
    found = []
    for heading in HEADING.findall(prose(document)):
        text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
        found.append(re.sub(r"[^\w\- ]", "", text).replace(" ", "-"))
    return {
        f"{anchor}-{before}"
        if (before := found[:place].count(anchor))
        else anchor
        for place, anchor in enumerate(found)
    }


def broken_links(document: pathlib.Path) -> list[str]:
    broken = []
    for link in LINK.findall(prose(document)):
        if re.match(r"\w+:", link):  # another site's
            continue
        name, _, anchor = link.partition("#")
        target = (document.parent / name).resolve() if name else document
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    return broken


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_links_lead_to_files_and_headings(document):
    assert not broken_links(document)


def test_broken_links_are_found(tmp_path):
    (tmp_path / "other.md").write_text("# One, `two`\n```sh\n# Three\n```\n")
    document = tmp_path / "document.md"
    right = "[a](other.md) [b](other.md#one-two) [c](https://x.org/y) [d](#e)"
    wrong = "[f](another.md) [g](other.md#three) [h](#one-two)"
    document.write_text(f"# E\n{right}\n{wrong}\n")

    assert broken_links(document) == [
        "another.md",
        "other.md#three",
        "#one-two",
    ]


def test_the_readme_is_short():
    assert len(read(ROOT / "README.md").splitlines()) <= 150


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_files_folders_and_commands_exist(document):
    text = read(document)
    missing = {f"bin/{c}" for c in COMMAND.findall(text)} | set(
        PATH.findall(text)
    )
    missing -= {INVENTED, *filter(lambda n: (ROOT / n).exists(), missing)}

    assert not missing


def test_every_page_is_in_the_index_and_every_command_in_the_readme():
    index = set(LINK.findall(read(ROOT / "docs" / "README.md")))
    pages = {path.name for path in (ROOT / "docs").glob("*.md")}
    commands = {p.name for p in (ROOT / "bin").iterdir() if p.suffix == ""}

    assert pages - {"README.md"} <= index
    assert commands <= set(COMMAND.findall(read(ROOT / "README.md")))


def test_tests_named_in_the_documents_exist():
    files = {
        path.name: path.read_text("utf-8")
        for path in (ROOT / "tests").rglob("*_test.py")
    }
    sources = "\n".join(files.values())
    text = "\n".join(map(read, DOCUMENTS))
    missing = set(re.findall(r"\b(?!test_)\w+_test\.py", text)) - files.keys()
    promises = read(ROOT / "docs" / "reliability.md")
    for name in set(re.findall(r"`(test_\w+)`", promises)):
        if f"def {name}(" not in sources:
            missing.add(name)

    assert not missing


def misplaced_names(text: str) -> set[str]:
    """Names in capitals that no file named in the same item defines."""
    misplaced = set()
    for item in re.split(r"\n\s*\n|\n(?=\d\. )", FENCE.sub("\n\n", text)):
        sources = [
            (ROOT / path).read_text("utf-8")
            for path in PATH.findall(item)
            if path.endswith(".py") and path != INVENTED
        ]
        if not sources:
            continue
        code = " ".join(re.findall(r"`([^`]+)`", item))
        code = re.sub(r'"[^"]*"|\S*/\S*', "", code)
        for name in re.findall(r"\b[A-Z][A-Z_]+[A-Z]\b", code):
            pattern = re.compile(rf"^{name}\b.* = ", re.MULTILINE)
            if not any(map(pattern.search, sources)):
                misplaced.add(name)
    return misplaced


def test_constants_are_in_the_files_named_beside_them():
    text = read(ROOT / "CONTRIBUTING.md")
    wrong = text.replace("gmn_tf/utils/dataset_names.py", "gmn_tf/config.py")

    assert not misplaced_names(text)
    assert "PUBLISHED" in misplaced_names(wrong)


@functools.cache
def flags_printed() -> dict[str, set[str]]:
    """The flags that lines of shell code give to each command."""
    printed = collections.defaultdict(set)
    for text in map(read, DOCUMENTS):
        blocks = [code for kind, code in FENCE.findall(text) if kind == "sh"]
        code = "\n".join([*blocks, *re.findall(r"`(bin/[^`]+)`", text)])
        code = re.sub(r" # .*", "", code.replace("\\\n", " "))
        for line in re.split(r"[;&|\n]", code):
            command, _, flags = line.partition("bin/")[2].partition(" ")
            for flag in re.findall(r"(?<!\S)--(\w*)", flags):
                if not flag:  # what follows -- is for bin/train
                    command = "train"
                elif command:
                    printed[command].add(flag)
    return printed


@pytest.mark.parametrize("command", sorted(flags_printed()))
def test_flags_in_the_documents_exist(command):
    shown = succeed(getattr(commands, command), "--help")
    known = {"help"}
    for negated, flag in re.findall(r"^  --(\[no\])?(\w+):", shown, re.M):
        known |= {flag, f"no{flag}"} if negated else {flag}

    assert flags_printed()[command] <= known


def test_the_example_without_images_is_custom_data(tmp_path, monkeypatch):
    from etils import epath

    from gmn_tf_datasets.zero_shot.custom import dataset

    monkeypatch.chdir(tmp_path)
    blocks = FENCE.findall(read(ROOT / "docs" / "custom_data.md"))
    (code,) = [text for language, text in blocks if language == "python"]
    exec(compile(code, "custom_data.md", "exec"), {})
    found = dataset.read("mytexts", epath.Path("mytexts"), "mytexts")

    assert found.class_names == ("football", "cooking", "gardens")
    assert found.features.shape == (7, 26)
    assert found.embeddings[0].values.shape == (3, 26)
