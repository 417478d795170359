from __future__ import annotations

from tokenizers import Tokenizer, models, pre_tokenizers

from kgtag.extract.inputs import tokenize
from kgtag.extract.lexicon import Entry, Lexicon, count_entries

WORDS = ("[UNK]", "red", "dark", "##ish", "shoe", "bag")


def tokens(title: str):  # type: ignore[no-untyped-def]
    tokenizer = Tokenizer(models.WordPiece({word: n for n, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return tokenize(tokenizer, [title])[0]


def test_the_longest_value_on_whole_words_is_taken() -> None:
    lexicon = Lexicon({(0, (1,)): Entry(1, 1), (0, (2, 1)): Entry(1, 1), (1, (1,)): Entry(1, 1)})
    found = lexicon.matches(tokens("dark red shoe redish red"), [0, 1])
    assert [(match.attribute, match.first, match.last) for match in found] == [
        (0, 0, 1),
        (1, 1, 1),
        (0, 5, 5),
        (1, 5, 5),
    ]


def test_codes_say_position_and_reliability() -> None:
    lexicon = Lexicon({(0, (2, 1)): Entry(9, 10), (1, (4,)): Entry(1, 10), (2, (4,)): Entry(0, 0, given=True)})
    codes = lexicon.codes(tokens("dark red shoe"), [0, 1, 2])
    assert codes.tolist() == [[9, 11, 0], [0, 0, 4], [0, 0, 16]]


def test_a_training_title_does_not_see_its_own_annotation() -> None:
    title = tokens("red shoe")
    gold = frozenset({(0, (1,))})
    once = count_entries([(0, (1,))], [(title, [0], gold)])
    assert once.codes(title, [0]).tolist() == [[12, 0]]
    assert once.codes(title, [0], own=gold).tolist() == [[0, 0]]
    twice = count_entries([(0, (1,))], [(title, [0], gold), (title, [0], gold), (title, [0], frozenset())])
    assert twice.codes(title, [0], own=gold).tolist() == [[8, 0]]


def test_given_values_are_judged_by_the_titles_that_hold_them() -> None:
    shoe, bag = (0, (4,)), (0, (5,))
    title = tokens("shoe")
    lexicon = count_entries([], [(title, [0], frozenset())], given=[shoe, bag])
    assert lexicon.codes(tokens("shoe bag"), [0]).tolist() == [[4, 16]]
    assert lexicon.codes(title, [0], own=frozenset()).tolist() == [[16]]
