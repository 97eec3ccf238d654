"""Tables of numbers as spreadsheets and programs write them: which separators, which cells, which networks."""
