// WMMSE from one start or from the best of many: which layout solves what, and which start wins.
#pragma once

#include <algorithm>
#include <cfloat>
#include <cmath>

#include "solvers/links_as_lanes.hpp"
#include "solvers/snapshots_as_lanes.hpp"
#include "solvers/starts_as_lanes.hpp"

namespace gfm_ra {

enum class Outcome : int32_t { solved = 0, out_of_memory = 1 };

// What `gfm_ra/solvers/binding.py` passes on; `wmmse` says what it means.
struct Task {
    const float* gain;     // [B, K, K]
    const float* weights;  // [B, K], or [1, K] for all
    const float* initial;  // [B, K], or null
    float* power;          // [B, K]
    int64_t links, weight_rows, starts, iterations;
    uint64_t first_index, seed;
    Kind kind;
    Parameters goal;
    float tolerance;

    const float* weights_of(int64_t index) const { return weights + (weight_rows > 1 ? index : 0) * links; }
    Draw draw_of(int64_t index) const {
        return {seed, first_index + static_cast<uint64_t>(index), initial ? initial + index * links : nullptr};
    }
};

template <Kind kind, bool strong, bool watched, class Layout>
void iterate_for(Layout& layout, const Task& task, float* utility) {
    iterate_damped<kind, strong, watched>(layout, task.iterations, task.tolerance, task.goal, utility);
}

// Iterate a layout from where it stands. Returns where the best powers lie; their utilities go to `utility`, unless it
// is a lone start for the sum rate, which wins whatever its utility.
template <bool watched, class Layout>
const float* iterate_watched(Layout& layout, const Task& task, bool compare, float* utility) {
    switch (task.kind) {
        case Kind::sum_rate:
            iterate_sum_rate<watched>(layout, task.iterations, task.tolerance);
            if (compare) weigh_sum_rate(layout, utility);
            return layout.state.power;
        case Kind::proportional_fair:
            iterate_for<Kind::proportional_fair, false, watched>(layout, task, utility);
            break;
        case Kind::qos:
            iterate_for<Kind::qos, false, watched>(layout, task, utility);
            break;
        case Kind::alpha_fair:
            if (is_strong(task.kind, task.goal)) iterate_for<Kind::alpha_fair, true, watched>(layout, task, utility);
            else iterate_for<Kind::alpha_fair, false, watched>(layout, task, utility);
            break;
    }
    return layout.state.best;
}

template <class Layout> const float* iterate(Layout& layout, const Task& task, bool compare, float* utility) {
    return task.tolerance > 0.0f ? iterate_watched<true>(layout, task, compare, utility)
                                 : iterate_watched<false>(layout, task, compare, utility);
}

// One start of each snapshot from `begin` to `end`.
template <class F> Outcome solve_single_starts(const Task& task, int64_t begin, int64_t end) {
    using Many = SnapshotsAsLanes<F>;
    // A vector with fewer snapshots than this takes longer than the snapshots one by one.
    constexpr int64_t enough = Many::width / 4 + 1;
    Workspace memory;
    LinksAsLanes<F> one;
    Many many;
    const int64_t count = end - begin;
    const bool together = Many::fits(task.links) && count >= enough;
    const auto place = [&] {
        one.place(memory, task.links);
        if (together) many.place(memory, task.links);
    };
    place();
    if (!memory.allocate()) return Outcome::out_of_memory;
    place();
    for (int64_t index = begin; index < end;) {
        const int64_t left = end - index, size = task.links * task.links;
        if (together && left >= enough) {
            const int64_t used = left < Many::width ? left : Many::width;
            many.read(task.gain + index * size, used);
            for (int64_t lane = 0; lane < Many::width; ++lane) {
                const int64_t of = index + (lane < used ? lane : used - 1);
                many.set_weights(lane, task.weights_of(of));
                many.begin(task.draw_of(of), lane);
            }
            many.store_powers();
            float utility[Many::width];
            const float* best = iterate(many, task, false, utility);
            for (int64_t lane = 0; lane < used; ++lane)
                for (int64_t link = 0; link < task.links; ++link)
                    task.power[(index + lane) * task.links + link] = best[link * Many::width + lane];
            index += used;
        } else {
            one.read(task.gain + index * size, task.weights_of(index));
            one.begin(task.draw_of(index), 0);
            float utility;
            const float* best = iterate(one, task, false, &utility);
            std::memcpy(task.power + index * task.links, best, task.links * sizeof(float));
            ++index;
        }
    }
    return Outcome::solved;
}

// The best of several starts of one snapshot after another.
template <class F> class BestOfStarts {
  public:
    explicit BestOfStarts(const Task& task) : task_(task) {}

    Outcome solve(int64_t begin, int64_t end) {
        if (prepare() != Outcome::solved) return Outcome::out_of_memory;
        for (int64_t index = begin; index < end; ++index) solve_one(index);
        return Outcome::solved;
    }

    // Room for the work; needed once, before the first snapshot.
    Outcome prepare() {
        place();
        if (!memory_.allocate()) return Outcome::out_of_memory;
        place();
        return Outcome::solved;
    }

    void solve_one(int64_t index) {
        const int64_t links = task_.links;
        one_.read(task_.gain + index * links * links, task_.weights_of(index));
        if (task_.starts >= enough)
            for (int64_t link = 0; link < links; ++link)
                std::memcpy(half_.gain + link * links, one_.natural + link * one_.stride, links * sizeof(float));
        best_ = -std::numeric_limits<float>::infinity();
        for (int64_t start = 0; start < task_.starts;) {
            const int64_t left = task_.starts - start;
            start += left > Half::width ? run(full_, index, start, Full::width, left)
                     : left >= enough   ? run(half_, index, start, Half::width, left)
                                        : run(one_, index, start, 1, left);
        }
    }

  private:
    using Half = StartsAsLanes<F, 1>;
    using Full = StartsAsLanes<F, 2>;
    // From this many starts on, a tile is faster than one start after the other.
    static constexpr int64_t enough = 7;

    void place() {
        const int64_t links = task_.links;
        one_.place(memory_, links);
        exponent_ = memory_.array(links);
        if (task_.starts < enough) return;
        half_.place(memory_, links);
        half_.gain = memory_.array(links * links);
        half_.direct = one_.direct;
        half_.weight = one_.weight;
        if (task_.starts > Half::width) full_.place(memory_, links);
        full_.gain = half_.gain;
        full_.direct = half_.direct;
        full_.weight = half_.weight;
    }

    // Iterate starts from `start` on and take the best of them if it beats `best_`; returns how many there were.
    template <class Layout> int64_t run(Layout& layout, int64_t index, int64_t start, int64_t width, int64_t left) {
        layout.begin(task_.draw_of(index), start);
        float utility[Full::width];
        const float* powers = iterate(layout, task_, true, utility);
        const int64_t count = left < width ? left : width;
        int64_t chosen = start == 0 ? 0 : -1;  // start 0 needs no utility to win
        const bool strong = is_strong(task_.kind, task_.goal);
        const float* exponents = layout.state.best_exponent;
        if (strong && start == 0) keep_exponents(exponents, width);
        for (int64_t lane = 0; lane < count; ++lane) {
            if (strong ? !loses_less(exponents + lane, width, index) : !(utility[lane] > best_)) continue;
            if (strong) keep_exponents(exponents + lane, width);
            best_ = utility[lane];
            chosen = lane;
        }
        if (chosen < 0) return count;
        for (int64_t link = 0; link < task_.links; ++link)
            task_.power[index * task_.links + link] = powers[link * width + chosen];
        return count;
    }

    void keep_exponents(const float* exponents, int64_t width) {
        for (int64_t link = 0; link < task_.links; ++link) exponent_[link] = exponents[link * width];
    }

    // Whether exponents, as `State` has them, mean a smaller loss than the best ones so far; see `unit_with`.
    bool loses_less(const float* exponents, int64_t width, int64_t index) const {
        const float* weights = task_.weights_of(index);
        float unit = -FLT_MAX;
        for (int64_t link = 0; link < task_.links; ++link) {
            const float before = exponent_[link], now = exponents[link * width];
            if (weights[link] > 0.0f && before != now) unit = std::max(unit, std::max(before, now));
        }
        double sum = 0.0;
        for (int64_t link = 0; link < task_.links; ++link) {
            const double before = exponent_[link], now = exponents[link * width];
            if (weights[link] > 0.0f && before != now)
                sum += static_cast<double>(weights[link]) * (std::exp2(before - unit) - std::exp2(now - unit));
        }
        return sum > 0.0;
    }

    const Task& task_;
    Workspace memory_;
    LinksAsLanes<F> one_;
    Half half_;
    Full full_;
    float best_ = 0.0f;
    float* exponent_ = nullptr;  // [K]: of the best start, under strong fairness
};

}  // namespace gfm_ra
