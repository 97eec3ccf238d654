"""An optimiser with learnt steps: the network for any world, without attention.

Every link keeps a state; a step sets tentative powers, works out exactly what would follow from them under the goal,
sends that along the gains and lets the link learn from it.
"""
