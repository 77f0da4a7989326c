"""What a service declares of its answers, checked when a client is made."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, cast, get_args

from syncpatterns.adapters._offline_client._problems import word_of
from syncpatterns.errors import ConfigurationError
from syncpatterns.offline_queue._core._answers import Word

_WORDS: Final = frozenset(get_args(Word))
_KIND: Final = re.compile(r"(?:[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+)?")


def own_kinds(answers: object) -> frozenset[str]:
    """Return the content types in which a service answers, in lower case.

    Raises:
        ConfigurationError: One can never be met: its answers would be taken for a
            hotel's for ever.
    """
    if isinstance(answers, str) or not isinstance(answers, Iterable):
        raise ConfigurationError('answers= takes a list, such as ["text/plain", ""].')
    kinds = [str(kind).lower() for kind in cast("Iterable[object]", answers)]
    for kind in kinds:
        if not _KIND.fullmatch(kind):
            raise ConfigurationError(
                f"answers= names {kind!r}, which no answer has. It is a content type "
                'without parameters, such as "text/plain", or "" for no body.'
            )
    return frozenset(kinds)


def own_words(problems: object) -> Mapping[str, Word]:
    """Return what a service's own problem types mean, by their last part.

    Raises:
        ConfigurationError: A type is none, or means nothing that there is.
    """
    said: object = {} if problems is None else problems
    if not isinstance(said, Mapping):
        raise ConfigurationError(
            'problems= takes a dict, such as {"slot-taken": "conflict"}.'
        )
    words: dict[str, Word] = {}
    given = cast("Mapping[Any, Any]", said)  # type: ignore[redundant-cast]  # pyright: of unknown things
    for kind, word in given.items():
        named = word_of(kind)
        if named is None:
            raise ConfigurationError(
                f"problems= names {kind!r}, which no answer is taken to say. The last "
                "part of a type is a word: letters of ASCII, digits, '.', '_' and '-'."
            )
        if not isinstance(word, str) or word not in _WORDS:
            raise ConfigurationError(
                f"problems= says what problem types mean: {', '.join(sorted(_WORDS))}."
            )
        words[named] = cast("Word", word)
    return words
