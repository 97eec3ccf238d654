"""The cache on disk must not outlive a change of anything that it was compiled from."""

from gfm_ra.solvers import compiled
from gfm_ra.solvers.best_of_starts import solve


def test_key_changes_with_the_sources(monkeypatch):
    cache = compiled._DependentCache(solve.py_func)

    class Library:
        @staticmethod
        def magic_tuple():
            return ("target",)

    before = cache._index_key("signature", Library)
    assert before == cache._index_key("signature", Library)
    monkeypatch.setattr(compiled, "_sources_digest", lambda: "changed")
    assert cache._index_key("signature", Library) != before


def test_entry_points_use_that_cache():
    assert isinstance(solve._cache, compiled._DependentCache)
