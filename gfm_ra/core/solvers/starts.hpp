// Random starting powers, keyed by seed, snapshot, start and link, so that batching and threads change nothing.
//
// Source of the generator: Steele, Lea and Flood, Fast splittable pseudorandom number generators, OOPSLA 2014
// (SplitMix64, used as a counter-based hash).
#pragma once

#include <cstdint>

namespace gfm_ra {

constexpr uint64_t golden = 0x9e3779b97f4a7c15u;

inline uint64_t mix(uint64_t state) {
    state = (state ^ (state >> 30)) * 0xbf58476d1ce4e5b9u;
    state = (state ^ (state >> 27)) * 0x94d049bb133111ebu;
    return state ^ (state >> 31);
}

// Key of one start of one snapshot.
inline uint64_t start_key(uint64_t seed, uint64_t snapshot, uint64_t start) {
    uint64_t key = mix(seed + golden);
    key = mix(key + golden * (snapshot + 1));
    return mix(key + golden * (start + 1));
}

// Uniform in (0, 1] for one link of a start: 24 bits, centred in their cells (the last one rounds to 1).
inline float uniform(uint64_t key, uint64_t link) {
    const uint64_t bits = mix(key + golden * (link + 1)) >> 40;
    return (static_cast<float>(bits) + 0.5f) * 0x1p-24f;
}

// Starting powers of one snapshot: start 0 is full or given power, the others are drawn.
struct Draw {
    uint64_t seed, snapshot;
    const float* given;  // [links] for start 0; null for full power

    float operator()(int64_t start, uint64_t key, int64_t link) const {
        if (start > 0) return uniform(key, static_cast<uint64_t>(link));
        return given ? given[link] : 1.0f;
    }
    uint64_t key(int64_t start) const { return start_key(seed, snapshot, static_cast<uint64_t>(start)); }
};

}  // namespace gfm_ra
