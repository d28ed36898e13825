"""Labelled examples: read from files of several forms, divided, and put into batches.

Reading order: ``dataset`` (what examples are), ``readers`` (which reader reads what), ``class_files``,
``labelled_rows`` and ``columns``, ``number_series``, ``arrays``, ``tagged_lines``, ``text_pairs`` and ``conditions``
(one for each form of file), ``dividing``, ``batches``, ``scaling``.
"""
