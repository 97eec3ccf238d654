// Rates and what they are worth, in double precision: what finished answers are compared by, and what is reported.
#pragma once

#include <cmath>
#include <cstdint>

namespace gfm_ra {

// A goal of the family as gfm_ra/goal_family.py numbers it.
struct Family {
    double alpha, min_rate, penalty;
};

constexpr double exact_rate_floor = 1e-6;  // RATE_FLOOR of gfm_ra/goals.py
constexpr double strong_fairness = 1.25;    // STRONG_FAIRNESS of gfm_ra/goals.py
constexpr double bits_per_neper = 1.4426950408889634;

// Rates [K] in bit/s/Hz of powers [K]: equations (1) and (2). Gain [K, K], row = receiver, of either precision.
template <class Gain> void exact_rates(const Gain* gain, const float* power, int64_t links, double* rate) {
    for (int64_t k = 0; k < links; ++k) {
        const Gain* row = gain + k * links;
        // Four sums side by side: one alone would wait for itself.
        double part[4] = {0.0, 0.0, 0.0, 0.0};
        int64_t j = 0;
        for (; j + 4 <= links; j += 4)
            for (int64_t i = 0; i < 4; ++i)
                part[i] += j + i == k ? 0.0 : static_cast<double>(row[j + i]) * static_cast<double>(power[j + i]);
        double sum = (part[0] + part[1]) + (part[2] + part[3]);
        for (; j < links; ++j)
            if (j != k) sum += static_cast<double>(row[j]) * static_cast<double>(power[j]);
        const double signal = static_cast<double>(row[k]) * static_cast<double>(power[k]);
        rate[k] = std::log1p(signal / (sum + 1.0)) * bits_per_neper;
    }
}

// A number that orders rates of one network as the goal's utility does: `merit` of gfm_ra/goals.py.
inline double merit(const double* rate, const float* weights, int64_t links, const Family& goal) {
    double sum = 0.0, total = 0.0;
    for (int64_t k = 0; k < links; ++k) total += static_cast<double>(weights[k]);
    if (goal.alpha == 0.0) {
        for (int64_t k = 0; k < links; ++k) {
            const double missing = goal.min_rate - rate[k];
            sum += static_cast<double>(weights[k]) * (rate[k] - (missing > 0.0 ? goal.penalty * missing : 0.0));
        }
        return sum;
    }
    const double order = 1.0 - goal.alpha;
    if (order == 0.0) {
        for (int64_t k = 0; k < links; ++k)
            sum += static_cast<double>(weights[k]) / total * std::log(rate[k] + exact_rate_floor);
        return sum;
    }
    // Relative to the largest term, and by expm1 and log1p, nothing overflows and nothing cancels near alpha = 1.
    double highest = -INFINITY;
    for (int64_t k = 0; k < links; ++k) {
        const double exponent = order * std::log(rate[k] + exact_rate_floor);
        if (weights[k] > 0.0f && exponent > highest) highest = exponent;
    }
    for (int64_t k = 0; k < links; ++k) {
        const double above = order * std::log(rate[k] + exact_rate_floor) - highest;
        sum += static_cast<double>(weights[k]) / total * std::expm1(above < 0.0 ? above : 0.0);
    }
    return (highest + std::log1p(sum)) / order;
}

// Whether rates are better than others for a goal; merits are theirs. Under strong fairness link by link: `advantage` of
// gfm_ra/goals.py.
inline bool is_better(const double* rate, double found, const double* other, double best, const float* weights,
                      int64_t links, const Family& goal) {
    if (goal.alpha < strong_fairness) return found > best;
    const double order = 1.0 - goal.alpha;
    double unit = -INFINITY, saved = 0.0;
    for (int64_t k = 0; k < links; ++k)
        if (weights[k] > 0.0f && rate[k] != other[k])
            unit = std::fmax(unit, order * std::log(std::fmin(rate[k], other[k]) + exact_rate_floor));
    for (int64_t k = 0; k < links; ++k)
        if (weights[k] > 0.0f && rate[k] != other[k])
            saved += static_cast<double>(weights[k]) * (std::exp(order * std::log(other[k] + exact_rate_floor) - unit) -
                                                        std::exp(order * std::log(rate[k] + exact_rate_floor) - unit));
    return saved > 0.0;
}

}  // namespace gfm_ra
