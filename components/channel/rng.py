"""Random streams keyed by what they are for, never by worker, order or time."""

import hashlib

import numpy as np

_WORDS = 4


def stream(seed: int, *key: int | str) -> np.random.Generator:
    """Independent generator for one purpose, for instance `stream(7, "D1", "train", shard)`.

    The key is hashed with SHA-256 together with the type of each part, so that the stream is the same on
    every machine and in every process, `("a", "b")` differs from `("ab",)`, and 1 differs from "1".

    seed : any integer; key : integers and strings.
    Raises TypeError for a part of another type (a float or an object would hash differently elsewhere).
    """
    digest = hashlib.sha256()
    for part in (seed, *key):
        if isinstance(part, bool) or not isinstance(part, int | np.integer | str):
            raise TypeError(
                f"randomness: a stream key takes integers and strings, got {part!r} ({type(part).__name__}); "
                "convert it, for instance with str() or int()"
            )
        kind = "s" if isinstance(part, str) else "i"
        text = part if isinstance(part, str) else str(int(part))
        digest.update(f"{kind}{len(text)}:{text};".encode())
    words = np.frombuffer(digest.digest(), dtype="<u8")[:_WORDS]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([int(word) for word in words])))
