"""How hard rules are held: random networks with random limits and rules, and what rules cost.

python -m benchmarks.rules                    # violations in 10^6 random networks: minutes
python -m benchmarks.rules --count 20000
python -m benchmarks.rules --price            # what an incumbent's cap costs, and what is won back after the repair
"""
