// Iterative water-filling: each player in turn takes the powers that are best for its own rates, given the interference
// at that moment. A player is a link, or a group, whose links share a budget.
//
// A link's best powers are p_f = min(cap_f, max(0, level - I_f / g_f)); the level is the largest one at which its sum
// fits, and within a group the same for all links whose own limit does not bite first.
//
// Source: Yu, Ginis and Cioffi, Distributed multiuser power control for digital subscriber lines, IEEE J. Sel. Areas
// Commun. 2002.
#pragma once

#include <cmath>

#include "bands/room.hpp"

namespace gfm_ra {

class WaterFilling {
  public:
    explicit WaterFilling(const BandsTask& task) : task_(task) {}

    bool prepare() {
        place();
        if (!memory_.allocate()) return false;
        place();
        return true;
    }

    void solve(int64_t index) {
        room_.read(task_, index);
        gain_ = task_.gain + index * task_.bands * task_.links * task_.links;
        admit();
        std::memset(power_, 0, task_.bands * room_.stride * sizeof(float));
        for (int64_t round = 0; round < task_.iterations; ++round)
            for (int64_t k = 0; k < task_.links; ++k) {
                const int32_t g = task_.group[k];
                if (g < 0) play(k, -1);
                else if (first_of(g) == k) play(k, g);
            }
        room_.fit(power_);
        for (int64_t f = 0; f < task_.bands; ++f)
            std::memcpy(task_.power + index * task_.entries() + f * task_.links, power_ + f * room_.stride,
                        task_.links * sizeof(float));
    }

  private:
    static constexpr int halvings = 100;

    void place() {
        room_.place(memory_, task_, 1);
        power_ = memory_.array(task_.bands * room_.stride);
        floor_ = reinterpret_cast<double*>(memory_.array(2 * task_.bands * room_.stride));
        level_ = reinterpret_cast<double*>(memory_.array(2 * room_.stride));
    }

    int64_t first_of(int32_t group) const {
        int64_t k = 0;
        while (task_.group[k] != group) ++k;
        return k;
    }

    // Under orthogonal sharing a band belongs to the link that would be received best in it.
    void admit() {
        for (int64_t f = 0; f < task_.bands; ++f)
            for (int64_t number = 0; number < task_.shared; ++number) {
                int64_t chosen = -1;
                double most = -1.0;
                for (int64_t k = 0; k < task_.links; ++k) {
                    if (task_.sharing[k] != number) continue;
                    const double received = own_gain(f, k) * static_cast<double>(room_.cap[f * room_.stride + k]);
                    if (received > most) chosen = k;
                    most = std::max(most, received);
                }
                for (int64_t k = 0; k < task_.links; ++k)
                    if (task_.sharing[k] == number && k != chosen) room_.cap[f * room_.stride + k] = 0.0f;
            }
    }

    double own_gain(int64_t f, int64_t k) const {
        return static_cast<double>(gain_[(f * task_.links + k) * task_.links + k]);
    }

    template <class Each> void each_of(int64_t link, int32_t group, const Each& each) const {
        if (group < 0) return each(link);
        for (int64_t k = link; k < task_.links; ++k)
            if (task_.group[k] == group) each(k);
    }

    // One turn of a link or of a group.
    void play(int64_t link, int32_t group) {
        double highest = 0.0;
        each_of(link, group, [&](int64_t k) {
            hear(k);
            level_[k] = level_of(k);
            highest = std::max(highest, level_[k]);
        });
        double level = highest;
        if (group >= 0) {
            const double most = static_cast<double>(room_.group_total[group]);
            const auto sum = [&](double water) {
                double total = 0.0;
                each_of(link, group, [&](int64_t k) { total += poured(k, std::min(water, level_[k])); });
                return total;
            };
            level = highest_within(sum, highest, most);
        }
        each_of(link, group, [&](int64_t k) {
            for (int64_t f = 0; f < task_.bands; ++f)
                power_[f * room_.stride + k] = static_cast<float>(part(f, k, std::min(level, level_[k])));
        });
    }

    // Interference plus noise of a link over its own gain in every band; without a gain nothing is poured.
    void hear(int64_t k) {
        for (int64_t f = 0; f < task_.bands; ++f) {
            const float* row = gain_ + (f * task_.links + k) * task_.links;
            double sum = 1.0;
            for (int64_t j = 0; j < task_.links; ++j)
                if (j != k) sum += static_cast<double>(row[j]) * static_cast<double>(power_[f * room_.stride + j]);
            const double own = own_gain(f, k);
            floor_[f * room_.stride + k] = own > 0.0 ? sum / own : INFINITY;
        }
    }

    double part(int64_t f, int64_t k, double level) const {
        const double cap = static_cast<double>(room_.cap[f * room_.stride + k]);
        return std::min(cap, std::max(0.0, level - floor_[f * room_.stride + k]));
    }
    double poured(int64_t k, double level) const {
        double sum = 0.0;
        for (int64_t f = 0; f < task_.bands; ++f) sum += part(f, k, level);
        return sum;
    }

    // The highest level at which a link's sum fits its limit.
    double level_of(int64_t k) const {
        double full = 0.0;
        for (int64_t f = 0; f < task_.bands; ++f) {
            const double floor = floor_[f * room_.stride + k], cap = static_cast<double>(room_.cap[f * room_.stride + k]);
            if (floor < INFINITY && cap > 0.0) full = std::max(full, floor + cap);
        }
        return highest_within([&](double water) { return poured(k, water); }, full, static_cast<double>(room_.total[k]));
    }

    // The highest level up to `full` at which a sum that grows with it is at most `most`; it ends where it fits.
    template <class Sum> static double highest_within(const Sum& sum, double full, double most) {
        if (sum(full) <= most) return full;
        double low = 0.0, high = full;
        for (int step = 0; step < halvings; ++step) {
            const double middle = 0.5 * (low + high);
            if (middle <= low || middle >= high) break;
            if (sum(middle) <= most) low = middle;
            else high = middle;
        }
        return low;
    }

    const BandsTask& task_;
    Workspace memory_;
    Room room_;
    const float* gain_ = nullptr;
    float* power_ = nullptr;                       // [F, K]
    double *floor_ = nullptr, *level_ = nullptr;  // [F, K], [K]
};

}  // namespace gfm_ra
