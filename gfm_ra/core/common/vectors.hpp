// Vectors of float32 and the few operations on them that kernels need, with the same bits on every instruction set.
//
// The types are the compiler's own vector types, so + - * / and comparisons are operators. Whatever rounds is spelled
// out: sums are never rearranged, and a multiply-add is fused where `fma` says so and nowhere else (the objects are
// compiled with -ffp-contract=off). Without a fused unit (x86-64 before 2013) `fma` rounds twice.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#else
#error "the core is written for x86-64 and arm64"
#endif

#define GFM_RA_INLINE inline __attribute__((always_inline))
#define GFM_RA_LAMBDA __attribute__((always_inline))  // after a lambda's parameters

namespace gfm_ra {

typedef float Float4 __attribute__((vector_size(16)));
typedef float Float8 __attribute__((vector_size(32)));
typedef float Float16 __attribute__((vector_size(64)));
typedef int32_t Int4 __attribute__((vector_size(16)));
typedef int32_t Int8 __attribute__((vector_size(32)));
typedef int32_t Int16 __attribute__((vector_size(64)));

template <class F> struct IntegersOf;
template <> struct IntegersOf<Float4> { using type = Int4; };
template <> struct IntegersOf<Float8> { using type = Int8; };
template <> struct IntegersOf<Float16> { using type = Int16; };
// Whole numbers as wide as F's; also what a comparison of two F gives: all bits set where it holds.
template <class F> using Integers = typename IntegersOf<F>::type;

template <class F> constexpr int lanes = sizeof(F) / sizeof(float);

template <class F> GFM_RA_INLINE void store(float* to, F value) { std::memcpy(to, &value, sizeof value); }

// a in the lanes where a comparison holds, b in the others.
template <class I, class F> GFM_RA_INLINE F select(I mask, F a, F b) { return mask ? a : b; }

GFM_RA_INLINE Float4 to_float(Int4 value) { return __builtin_convertvector(value, Float4); }

// Towards zero.
template <class F> GFM_RA_INLINE Integers<F> to_integer(F value) { return __builtin_convertvector(value, Integers<F>); }

// The same number in every lane. (`F{} + value` would cost an addition: 0 + -0 is not -0.)
template <class F> GFM_RA_INLINE F spread(float value);

template <class F> GFM_RA_INLINE F fma(F a, F b, F c) { return a * b + c; }

// Whether a comparison holds in at least one lane.
GFM_RA_INLINE bool any(Int4 mask);

// The larger and the smaller of two; the second where they are equal.
template <class F> GFM_RA_INLINE F larger(F a, F b) { return a > b ? a : b; }
template <class F> GFM_RA_INLINE F smaller(F a, F b) { return a < b ? a : b; }

#if defined(__x86_64__)

template <> GFM_RA_INLINE Float4 spread<Float4>(float value) { return _mm_set1_ps(value); }
GFM_RA_INLINE bool any(Int4 mask) { return _mm_movemask_ps(reinterpret_cast<__m128>(mask)) != 0; }
GFM_RA_INLINE Float4 root(Float4 value) { return _mm_sqrt_ps(value); }
template <> GFM_RA_INLINE Float4 larger(Float4 a, Float4 b) { return _mm_max_ps(a, b); }
template <> GFM_RA_INLINE Float4 smaller(Float4 a, Float4 b) { return _mm_min_ps(a, b); }

#if defined(__AVX2__) && defined(__FMA__)
GFM_RA_INLINE Float8 to_float(Int8 value) { return __builtin_convertvector(value, Float8); }
template <> GFM_RA_INLINE Float8 spread<Float8>(float value) { return _mm256_set1_ps(value); }
GFM_RA_INLINE bool any(Int8 mask) { return _mm256_movemask_ps(reinterpret_cast<__m256>(mask)) != 0; }
GFM_RA_INLINE Float8 root(Float8 value) { return _mm256_sqrt_ps(value); }
template <> GFM_RA_INLINE Float8 larger(Float8 a, Float8 b) { return _mm256_max_ps(a, b); }
template <> GFM_RA_INLINE Float8 smaller(Float8 a, Float8 b) { return _mm256_min_ps(a, b); }
template <> GFM_RA_INLINE Float4 fma(Float4 a, Float4 b, Float4 c) { return _mm_fmadd_ps(a, b, c); }
template <> GFM_RA_INLINE Float8 fma(Float8 a, Float8 b, Float8 c) { return _mm256_fmadd_ps(a, b, c); }
#endif

#if defined(__AVX512F__)
GFM_RA_INLINE Float16 to_float(Int16 value) { return __builtin_convertvector(value, Float16); }
template <> GFM_RA_INLINE Float16 spread<Float16>(float value) { return _mm512_set1_ps(value); }
GFM_RA_INLINE bool any(Int16 mask) {
    return _mm512_test_epi32_mask(reinterpret_cast<__m512i>(mask), reinterpret_cast<__m512i>(mask)) != 0;
}
GFM_RA_INLINE Float16 root(Float16 value) { return _mm512_sqrt_ps(value); }
template <> GFM_RA_INLINE Float16 larger(Float16 a, Float16 b) { return _mm512_max_ps(a, b); }
template <> GFM_RA_INLINE Float16 smaller(Float16 a, Float16 b) { return _mm512_min_ps(a, b); }
template <> GFM_RA_INLINE Float16 fma(Float16 a, Float16 b, Float16 c) { return _mm512_fmadd_ps(a, b, c); }
#endif

#else  // arm64; its own max and min order 0 and -0 differently, so the comparisons above stay

template <> GFM_RA_INLINE Float4 spread<Float4>(float value) { return vdupq_n_f32(value); }
GFM_RA_INLINE bool any(Int4 mask) { return vmaxvq_u32(reinterpret_cast<uint32x4_t>(mask)) != 0; }
GFM_RA_INLINE Float4 root(Float4 value) { return vsqrtq_f32(value); }
template <> GFM_RA_INLINE Float4 fma(Float4 a, Float4 b, Float4 c) { return vfmaq_f32(c, a, b); }

#endif

template <class F> GFM_RA_INLINE Integers<F> bits_of(F value) {
    Integers<F> bits;
    std::memcpy(&bits, &value, sizeof bits);
    return bits;
}

// How a vector of type F is made.
template <class F> struct Make {
    static GFM_RA_INLINE F load(const float* from) {
        F value;
        std::memcpy(&value, from, sizeof value);
        return value;
    }
    static GFM_RA_INLINE F all(float value) { return spread<F>(value); }
    static GFM_RA_INLINE F float_of(Integers<F> bits) {
        F value;
        std::memcpy(&value, &bits, sizeof value);
        return value;
    }
};

template <class F> GFM_RA_INLINE F load(const float* from) { return Make<F>::load(from); }
template <class F> GFM_RA_INLINE F all(float value) { return Make<F>::all(value); }
template <class F> GFM_RA_INLINE F float_of(Integers<F> bits) { return Make<F>::float_of(bits); }

template <class F> GFM_RA_INLINE F absolute(F value) { return float_of<F>(bits_of(value) & 0x7fffffff); }

// The widest vectors of the instruction set that this is compiled for, and the machine's number of them.
#if defined(__AVX512F__)
using Widest = Float16;
constexpr int registers = 32;
#elif defined(__AVX2__) && defined(__FMA__)
using Widest = Float8;
constexpr int registers = 16;
#elif defined(__aarch64__)
using Widest = Float4;
constexpr int registers = 32;
#else
using Widest = Float4;
constexpr int registers = 16;
#endif

}  // namespace gfm_ra
