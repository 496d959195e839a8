import gzip
import hashlib

import numpy as np
import pytest

from gmn_tf.descriptions import vector_files
from gmn_tf.utils.errors import InputError

LINES = ("the 1 0 -0.5", "of 2 0 .5", "owl 3 1e-1 4", "grüße 4 0 0", "z 5 0 1")
TEXT = "\n".join(LINES) + "\n"
WANTED = ("owl", "grüße", "the", "absent")


def written(folder, content, name="vectors.txt"):
    path = folder / name
    content = content.encode() if isinstance(content, str) else content
    path.write_bytes(content)
    return path


def refused(path, *expected):
    with pytest.raises(InputError) as error:
        vector_files.read(path, WANTED)
    for text in expected:
        assert text in str(error.value), str(error.value)


@pytest.mark.parametrize(
    "content",
    [
        TEXT,
        TEXT.rstrip(),
        TEXT.replace("\n", "\r\n"),
        TEXT.replace("\n", " \n"),  # as word2vec's own program writes it
        TEXT.replace(" ", "\t"),
        TEXT.replace("owl ", "owl\t"),
        "5 3\n" + TEXT,
        "\ufeff5 3\n" + TEXT,
        "\ufeff" + TEXT,
        gzip.compress(TEXT.encode()),
        gzip.compress(b"5 3\n") + gzip.compress(TEXT.encode()),
    ],
    ids=range(11),  # compressed bytes contain the time
)
def test_all_forms_give_the_same(content, tmp_path, monkeypatch):
    monkeypatch.setattr(vector_files, "_BLOCK", 40)
    found = vector_files.read(written(tmp_path, content), WANTED)
    expected = {"the": [1, 0, -0.5], "owl": [3, 0.1, 4], "grüße": [4, 0, 0]}
    assert found.vectors.keys() == expected.keys()
    for word, vector in expected.items():
        np.testing.assert_array_equal(found.vectors[word], vector)
    assert found.ranks == {"the": 1, "owl": 3, "grüße": 4}
    assert (found.dim, found.count, found.again) == (3, 5, ())


def test_the_digest_is_that_of_the_content(tmp_path):
    packed = written(tmp_path, gzip.compress(TEXT.encode()), "packed.bin")
    for path in (packed, written(tmp_path, TEXT)):
        found = vector_files.read(path, ())
        assert found.sha256 == hashlib.sha256(TEXT.encode()).hexdigest()
        assert not found.vectors


def test_words_with_spaces_and_words_that_come_again(tmp_path):
    content = TEXT + "owl at home 7 7 7\nowl 8 8 8\n. . . 9 9 9\n"
    found = vector_files.read(written(tmp_path, content), WANTED)
    np.testing.assert_array_equal(found.vectors["owl"], [3, 0.1, 4])
    assert (found.count, found.again) == (8, ("owl",))


@pytest.mark.parametrize(
    ("line", "where"),
    [
        ("owl 3 4", "1 other lines: 3"),
        ("bat 3 4", "1 other lines: 3"),  # which nobody asked for
        ("owl 3 x 4", "lines: 3"),
        ("owl 3 nan 4", "lines: 3"),
        ("owl 3 4e38 4", "lines: 3"),  # more than float32 holds
        ("owl 3 4 5 6", "lines: 3"),
        ("bat 3 4 5 6", "lines: 3"),
    ],
)
def test_damaged_lines_are_named(line, where, tmp_path):
    content = TEXT.replace(LINES[2], line)
    refused(written(tmp_path, content), "damaged lines", where)
    refused(written(tmp_path, content + "z 1 2"), "2 other lines: 3, 6")


def test_other_files_are_refused(tmp_path):
    refused(tmp_path / "nowhere.txt", "Correct the path")
    cut = gzip.compress(TEXT.encode())[:-9]
    refused(written(tmp_path, cut), "Get the file again")
    refused(written(tmp_path, "6 3\n" + TEXT), "5 words, where its first")
    binary = b"5 3\nthe " + bytes(12) + b"\nof " + bytes(12)
    refused(written(tmp_path, binary), "binary format", "gensim")
    refused(written(tmp_path, ""), "an empty file")
    refused(written(tmp_path, "A poem\nabout an owl\n" * 9), "in line 1")
    refused(written(tmp_path, "<html><body>"), "a web page")
    refused(written(tmp_path, b"PK\3\4" + bytes(99)), "zip archive")


@pytest.mark.parametrize("is_sorted", [True, False])
def test_alphabetical_order_is_seen(is_sorted, tmp_path):
    words = [f"w{number:04d}" for number in range(1200)]
    words = words if is_sorted else words[::-1]
    content = "\n".join(f"{word} 1 2 3" for word in words)
    found = vector_files.read(written(tmp_path, content), WANTED)
    assert found.is_alphabetical == is_sorted


def test_a_line_without_an_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(vector_files, "_BLOCK", 64)
    monkeypatch.setattr(vector_files, "_LONGEST", 99)
    refused(written(tmp_path, TEXT + "1 " * 200), "a line without an end")


@pytest.mark.parametrize("packed", [False, True])
def test_damage_ends_in_vectors_or_an_input_error(packed, tmp_path):
    rng = np.random.default_rng(packed)
    whole = gzip.compress(TEXT.encode()) if packed else TEXT.encode()
    for _ in range(200):
        content = bytearray(whole)
        for place in rng.integers(0, len(content), rng.integers(1, 4)):
            content[place] = rng.integers(0, 256)
        path = written(tmp_path, bytes(content[: rng.integers(5, 999)]))
        try:
            found = vector_files.read(path, WANTED)
        except InputError:
            continue
        assert all(v.shape == (found.dim,) for v in found.vectors.values())
