// Boxes of powers: what can be said of every point in them.
//
// Source of the bound by monotonicity: Matthiesen, Hellings, Jorswieck and Utschick, Mixed monotonic programming for
// fast global optimization, IEEE Transactions on Signal Processing 68, 2020. A rate grows with its own power and falls
// with all others.
#pragma once

#include <cfloat>
#include <cstring>

#include "exact/benefit.hpp"

namespace gfm_ra {

constexpr int64_t most_links = 64;
constexpr double inverse_ln_2 = 1.4426950408889634;
// What sums of so many terms may be wrong by, relative to the sum of the terms' magnitudes: each of at most some 200
// operations rounds by 2^-53, and logarithms are right to the last place.
constexpr double rounding = 1e-13;

// A network and a goal: sum over k of w_k beta(R_k) - price_k p_k, or, with `circuit` > 0, of
// w_k R_k / (p_k / efficiency + circuit).
struct Problem {
    int64_t links;
    const double* gain;     // [K, K], row = receiver
    const double* weights;  // [K]
    const double* price;    // [K]
    Benefit benefit;
    double circuit, efficiency;
    bool full_power;  // whether an optimum has some link at full power

    bool ratios() const { return circuit > 0.0; }
};

enum class Verdict { open, discarded };

// Numbers of every link at both corners of a box.
struct Corners {
    double noise_low[most_links], noise_high[most_links];  // interference and noise: 1 + sum of g_kj p_j over j != k
    double signal_low[most_links], signal_high[most_links];
    double rate_low[most_links], rate_high[most_links];
};

// log2 of a positive normal number to 0.09: what choices need, which no answer depends on.
inline double about_log2(double value) {
    int64_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    return static_cast<double>(bits - 0x3ff0000000000000) * 0x1p-52;
}

class Boxes {
  public:
    explicit Boxes(const Problem& problem) : problem_(problem), links_(problem.links) {
        for (int64_t j = 0; j < links_; ++j) {
            reach_[j] = 0.0;
            for (int64_t k = 0; k < links_; ++k) {
                const double gain = problem.gain[k * links_ + j];
                column_[j * links_ + k] = k == j ? 0.0 : gain;
                reach_[j] = std::max(reach_[j], gain);
            }
            direct_[j] = problem.gain[j * links_ + j];
        }
    }

    // Utility of powers; their rates stay in `rate()`.
    double utility(const double* power) {
        interference(power, noise_);
        double sum = 0.0;
        for (int64_t k = 0; k < links_; ++k) {
            rate_[k] = std::log1p(direct_[k] * power[k] / noise_[k]) * inverse_ln_2;
            sum += term(k, rate_[k], power[k]) - problem_.price[k] * power[k];
        }
        return sum;
    }

    // Shrink a box to what may hold an optimum of the whole.
    Verdict shrink(double* low, double* high) {
        for (int round = 0; round < 10; ++round) {
            if (problem_.full_power && !keep_full_power(low, high)) return Verdict::discarded;
            look(low, high);
            bool changed = false;
            if (slopes(low, high, changed) == Verdict::discarded) return Verdict::discarded;
            if (!changed) return Verdict::open;
        }
        look(low, high);
        return Verdict::open;
    }

    // An upper bound of the utility over a box that `shrink` has just left open; `inside` becomes a point of it,
    // `value` the utility there.
    double bound(const double* low, const double* high, double* inside, double& value) {
        double sum = 0.0, magnitude = 0.0;
        for (int64_t k = 0; k < links_; ++k) {
            const double most = most_of(k, low[k], high[k]), paid = problem_.price[k] * low[k];
            sum += most - paid;
            magnitude += std::fabs(most) + paid;
        }
        const double monotonic = sum + rounding * magnitude;
        for (int64_t k = 0; k < links_; ++k) inside[k] = middle(k, low[k], high[k]);
        value = utility(inside);
        return problem_.ratios() ? monotonic : std::min(monotonic, tangents(low, high, inside));
    }

