// What tentative powers would lead to under a goal: the features of components/model/unrolled/consequences.py, link by
// link. Logarithms are natural ones there; 1 / ln 2 enters the constants here.
#pragma once

#include "network/channel.hpp"
#include "network/layers.hpp"

namespace gfm_ra {

constexpr int feature_count = 10;
constexpr float network_rate_floor = 1e-4f, network_tiny = 1e-12f, largest_feature = 6.0f, step_steepness = 6.0f;
constexpr float least_stake = 1e-8f;  // of the largest
constexpr float steepest_log2 = 86.56170245f;  // 60 nepers

// A goal as the network reads it.
struct Prompt {
    float alpha, min_rate, penalty;
    float circuit_power;  // negative where nothing is said
};

template <class F> GFM_RA_INLINE F natural_log(F value) { return log2_of(value) * ln_2; }
// Numbers of a vector of links that both halves of the computation use.
template <class F> struct Consequences {
    F sinr, total, rate, slope, stake;
};

// From interference (noise included) to rates and what they are worth.
template <class F>
GFM_RA_INLINE Consequences<F> consequences(F own, F power, F interference, F weight, const Prompt& goal) {
    Consequences<F> found;
    const F signal = own * power;
    found.total = interference + signal;
    found.sinr = signal / interference;
    found.rate = log2_of_one_plus(found.sinr);
    const float least = goal.min_rate > network_rate_floor ? goal.min_rate : network_rate_floor;
    F slope = exp2_of(smaller(log2_of(found.rate + network_rate_floor) * -goal.alpha, all<F>(steepest_log2)));
    if (goal.penalty > 0.0f)
        slope = fma(sigmoid((1.0f - found.rate * (1.0f / least)) * step_steepness), all<F>(goal.penalty), slope);
    found.slope = weight * slope;
    found.stake = found.slope * (found.rate + network_rate_floor);
    return found;
}

// The features of a vector of links, handed to keep(feature, value); `benefit` and `harm` per own power.
template <class F, class Keep>
GFM_RA_INLINE void features(const Consequences<F>& found, F own, F power, F interference, F benefit, F harm,
                            F near_stake, float reach, const Prompt& goal, const Keep& keep) {
    const float least = goal.min_rate > network_rate_floor ? goal.min_rate : network_rate_floor;
    const F log_benefit = natural_log(benefit + network_tiny), log_harm = natural_log(harm + network_tiny);
    const F grown = natural_log(benefit * (found.total / interference) + network_tiny);
    const F shrunk = natural_log(fma(benefit, found.sinr, harm) + network_tiny);
    const auto limited = [&](int feature, F value) GFM_RA_LAMBDA {
        keep(feature, within(value, -largest_feature, largest_feature));
    };
    limited(0, fma(power, all<F>(2.0f), all<F>(-1.0f)));
    limited(1, natural_log(interference) * 0.2f - 1.0f);
    limited(2, natural_log(found.rate + network_rate_floor) * (1.0f / 3.0f));
    limited(3, natural_log(found.stake / near_stake + network_tiny) * 0.2f);
    limited(4, log_benefit * 0.2f);
    limited(5, log_harm * 0.2f);
    limited(6, (log_benefit - log_harm) * 0.25f);
    limited(7, (grown - shrunk) * (1.0f / 3.0f));
    if (goal.penalty > 0.0f) {
        const F needed = interference * (reach / larger(own, all<F>(network_tiny)));
        limited(8, within((found.rate * (1.0f / least) - 1.0f) * 4.0f, -1.0f, 1.0f));
        limited(9, within(natural_log(needed + network_tiny), -20.0f, 10.0f) * 0.2f);
    } else {
        limited(8, all<F>(0.0f));
        limited(9, all<F>(0.0f));
    }
}

}  // namespace gfm_ra
