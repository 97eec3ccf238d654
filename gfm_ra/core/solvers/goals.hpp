// What a rate is good for, beta(R), and its slope beta'(R), by which utility-WMMSE weighs the links: equation (3).
#pragma once

#include "common/elementary.hpp"

namespace gfm_ra {

// As `gfm_ra/solvers/binding.py` numbers them.
enum class Kind : int32_t { sum_rate = 0, proportional_fair = 1, qos = 2, alpha_fair = 3 };

// Parameters of a goal: minimum rate and penalty of QoS, or alpha.
struct Parameters {
    float first, second;
};

// Added to rates under a logarithm or a negative power (RATE_FLOOR of gfm_ra/goals.py).
constexpr float rate_floor = 1e-6f;
// Slopes and benefits are capped: larger ones would overflow in products. Iterations depend on ratios of slopes alone.
constexpr float largest_slope_log2 = 50.0f, largest_benefit_log2 = 100.0f;
constexpr float largest_slope = 0x1p50f, largest_benefit = 0x1p100f;
// Width, relative to the minimum rate, over which the QoS slope falls from 1 + penalty to 1: with a jump, links that sit
// at the minimum rate swing between the two slopes.
constexpr float ramp_width = 1.0f / 15.0f;
// Alpha-fair benefits are counted from that of rate 1 where alpha is nearer to 1 than this: z^(1 - alpha) / (1 - alpha) is
// a constant of 1 / (1 - alpha) there, in whose rounding what depends on the rate is lost. The choice between powers is
// the same.
constexpr float near_proportional = 0.25f;

// Stronger fairness, under which powers are compared link by link: in a sum in float32, the benefit of a link without a
// rate, 1e6 at alpha 2, drowns what the others differ by.
GFM_RA_INLINE bool is_strong(Kind kind, Parameters goal) {
    return kind == Kind::alpha_fair && 1.0f - goal.first <= -near_proportional;
}

template <class F> struct Judgement {
    F benefit, slope;
};
// Under strong fairness the benefit is -2^exponent / (alpha - 1).
template <class F> struct StrongJudgement {
    F exponent, slope;
};

template <Kind kind, bool strong, class F> GFM_RA_INLINE auto judge(F rate, Parameters goal) {
    if constexpr (strong) {
        const F exponent = log2_of(rate + rate_floor);
        const F slope = exp2_of(smaller(exponent * -goal.first, all<F>(largest_slope_log2)));
        return StrongJudgement<F>{exponent * (1.0f - goal.first), slope};
    } else if constexpr (kind == Kind::proportional_fair) {
        const F lifted = rate + rate_floor;
        return Judgement<F>{log2_of(lifted) * ln_2, 1.0f / lifted};
    } else if constexpr (kind == Kind::qos) {
        const F missing = larger(goal.first - rate, all<F>(0.0f));
        const float width = ramp_width * goal.first > rate_floor ? ramp_width * goal.first : rate_floor;
        const F ramp = smaller(larger(fma(goal.first - rate, all<F>(1.0f / width), all<F>(1.0f)), all<F>(0.0f)), all<F>(1.0f));
        const F slope = fma(all<F>(goal.second), ramp, all<F>(1.0f));
        const F benefit = fma(all<F>(-goal.second), missing, rate);
        return Judgement<F>{larger(benefit, all<F>(-largest_benefit)), smaller(slope, all<F>(largest_slope))};
    } else if constexpr (kind == Kind::alpha_fair) {
        const F exponent = log2_of(rate + rate_floor);
        const F slope = exp2_of(smaller(exponent * -goal.first, all<F>(largest_slope_log2)));
        const float order = 1.0f - goal.first;
        const F lifted = smaller(exponent * order, all<F>(largest_benefit_log2));
        const bool near = -near_proportional < order && order < near_proportional;
        return Judgement<F>{(near ? exp2_less_one_of(lifted) : exp2_of(lifted)) / order, slope};
    } else {
        return Judgement<F>{rate, all<F>(1.0f)};
    }
}

}  // namespace gfm_ra
