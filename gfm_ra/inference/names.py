"""What inputs, outputs and metadata of an exported graph are called."""

INPUT, OUTPUT = "gain_db", "power"
PROMPT_INPUTS = ("parameters", "weights")
"""Further inputs of a model for any goal: [B, 3] alpha, least rate and penalty; [B, K] priorities."""
NOISE_INPUT = "noise"
"""Another input of an unrolled network, [draws, K, 2] standard normal; its powers are then [B, draws, K]."""
TAKES_UNKNOWN = "unknown_gains"
"""Key of the metadata; "nan" says that NaN in the gains stands for a gain that is not known."""
