"""Tables on the terminal, at most 80 columns wide."""

from collections.abc import Sequence

WIDTH = 80


def table(header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Columns under their names, the first `left` aligned left; what does not fit into 80 columns is cut with `...`."""
    lines = [list(header), *(list(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    text = []
    for line in lines:
        cells = [
            word.ljust(width) if column < left else word.rjust(width)
            for column, (word, width) in enumerate(zip(line, widths, strict=True))
        ]
        row = "  ".join(cells).rstrip()
        text.append(row if len(row) <= WIDTH else f"{row[: WIDTH - 3]}...")
    return "\n".join(text)