    // Where to cut a box in two: the power whose range the bound by monotonicity would gain most from.
    int64_t widest(const double* low, const double* high) {
        interference(low, at_.noise_low);
        double worth[most_links], most_rate[most_links], chance = -1.0;
        for (int64_t k = 0; k < links_; ++k) {
            const double signal = direct_[k] * high[k], few = direct_[k] * low[k];
            most_rate[k] = about_log2((at_.noise_low[k] + signal) / at_.noise_low[k]);
            const double least = about_log2((at_.noise_low[k] + few) / at_.noise_low[k]);
            worth[k] = problem_.ratios() ? problem_.weights[k] / consumed(0.5 * (low[k] + high[k]))
                                         : problem_.weights[k] * problem_.benefit.slope(0.5 * (most_rate[k] + least));
        }
        int64_t chosen = 0;
        for (int64_t k = 0; k < links_; ++k) {
            if (!(high[k] > low[k])) continue;
            const double wide = high[k] - low[k];
            const double own = (at_.noise_low[k] + direct_[k] * low[k]) / at_.noise_low[k];
            double gap = worth[k] * (most_rate[k] - about_log2(own)) + problem_.price[k] * wide;
            const double* column = column_ + k * links_;
            for (int64_t j = 0; j < links_; ++j) {
                const double noise = at_.noise_low[j] + column[j] * wide;
                gap += worth[j] * (most_rate[j] - about_log2((noise + direct_[j] * high[j]) / noise));
            }
            if (gap > chance) chance = gap, chosen = k;
        }
        return chosen;
    }
    double middle(int64_t k, double low, double high) const {
        if (!(high > low)) return low;
        const double a = reach_[k] * low, b = reach_[k] * high;
        // sqrt((1 + a) (1 + b)) - 1 without cancellation
        const double product = a + b + a * b;
        const double found = product / (std::sqrt(1.0 + product) + 1.0) / reach_[k];
        return found > low && found < high ? found : 0.5 * (low + high);
    }

  private:
    void interference(const double* power, double* noise) const {
        for (int64_t k = 0; k < links_; ++k) noise[k] = 1.0;
        for (int64_t j = 0; j < links_; ++j) {
            const double p = power[j];
            if (p == 0.0) continue;
            const double* column = column_ + j * links_;
            for (int64_t k = 0; k < links_; ++k) noise[k] += column[k] * p;
        }
    }

    double consumed(double power) const { return power / problem_.efficiency + problem_.circuit; }

    double term(int64_t k, double rate, double power) const {
        const double weight = problem_.weights[k];
        if (weight == 0.0) return 0.0;
        return problem_.ratios() ? weight * rate / consumed(power) : weight * problem_.benefit.value(rate);
    }

    // Upper bound of a link's term over the box.
    double most_of(int64_t k, double low, double high) const {
        if (!problem_.ratios()) return term(k, at_.rate_high[k], high);
        // Rate at the upper end and consumption at the lower end of parts of the range.
        constexpr int cuts = 8;
        double most = 0.0;
        for (int part = 0; part < cuts; ++part) {
            const double from = low + (high - low) * part / cuts, to = low + (high - low) * (part + 1) / cuts;
            const double rate = std::log1p(direct_[k] * to / at_.noise_low[k]) * inverse_ln_2;
            most = std::max(most, problem_.weights[k] * rate / consumed(from));
            if (!(high > low)) break;
        }
        return most;
    }

    void look(const double* low, const double* high) {
        interference(low, at_.noise_low);
        interference(high, at_.noise_high);
        for (int64_t k = 0; k < links_; ++k) {
            at_.signal_low[k] = direct_[k] * low[k];
            at_.signal_high[k] = direct_[k] * high[k];
            at_.rate_low[k] = std::log1p(at_.signal_low[k] / at_.noise_high[k]) * inverse_ln_2;
            at_.rate_high[k] = std::log1p(at_.signal_high[k] / at_.noise_low[k]) * inverse_ln_2;
        }
    }

    // All powers scaled up together raise every rate: some link is at full power.
    bool keep_full_power(double* low, const double* high) const {
        int64_t full = 0, last = -1;
        for (int64_t k = 0; k < links_; ++k)
            if (high[k] >= 1.0) ++full, last = k;
        if (full == 1) low[last] = 1.0;
        return full > 0;
    }

