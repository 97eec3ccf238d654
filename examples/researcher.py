"""Own networks and an own goal, compared with WMMSE by the same utility."""

import numpy as np

import gfm_ra


class GeometricMean:
    """The geometric mean of the rates: a goal that the package does not have."""

    name = "geometric-mean"

    def utility(self, rates: np.ndarray, power: np.ndarray | None = None) -> np.ndarray:
        """[...] of rates [..., K]."""
        return np.exp(np.log(rates + 1e-9).mean(-1))

    def slope(self, rates: np.ndarray) -> np.ndarray:
        """Its derivative, [..., K]."""
        return self.utility(rates)[..., None] / ((rates + 1e-9) * rates.shape[-1])


def main() -> None:
    """Print mean ratios to the best of 100 WMMSE runs on 50 networks of 20 links."""
    rng = np.random.default_rng(1)
    gain = rng.exponential(1.0, (50, 20, 20)) * 10.0 ** (rng.normal(0.5, 1.0, (50, 20, 20)))
    gain[:, range(20), range(20)] *= 1000.0
    allocator = gfm_ra.load()
    for goal in (gfm_ra.SumRate(), gfm_ra.QoS(min_rate=0.5)):
        best = gfm_ra.solvers.wmmse(gain, goal, starts=100)
        reference = goal.utility(gfm_ra.spectral_efficiency(best.astype(float), gain))
        for effort in ("fast", "balanced", "best"):
            answer = allocator.allocate(gain=gain, goal=goal, effort=effort)
            print(f"{goal.name}, {effort}: {answer.utility.mean() / reference.mean():.4f} of WMMSE-Best")
    answer = allocator.allocate(gain=gain, goal=GeometricMean())
    full = GeometricMean().utility(gfm_ra.spectral_efficiency(np.ones((50, 20)), gain))
    print(f"geometric-mean: {answer.utility.mean() / full.mean():.2f} times full power; {answer.notes[-1]}")


if __name__ == "__main__":
    main()
