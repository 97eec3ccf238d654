// Orthogonal sharing: of links with one number at most one has power in each band.
#pragma once

#include "bands/state.hpp"

namespace gfm_ra {

// Slope of a goal at a rate.
inline float slope_at(Kind kind, Parameters goal, float rate) {
    const Float4 rates = all<Float4>(rate);
    switch (kind) {
        case Kind::sum_rate: return 1.0f;
        case Kind::proportional_fair: return judge<Kind::proportional_fair, false>(rates, goal).slope[0];
        case Kind::qos: return judge<Kind::qos, false>(rates, goal).slope[0];
        case Kind::alpha_fair: return judge<Kind::alpha_fair, false>(rates, goal).slope[0];
    }
    return 1.0f;
}

// Rate of a link in a band at a power, with the links of its own number silent there.
template <class F> float rate_alone(const BandsState<F>& s, const int32_t* sharing, int64_t f, int64_t k, float power) {
    const float* row = s.natural + (f * s.links + k) * s.stride;
    float sum = noise;
    for (int64_t j = 0; j < s.links; ++j)
        if (sharing[j] != sharing[k]) sum += row[j] * s.power[f * s.stride + j];
    return log2_of_one_plus(all<Float4>(s.direct[f * s.stride + k] * power / sum))[0];
}

// Choose who of each number has a band: the only one that has power there, or else the one that gains the goal most by
// it with all the power that they have there together, given the bands it has been given before. The others are silent
// from now on.
template <class F> void share(BandsState<F>& s, const BandsTask& task) {
    const int32_t* sharing = task.sharing;
    s.fill(s.rate, s.stride, 0.0f);
    for (int64_t f = 0; f < s.bands; ++f) {
        float *power = s.power + f * s.stride, *cap = s.room.cap + f * s.stride;
        for (int64_t number = 0; number < task.shared; ++number) {
            float together = 0.0f;
            int64_t heard = 0, only = -1;
            for (int64_t k = 0; k < s.links; ++k) {
                if (sharing[k] != number || power[k] <= 0.0f) continue;
                together += power[k];
                only = k;
                ++heard;
            }
            int64_t chosen = -1;
            float most = -1.0f, its_rate = 0.0f;
            for (int64_t k = 0; k < s.links; ++k) {
                if (sharing[k] != number || (heard == 1 && k != only)) continue;
                const float rate = rate_alone(s, sharing, f, k, std::min(cap[k], together));
                const float worth = s.weight[k] * slope_at(task.kind, task.goal, s.rate[k] + 0.5f * rate) * rate;
                if (!(worth > most)) continue;
                most = worth;
                chosen = k;
                its_rate = rate;
            }
            for (int64_t k = 0; k < s.links; ++k) {
                if (sharing[k] != number) continue;
                if (k == chosen) {
                    s.rate[k] += its_rate;
                    power[k] = std::min(cap[k], together);
                } else {
                    power[k] = cap[k] = 0.0f;
                }
            }
        }
    }
    s.begin();
}

}  // namespace gfm_ra
