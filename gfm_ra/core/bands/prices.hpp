// Prices of power: what the limits of links' and groups' sums add to the cost of each power.
//
// In an iteration a link's next power in band f depends on the price x of its power alone,
//
//     p_f(x) = min(cap_f, p_f q_f^2)   or   min(cap_f, p_f q_f),   q_f = numerator_f / (divisor_f + x)
//
// and falls with it. The price is the larger one of two: the least at which the link's sum fits its own limit, and the
// least at which the sum over its group, each link at the larger one of the two, fits the group's.
//
// Each is the root of a decreasing function: Newton steps on a power of the sum that is nearly linear in x, within a
// bracket whose upper end is known to fit. A lane that has its root stands still, so that it does not matter for its bits
// which links stand beside it.
#pragma once

#include <cmath>

#include "bands/room.hpp"

namespace gfm_ra {

constexpr int most_steps = 30;
// Sums end between (1 - 2 slack) and 1 of their limits.
constexpr float slack = 0x1p-20f;
constexpr float largest_price = 1e38f, largest_ratio = 1e15f, largest_numerator = 1e25f, least_reach = 1e-35f;
// Brackets wider than this ratio are halved by their logarithms.
constexpr float wide = 16.0f, narrowing = 0x1p-20f;

template <class F> struct Used {
    F power, slope;  // sum over bands, and by how much it falls per unit of price
};

template <class F> struct Prices {
    const Room* room;
    const float* power;                                // [F, stride]: present powers
    float *numerator, *divisor, *is_linear;            // [F, stride]; is_linear: 1 where p_f q_f counts, else 0
    float *own, *price, *used, *slope, *wide_1, *wide_2;  // [stride]
    double *low, *high, *mean, *falling;               // [G]: bracket, present price, slope of the sum
    int32_t* found;                                    // [G]

    void place(Workspace& memory, const Room& limits) {
        room = &limits;
        for (float** array : {&numerator, &divisor, &is_linear}) *array = memory.array(limits.bands * limits.stride);
        for (float** array : {&own, &price, &used, &slope, &wide_1, &wide_2}) *array = memory.array(limits.stride);
        for (double** array : {&low, &high, &mean, &falling}) *array = reinterpret_cast<double*>(memory.array(2 * limits.groups));
        found = reinterpret_cast<int32_t*>(memory.array(limits.groups));
    }

    // No prices yet.
    void begin() {
        std::memset(own, 0, room->stride * sizeof(float));
        std::memset(price, 0, room->stride * sizeof(float));
        for (int64_t g = 0; g < room->groups; ++g) mean[g] = 0.0;
    }

    // Prices for what the arrays hold; the last ones are where the search begins.
    void find() {
        for (int64_t at = 0; at < room->stride; at += lanes<F>) {
            find_own(at);
            store(price + at, load<F>(own + at));
        }
        if (room->groups > 0) find_of_groups();
    }

  private:
    Used<F> used_at(int64_t at, F x) const {
        Used<F> sum{all<F>(0.0f), all<F>(0.0f)};
        const F one = all<F>(1.0f), two = all<F>(2.0f);
        for (int64_t i = at; i < room->bands * room->stride; i += room->stride) {
            const F inverse = 1.0f / (load<F>(divisor + i) + x), cap = load<F>(room->cap + i);
            const F ratio = smaller(load<F>(numerator + i) * inverse, all<F>(largest_ratio));
            const auto linear = load<F>(is_linear + i) > 0.0f;
            const F wanted = load<F>(power + i) * ratio * select(linear, one, ratio);
            sum.power = sum.power + smaller(wanted, cap);
            sum.slope = sum.slope + select(wanted < cap, wanted * inverse * select(linear, one, two), all<F>(0.0f));
        }
        return sum;
    }

    // Remember the largest powers at a price of 1, of both kinds: no sum is larger than their part of it at any price.
    void find_width(int64_t at) const {
        F first = all<F>(0.0f), second = all<F>(0.0f);
        for (int64_t i = at; i < room->bands * room->stride; i += room->stride) {
            const F top = load<F>(numerator + i), now = load<F>(power + i);
            const auto linear = load<F>(is_linear + i) > 0.0f;
            first = larger(first, select(linear, top * now, all<F>(0.0f)));
            second = larger(second, select(linear, all<F>(0.0f), top * root(now)));
        }
        store(wide_1 + at, first);
        store(wide_2 + at, second);
    }

    void find_own(int64_t at) {
        find_width(at);
        const F zero = all<F>(0.0f), most = larger(load<F>(room->total + at), all<F>(least_power));
        const F target = most * (1.0f - slack), least = most * (1.0f - 2.0f * slack);
        const F parts_of = all<F>(static_cast<float>(room->bands)) / target;
        F high = larger(load<F>(wide_1 + at) * parts_of, load<F>(wide_2 + at) * root(parts_of));
        high = smaller(high, all<F>(largest_price));
        F low = all<F>(-1.0f), x = smaller(load<F>(own + at), high);
        auto open = low < 0.0f;
        for (int step = 0; step < most_steps; ++step) {
            const Used<F> sum = used_at(at, x);
            const auto over = sum.power > most;
            open = open & ~(~over & ((sum.power >= least) | ~(x > 0.0f)));
            if (!any(open)) break;
            low = select(over, x, low);
            high = select(over, high, smaller(high, x));
            const F ratio = sum.power / target, reach = sum.power / larger(sum.slope, all<F>(least_reach));
            const F next = larger(x + select(over, 2.0f * (root(ratio) - 1.0f), ratio - 1.0f) * reach, zero);
            const F middle = select(high > low * wide, root(larger(low, high * narrowing) * high), 0.5f * (low + high));
            const auto inside = (next > low) & (next < high);
            x = select(open, select(inside, next, middle), x);
        }
        store(own + at, select(open, high, x));
    }

    void find_of_groups() {
        const int64_t groups = room->groups;
        for (int64_t g = 0; g < groups; ++g) {
            low[g] = -1.0;
            high[g] = 0.0;
            found[g] = 0;
            room->sums[g] = 0.0;
        }
        for (int64_t k = 0; k < room->links; ++k)
            if (room->group[k] >= 0) room->sums[room->group[k]] += static_cast<double>(room->bands);
        for (int64_t k = 0; k < room->links; ++k) {
            const int64_t g = room->group[k];
            if (g < 0) continue;
            const double parts_of = room->sums[g] / std::max<double>(room->group_total[g], least_power) * (1.0 + 1e-5);
            high[g] = std::max({high[g], wide_1[k] * parts_of, wide_2[k] * std::sqrt(parts_of)});
        }
        for (int64_t g = 0; g < groups; ++g) mean[g] = std::min(mean[g], high[g] = std::min(high[g], 1e38));
        for (int step = 0; step < most_steps; ++step) {
            use_group_prices();
            add_up();
            bool open = false;
            for (int64_t g = 0; g < groups; ++g)
                if (!found[g]) open |= !narrow(g);
            if (!open) return;
        }
        for (int64_t g = 0; g < groups; ++g)
            if (!found[g]) mean[g] = high[g];
        use_group_prices();
    }

    // What links use where each pays the larger one of its own price and its group's.
    void use_group_prices() const {
        for (int64_t k = 0; k < room->links; ++k) {
            const int64_t g = room->group[k];
            price[k] = g < 0 ? own[k] : std::max(own[k], static_cast<float>(mean[g]));
        }
        for (int64_t at = 0; at < room->stride; at += lanes<F>) {
            const Used<F> sum = used_at(at, load<F>(price + at));
            store(used + at, sum.power);
            const F now = load<F>(price + at);
            store(slope + at, select((now > load<F>(own + at)) | ~(now > 0.0f), sum.slope, all<F>(0.0f)));
        }
    }

    // Sums over the groups' links.
    void add_up() const {
        for (int64_t g = 0; g < room->groups; ++g) room->sums[g] = falling[g] = 0.0;
        for (int64_t k = 0; k < room->links; ++k) {
            const int64_t g = room->group[k];
            if (g < 0) continue;
            room->sums[g] += static_cast<double>(used[k]);
            falling[g] += static_cast<double>(slope[k]);
        }
    }

    // One step towards a group's price; true where it is found.
    bool narrow(int64_t g) const {
        const double most = std::max<double>(room->group_total[g], least_power), x = mean[g], sum = room->sums[g];
        const bool over = sum > most;
        if (!over && (sum >= most * (1.0 - 2.0 * slack) || x <= 0.0)) {
            found[g] = 1;
            return true;
        }
        if (over) low[g] = x;
        else high[g] = std::min(high[g], x);
        const double ratio = sum / (most * (1.0 - slack)), reach = sum / std::max<double>(falling[g], least_reach);
        const double next = std::max(x + (over ? 2.0 * (std::sqrt(ratio) - 1.0) : ratio - 1.0) * reach, 0.0);
        const double middle = high[g] > low[g] * wide ? std::sqrt(std::max<double>(low[g], high[g] * narrowing) * high[g])
                                                      : 0.5 * (low[g] + high[g]);
        mean[g] = next > low[g] && next < high[g] ? next : middle;
        return false;
    }
};

}  // namespace gfm_ra