    // Where the utility only grows, or only falls, with a power over the whole box, an optimum lies on the box's
    // border, and at that of all powers.
    Verdict slopes(double* low, double* high, bool& changed) {
        double least_harm[most_links], most_harm[most_links], least_slope[most_links], most_slope[most_links];
        for (int64_t k = 0; k < links_; ++k) {
            const double weight = problem_.weights[k];
            const double share_low = at_.signal_low[k] / (at_.noise_high[k] + at_.signal_low[k]);
            const double share_high = at_.signal_high[k] / (at_.noise_low[k] + at_.signal_high[k]);
            if (problem_.ratios()) {
                least_slope[k] = weight / consumed(high[k]);
                most_slope[k] = weight / consumed(low[k]);
                most_harm[k] = most_slope[k] * share_high / at_.noise_low[k];
            } else {
                least_slope[k] = weight * problem_.benefit.slope(at_.rate_high[k]);
                most_slope[k] = weight * problem_.benefit.slope(at_.rate_low[k]);
                const double harm =
                    problem_.benefit.most_harm(at_.rate_low[k], at_.rate_high[k], share_low, share_high);
                most_harm[k] = weight * harm / at_.noise_low[k];
            }
            least_harm[k] = least_slope[k] * share_low / at_.noise_high[k];
        }
        for (int64_t k = 0; k < links_; ++k) {
            if (!(high[k] > low[k])) continue;
            double harm_low = 0.0, harm_high = 0.0;
            const double* column = column_ + k * links_;
            for (int64_t j = 0; j < links_; ++j) {
                harm_low += column[j] * least_harm[j];
                harm_high += column[j] * most_harm[j];
            }
            const double paid = problem_.price[k] / inverse_ln_2;
            double gain_low = least_slope[k] * direct_[k] / (at_.noise_high[k] + at_.signal_high[k]);
            double gain_high = most_slope[k] * direct_[k] / (at_.noise_low[k] + at_.signal_low[k]);
            double margin = 1e-12 * (gain_high + harm_high + paid);
            if (problem_.ratios()) {
                // d/dp of R / c is R' / c - R / (efficiency c^2).
                const double scale = problem_.efficiency * inverse_ln_2;
                const double paid_high = most_slope[k] * at_.rate_high[k] / (consumed(low[k]) * scale);
                gain_low -= paid_high;
                gain_high -= least_slope[k] * at_.rate_low[k] / (consumed(high[k]) * scale);
                margin += 1e-12 * paid_high;
            }
            if (gain_low - harm_high - paid > margin) {
                if (high[k] < 1.0) return Verdict::discarded;
                low[k] = high[k];
                changed = true;
            } else if (gain_high - harm_low - paid < -margin) {
                if (low[k] > 0.0) return Verdict::discarded;
                high[k] = low[k];
                changed = true;
            }
        }
        return Verdict::open;
    }

    // An upper bound that is linear in the powers: beta and log2(noise + signal) below their tangents at a point,
    // -log2(noise) below its chord over the box. Its error falls with the square of the box's size. Rates and
    // interference at the point have been computed.
    double tangents(const double* low, const double* high, const double* inside) const {
        double slope[most_links], total[most_links], chord[most_links];
        double sum = 0.0, magnitude = 0.0;
        for (int64_t k = 0; k < links_; ++k) {
            const double weight = problem_.weights[k];
            slope[k] = weight == 0.0 ? 0.0 : weight * problem_.benefit.slope(rate_[k]);
            const double whole = noise_[k] + direct_[k] * inside[k];
            const double wide = at_.noise_high[k] - at_.noise_low[k];
            const double ratio = wide / at_.noise_low[k];
            chord[k] = wide > 0.0 ? slope[k] * std::log1p(ratio) * inverse_ln_2 / wide : 0.0;
            total[k] = slope[k] * inverse_ln_2 / whole;
            // log2(T0) - log2(IL) - R0 is log2(I0 / IL).
            const double base = weight == 0.0 ? 0.0 : weight * problem_.benefit.value(rate_[k]);
            const double rest = slope[k] * std::log1p((noise_[k] - at_.noise_low[k]) / at_.noise_low[k]) * inverse_ln_2;
            const double tangent = total[k] * (1.0 - whole), line = chord[k] * (1.0 - at_.noise_low[k]);
            sum += base + rest + tangent - line;
            magnitude += std::fabs(base) + std::fabs(rest) + std::fabs(tangent) + std::fabs(line);
        }
        for (int64_t j = 0; j < links_; ++j) {
            const double* column = column_ + j * links_;
            double grows = total[j] * direct_[j], falls = problem_.price[j];
            for (int64_t k = 0; k < links_; ++k) grows += column[k] * total[k], falls += column[k] * chord[k];
            const double at = grows > falls ? high[j] : low[j];
            sum += (grows - falls) * at;
            magnitude += (grows + falls) * at;
        }
        return sum + rounding * magnitude;
    }

    const Problem& problem_;
    const int64_t links_;
    double column_[most_links * most_links], direct_[most_links], reach_[most_links];
    double noise_[most_links], rate_[most_links];
    Corners at_;
};

}  // namespace gfm_ra
