#include "base64_avx2.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace l402 {

#if defined(__x86_64__)

namespace {

__attribute__((target("avx2")))
bool decode(const uint8_t *&p, const uint8_t *end, uint8_t *&out) noexcept
{
    // Bits set in both for a letter's halves: it is none.
    const __m256i low_classes = _mm256_broadcastsi128_si256(_mm_setr_epi8(
        0x15, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11,
        0x11, 0x11, 0x13, 0x1a, 0x1b, 0x1b, 0x1b, 0x1a));
    const __m256i high_classes = _mm256_broadcastsi128_si256(_mm_setr_epi8(
        0x10, 0x10, 0x01, 0x02, 0x04, 0x08, 0x04, 0x08,
        0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10));
    // What to add to a letter, by its high half; '/' is the exception.
    const __m256i offsets = _mm256_broadcastsi128_si256(_mm_setr_epi8(
        0, 16, 19, 4, -65, -65, -71, -71, 0, 0, 0, 0, 0, 0, 0, 0));
    const __m256i pack = _mm256_broadcastsi128_si256(_mm_setr_epi8(
        2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1));
    const __m256i join = _mm256_setr_epi32(0, 1, 2, 4, 5, 6, -1, -1);
    const __m256i slash = _mm256_set1_epi8('/');

    while (end - p >= 32 + 12) {
        __m256i in = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(p));

        // The URL-safe alphabet's two letters become the standard one's.
        __m256i minus = _mm256_cmpeq_epi8(in, _mm256_set1_epi8('-'));
        __m256i underscore = _mm256_cmpeq_epi8(in, _mm256_set1_epi8('_'));

        in = _mm256_xor_si256(in,
            _mm256_or_si256(
                _mm256_and_si256(minus, _mm256_set1_epi8('-' ^ '+')),
                _mm256_and_si256(underscore, _mm256_set1_epi8('_' ^ '/'))));

        // slash as a mask: all that matters of it is the low four bits.
        __m256i high = _mm256_and_si256(_mm256_srli_epi32(in, 4), slash);
        __m256i low = _mm256_and_si256(in, slash);
        __m256i wrong = _mm256_and_si256(
            _mm256_shuffle_epi8(low_classes, low),
            _mm256_shuffle_epi8(high_classes, high));

        if (!_mm256_testz_si256(wrong, wrong)) {
            return false;
        }

        __m256i is_slash = _mm256_cmpeq_epi8(in, slash);
        __m256i sextets = _mm256_add_epi8(in, _mm256_shuffle_epi8(offsets,
            _mm256_add_epi8(is_slash, high)));

        __m256i pairs = _mm256_maddubs_epi16(sextets,
            _mm256_set1_epi32(0x01400140));
        __m256i groups = _mm256_madd_epi16(pairs,
            _mm256_set1_epi32(0x00011000));

        _mm256_storeu_si256(reinterpret_cast<__m256i *>(out),
            _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(groups, pack),
                join));
        p += 32;
        out += 24;
    }

    return true;
}

}  // namespace

bool base64_decode_blocks(const uint8_t *&p, const uint8_t *end,
    uint8_t *&out) noexcept
{
    return !__builtin_cpu_supports("avx2") || decode(p, end, out);
}

#else

bool base64_decode_blocks(const uint8_t *&, const uint8_t *,
    uint8_t *&) noexcept
{
    return true;
}

#endif

}  // namespace l402
