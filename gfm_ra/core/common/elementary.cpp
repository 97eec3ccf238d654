// The elementary functions over arrays, as tests read them.
#include "common/elementary.hpp"

using namespace gfm_ra;

namespace {

template <class Function> void over(const float* values, int64_t count, float* out, const Function& function) {
    for (int64_t at = 0; at < count; at += lanes<Widest>) {
        const int64_t used = count - at < lanes<Widest> ? count - at : lanes<Widest>;
        float block[lanes<Widest>] = {};
        std::memcpy(block, values + at, used * sizeof(float));
        store(block, function(load<Widest>(block)));
        std::memcpy(out + at, block, used * sizeof(float));
    }
}

}  // namespace

#define GFM_RA_OVER(name)                                                                                     \
    extern "C" __attribute__((visibility("default"))) void gfm_ra_##name(const float* values, int64_t count, \
                                                                         float* out) {                        \
        over(values, count, out, [](Widest value) { return name(value); });                                   \
    }

GFM_RA_OVER(log2_of)
GFM_RA_OVER(log2_of_one_plus)
GFM_RA_OVER(exp2_of)
GFM_RA_OVER(exp2_less_one_of)
