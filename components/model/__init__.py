"""The networks: features, graph Transformer, heads, goal conditioning, adapters, export."""
