// What gains look like, in one look over them: `gfm_ra/core/survey.py` says what it is for.
#include <cmath>
#include <cstdint>
#include <cstdlib>

namespace {

struct Survey {
    double least, largest, largest_own;          // of what is known; infinite where nothing is
    int64_t unknown, unknown_own, below, above;  // below: positive in its unit and under the lower limit
    int64_t best_rows, best_columns;             // links whose own gain is the largest of its row, of its column
};

// Gains [count, K, K]; `zero` is the unit's gain of nothing.
template <class Gain>
int32_t survey(const Gain* gain, int64_t count, int64_t links, double zero, double lower, double upper, Survey* found) {
    Gain* column = static_cast<Gain*>(std::malloc(2 * links * sizeof(Gain)));
    if (column == nullptr) return 1;
    Gain* row_best = column + links;
    const Gain nothing = -INFINITY;
    Gain least = INFINITY, largest = nothing, largest_own = nothing;
    *found = {};
    for (int64_t index = 0; index < count; ++index, gain += links * links) {
        for (int64_t j = 0; j < links; ++j) column[j] = nothing;
        for (int64_t k = 0; k < links; ++k) {
            const Gain* row = gain + k * links;
            Gain low = INFINITY, high = nothing;
            int64_t unknown = 0;
            // A comparison with NaN is false: unknown gains change nothing but their count.
            for (int64_t j = 0; j < links; ++j) {
                const Gain value = row[j];
                low = value < low ? value : low;
                high = value > high ? value : high;
                column[j] = value > column[j] ? value : column[j];
                unknown += value != value;
            }
            found->unknown += unknown;
            row_best[k] = high;
            least = low < least ? low : least;
            largest = high > largest ? high : largest;
            if (low < static_cast<Gain>(lower) || high > static_cast<Gain>(upper))
                for (int64_t j = 0; j < links; ++j) {
                    found->below += row[j] > static_cast<Gain>(zero) && row[j] < static_cast<Gain>(lower);
                    found->above += row[j] > static_cast<Gain>(upper);
                }
        }
        for (int64_t k = 0; k < links; ++k) {
            const Gain own = gain[k * links + k];
            largest_own = own > largest_own ? own : largest_own;
            found->unknown_own += own != own;
            found->best_rows += own >= row_best[k];
            found->best_columns += own >= column[k];
        }
    }
    found->least = static_cast<double>(least);
    found->largest = static_cast<double>(largest);
    found->largest_own = static_cast<double>(largest_own);
    std::free(column);
    return 0;
}

}  // namespace

#define GFM_RA_EXPORT extern "C" __attribute__((visibility("default")))

GFM_RA_EXPORT int32_t gfm_ra_survey_float(const float* gain, int64_t count, int64_t links, double zero, double lower,
                                          double upper, Survey* found) {
    return survey(gain, count, links, zero, lower, upper, found);
}

GFM_RA_EXPORT int32_t gfm_ra_survey_double(const double* gain, int64_t count, int64_t links, double zero, double lower,
                                           double upper, Survey* found) {
    return survey(gain, count, links, zero, lower, upper, found);
}
