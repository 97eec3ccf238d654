// One or two vectors, or packs of them, that go through the same operations together.
//
// Element-wise code is a chain of dependent operations of some hundred cycles. Two chains whose instructions alternate
// keep the units twice as busy as one after the other: the processor looks ahead over a few hundred instructions only,
// and compilers do not interleave chains by themselves.
#pragma once

#include "common/vectors.hpp"

namespace gfm_ra {

template <class F, int count> struct Pack {
    F at[count];
};

template <class F, int count> struct IntegersOf<Pack<F, count>> { using type = Pack<Integers<F>, count>; };
template <class F, int count> constexpr int lanes<Pack<F, count>> = count * lanes<F>;

// One or two results of an expression in i, without a loop: thousands of small loops take the compiler minutes.
#define GFM_RA_EACH(result, expression)               \
    static_assert(count == 1 || count == 2);          \
    constexpr int i = 0;                              \
    const result first = (expression);                \
    if constexpr (count == 2) {                       \
        constexpr int i = 1;                          \
        return Pack<result, count>{{first, (expression)}}; \
    } else {                                          \
        return Pack<result, count>{{first}};          \
    }

#define GFM_RA_OPERATOR(sign, result)                                                                            \
    template <class F, int count> GFM_RA_INLINE Pack<result, count> operator sign(Pack<F, count> a, Pack<F, count> b) { \
        GFM_RA_EACH(result, a.at[i] sign b.at[i]);                                                               \
    }                                                                                                            \
    template <class F, class S, int count> GFM_RA_INLINE Pack<result, count> operator sign(Pack<F, count> a, S b) {     \
        GFM_RA_EACH(result, a.at[i] sign b);                                                                     \
    }

GFM_RA_OPERATOR(+, F)
GFM_RA_OPERATOR(-, F)
GFM_RA_OPERATOR(*, F)
GFM_RA_OPERATOR(/, F)
GFM_RA_OPERATOR(&, F)
GFM_RA_OPERATOR(<<, F)
GFM_RA_OPERATOR(>>, F)
GFM_RA_OPERATOR(<, Integers<F>)
GFM_RA_OPERATOR(>, Integers<F>)
GFM_RA_OPERATOR(>=, Integers<F>)
template <class I, int count> GFM_RA_INLINE Pack<I, count> operator==(Pack<I, count> a, int b) {
    GFM_RA_EACH(I, a.at[i] == b);
}
template <class F, int count> GFM_RA_INLINE Pack<F, count> operator-(float a, Pack<F, count> b) {
    GFM_RA_EACH(F, a - b.at[i]);
}
template <class F, int count> GFM_RA_INLINE Pack<F, count> operator/(float a, Pack<F, count> b) {
    GFM_RA_EACH(F, a / b.at[i]);
}

template <class F, int count> GFM_RA_INLINE Pack<F, count> fma(Pack<F, count> a, Pack<F, count> b, Pack<F, count> c) {
    GFM_RA_EACH(F, fma(a.at[i], b.at[i], c.at[i]));
}
template <class F, int count> GFM_RA_INLINE Pack<F, count> larger(Pack<F, count> a, Pack<F, count> b) {
    GFM_RA_EACH(F, larger(a.at[i], b.at[i]));
}
template <class F, int count> GFM_RA_INLINE Pack<F, count> smaller(Pack<F, count> a, Pack<F, count> b) {
    GFM_RA_EACH(F, smaller(a.at[i], b.at[i]));
}
template <class I, class F, int count>
GFM_RA_INLINE Pack<F, count> select(Pack<I, count> mask, Pack<F, count> a, Pack<F, count> b) {
    GFM_RA_EACH(F, select(mask.at[i], a.at[i], b.at[i]));
}
template <class F, int count> GFM_RA_INLINE Pack<F, count> root(Pack<F, count> a) { GFM_RA_EACH(F, root(a.at[i])); }
template <class F, int count> GFM_RA_INLINE Pack<F, count> absolute(Pack<F, count> a) {
    GFM_RA_EACH(F, absolute(a.at[i]));
}
template <class F, int count> GFM_RA_INLINE auto bits_of(Pack<F, count> a) {
    GFM_RA_EACH(Integers<F>, bits_of(a.at[i]));
}
template <class I, int count> GFM_RA_INLINE auto to_float(Pack<I, count> a) {
    using F = decltype(to_float(a.at[0]));
    GFM_RA_EACH(F, to_float(a.at[i]));
}
template <class F, int count> GFM_RA_INLINE auto to_integer(Pack<F, count> a) {
    GFM_RA_EACH(Integers<F>, to_integer(a.at[i]));
}
template <class I, int count> GFM_RA_INLINE bool any(Pack<I, count> mask) {
    if constexpr (count == 2) return any(mask.at[0]) || any(mask.at[1]);
    return any(mask.at[0]);
}
template <class F, int count> GFM_RA_INLINE void store(float* to, Pack<F, count> value) {
    store(to, value.at[0]);
    if constexpr (count == 2) store(to + lanes<F>, value.at[1]);
}

// What names its type cannot be overloaded: `load<F>`, `all<F>` and `float_of<F>` of a pack go through this.
template <class F, int count> struct Make<Pack<F, count>> {
    static GFM_RA_INLINE Pack<F, count> load(const float* from) { GFM_RA_EACH(F, Make<F>::load(from + i * lanes<F>)); }
    static GFM_RA_INLINE Pack<F, count> all(float value) { GFM_RA_EACH(F, Make<F>::all(value)); }
    static GFM_RA_INLINE Pack<F, count> float_of(Pack<Integers<F>, count> bits) {
        GFM_RA_EACH(F, Make<F>::float_of(bits.at[i]));
    }
};

#undef GFM_RA_EACH
#undef GFM_RA_OPERATOR

}  // namespace gfm_ra
