// Limits of one network's powers, and how powers that break them are brought within.
#pragma once

#include <algorithm>

#include "bands/task.hpp"
#include "common/workspace.hpp"
#include "solvers/links.hpp"

namespace gfm_ra {

// Smaller powers count as none: nobody hears them, solvers/links.hpp.
constexpr float least_power = audible * audible;
// Sums that are brought within a limit end this part below it, so that a sum in float32 stays within too.
constexpr double margin = 0x1p-22;

// Arrays of [F, stride] and [stride]; what lies beyond the links is 0.
struct Room {
    int64_t links, bands, stride, groups;
    const int32_t* group;  // [K]
    float *most, *cap;     // [F, stride]: largest power as given; the same, 0 where another link has the band
    float* total;          // [stride]
    float* group_total;    // [G]
    double* sums;          // [G]

    void place(Workspace& memory, const BandsTask& task, int64_t width) {
        links = task.links;
        bands = task.bands;
        groups = task.groups;
        stride = (links + width - 1) / width * width;
        group = task.group;
        most = memory.array(bands * stride);
        cap = memory.array(bands * stride);
        total = memory.array(stride);
        group_total = memory.array(groups);
        sums = reinterpret_cast<double*>(memory.array(2 * groups));
    }

    // Limits of a network. Where a link or its group may not be heard, it has no power in any band.
    void read(const BandsTask& task, int64_t index) {
        std::memcpy(group_total, task.group_total + index * groups, groups * sizeof(float));
        std::memcpy(total, task.total + index * links, links * sizeof(float));
        for (int64_t f = 0; f < bands; ++f)
            for (int64_t k = 0; k < links; ++k) {
                float within = std::min(task.per_band[index * task.entries() + f * links + k], total[k]);
                if (group[k] >= 0) within = std::min(within, group_total[group[k]]);
                most[f * stride + k] = within >= least_power ? within : 0.0f;
            }
        reopen();
    }

    void reopen() { std::memcpy(cap, most, bands * stride * sizeof(float)); }

    double sum_of(const float* power, int64_t k) const {
        double sum = 0.0;
        for (int64_t f = 0; f < bands; ++f) sum += static_cast<double>(power[f * stride + k]);
        return sum;
    }

    // Bring powers [F, stride] within all limits: each within its own, then the links' sums and the groups' scaled down.
    void fit(float* power) const {
        for (int64_t at = 0; at < bands * stride; ++at) power[at] = std::min(std::max(power[at], 0.0f), cap[at]);
        for (int64_t g = 0; g < groups; ++g) sums[g] = 0.0;
        for (int64_t k = 0; k < links; ++k) {
            scale(power, k, sum_of(power, k), static_cast<double>(total[k]));
            if (group[k] >= 0) sums[group[k]] += sum_of(power, k);
        }
        for (int64_t k = 0; k < links; ++k)
            if (group[k] >= 0) scale(power, k, sums[group[k]], static_cast<double>(group_total[group[k]]));
        for (int64_t at = 0; at < bands * stride; ++at) power[at] = power[at] >= least_power ? power[at] : 0.0f;
    }

  private:
    void scale(float* power, int64_t k, double sum, double most_of_sum) const {
        if (sum <= most_of_sum) return;
        const double factor = most_of_sum / sum * (1.0 - margin);
        for (int64_t f = 0; f < bands; ++f) {
            float& one = power[f * stride + k];
            one = static_cast<float>(static_cast<double>(one) * factor);
        }
    }
};

}  // namespace gfm_ra
