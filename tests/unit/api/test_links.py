"""A link signs its maker in once, for a while, and nobody else."""

from ferryman.api.access.links import LINK_SECONDS, LINKS_MAX, Links, is_link


def counting() -> Links:
    numbers = iter(range(1, 1000))
    return Links(lambda size: next(numbers).to_bytes(size, "big"))


def test_it_works_once() -> None:
    links = counting()
    text, ends_at = links.make("ana", 1000.0)
    assert is_link(text)
    assert ends_at == 1000.0 + LINK_SECONDS
    assert text not in str(links.waiting), "a hash of it is kept, not the text"
    assert links.take(text, 1001.0) == "ana"
    assert links.take(text, 1002.0) is None


def test_it_ends() -> None:
    links = counting()
    text, ends_at = links.make("ana", 0.0)
    assert links.take(text, ends_at) is None
    assert links.take("once_guessed", 1.0) is None


def test_there_are_never_many() -> None:
    links = counting()
    texts = [links.make("ana", float(n))[0] for n in range(LINKS_MAX + 3)]
    assert len(links.waiting) == LINKS_MAX
    assert links.take(texts[0], 30.0) is None
    assert links.take(texts[-1], 30.0) == "ana"
