// What a rate is good for, in double precision, with the bounds of its slope that branch and bound needs.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace gfm_ra {

// As `gfm_ra/solvers/proofs/branch_and_bound.py` numbers them: beta(R) = R, log(R), R - penalty max(0, min_rate - R),
// R^(1 - alpha) / (1 - alpha). All are concave and increase.
enum class Shape : int32_t { linear = 0, logarithm = 1, qos = 2, power = 3 };

// Added to rates under a logarithm or a negative power (RATE_FLOOR of gfm_ra/goals.py).
constexpr double exact_rate_floor = 1e-6;

struct Benefit {
    Shape shape;
    double first, second;  // min_rate and penalty, or alpha

    double value(double rate) const {
        switch (shape) {
            case Shape::linear: return rate;
            case Shape::logarithm: return std::log(rate + exact_rate_floor);
            case Shape::qos: return rate - second * std::max(first - rate, 0.0);
            case Shape::power: return std::pow(rate + exact_rate_floor, 1.0 - first) / (1.0 - first);
        }
        return rate;
    }

    // A slope of a line through beta at this rate that lies above beta everywhere.
    double slope(double rate) const {
        switch (shape) {
            case Shape::linear: return 1.0;
            case Shape::logarithm: return 1.0 / (rate + exact_rate_floor);
            case Shape::qos: return rate < first ? 1.0 + second : 1.0;
            case Shape::power: return std::pow(rate + exact_rate_floor, -first);
        }
        return 1.0;
    }

    // An upper bound of slope(R) (1 - 2^-R) over rates from `low` to `high`, given 1 - 2^-R at both ends.
    double most_harm(double low, double high, double share_low, double share_high) const {
        // (1 - 2^-R) / R falls, from ln 2 at 0 on.
        const double falling = low > 1e-9 ? share_low / low : 0.6931471805599454;
        switch (shape) {
            case Shape::linear: return share_high;
            case Shape::logarithm: return std::min(falling, slope(low) * share_high);
            case Shape::qos: {
                if (high < first) return (1.0 + second) * share_high;
                if (low >= first) return share_high;
                return std::max((1.0 + second) * -std::expm1(-0.6931471805599454 * first), share_high);
            }
            case Shape::power: {
                const double bound = first <= 1.0 ? std::pow(share_high, 1.0 - first) * std::pow(falling, first)
                                                  : falling * std::pow(low + exact_rate_floor, 1.0 - first);
                return std::min(bound, slope(low) * share_high);
            }
        }
        return share_high;
    }
};

}  // namespace gfm_ra
