"""From words to descriptions of classes: names and sentences -> numbers.

`encoder_table` lists the encoders (a new one is a file and a row there) and
`describe` calls them; `word_vectors` averages the vectors of words, which
`vector_files` reads and `word_forms` looks for, and `text_towers` has those of
KerasHub's models of images and texts. `class_lists` reads the classes and
`description_files` writes what describes them.
"""
