/* Checksums of rows, and a keyed hash that stands for a text in one audit. */

#include "native.h"

#include <string.h>

/* --- CRC-32 (ISO 3309) */

static uint32_t tables[8][256];

__attribute__((constructor)) static void make_tables(void) {
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t value = byte;
        for (int bit = 0; bit < 8; bit++)
            value = value >> 1 ^ (value & 1 ? 0xEDB88320u : 0);
        tables[0][byte] = value;
    }
    for (int table = 1; table < 8; table++)
        for (int byte = 0; byte < 256; byte++) {
            uint32_t before = tables[table - 1][byte];
            tables[table][byte] = before >> 8 ^ tables[0][before & 0xFF];
        }
}

static uint32_t crc_of_words(uint32_t crc, const uint8_t *data, size_t length) {
    for (; length >= 8; length -= 8, data += 8) {
        uint64_t word = little_endian(data) ^ crc;
        crc = tables[7][word & 0xFF] ^ tables[6][word >> 8 & 0xFF] ^ tables[5][word >> 16 & 0xFF] ^
              tables[4][word >> 24 & 0xFF] ^ tables[3][word >> 32 & 0xFF] ^ tables[2][word >> 40 & 0xFF] ^
              tables[1][word >> 48 & 0xFF] ^ tables[0][word >> 56];
    }
    while (length--)
        crc = crc >> 8 ^ tables[0][(crc ^ *data++) & 0xFF];
    return crc;
}

#if defined(__x86_64__)

#include <immintrin.h>

#define FOLDED __attribute__((target("pclmul,sse2")))

/* What stands for `value` so many bits further on, as `distance` has the remainders of. */
FOLDED static __m128i moved(__m128i value, __m128i distance) {
    return _mm_xor_si128(_mm_clmulepi64_si128(value, distance, 0x00), _mm_clmulepi64_si128(value, distance, 0x11));
}

/* 64 bytes a turn by multiplication without carries, as in V. Gopal et al., "Fast CRC Computation for Generic
 * Polynomials Using PCLMULQDQ Instruction". What is left at the end are 16 bytes with the same remainder. */
FOLDED static uint32_t crc_of_blocks(uint32_t crc, const uint8_t *data, size_t length) {
    const __m128i by_four = _mm_set_epi64x(0x1c6e41596, 0x154442bd4), by_one = _mm_set_epi64x(0x0ccaa009e, 0x1751997d0);
    __m128i parts[4];
    uint8_t rest[16];
    for (int part = 0; part < 4; part++)
        parts[part] = _mm_loadu_si128((const __m128i *)(data + 16 * part));
    parts[0] = _mm_xor_si128(parts[0], _mm_cvtsi32_si128((int)crc));
    for (data += 64, length -= 64; length >= 64; data += 64, length -= 64)
        for (int part = 0; part < 4; part++)
            parts[part] = _mm_xor_si128(moved(parts[part], by_four),
                                        _mm_loadu_si128((const __m128i *)(data + 16 * part)));
    __m128i whole = parts[0];
    for (int part = 1; part < 4; part++)
        whole = _mm_xor_si128(moved(whole, by_one), parts[part]);
    for (; length >= 16; data += 16, length -= 16)
        whole = _mm_xor_si128(moved(whole, by_one), _mm_loadu_si128((const __m128i *)data));
    _mm_storeu_si128((__m128i *)rest, whole);
    return crc_of_words(crc_of_words(0, rest, sizeof rest), data, length);
}

static int can_fold(size_t length) { return length >= 64 && __builtin_cpu_supports("pclmul"); }

#else

#define crc_of_blocks crc_of_words
#define can_fold(length) 0

#endif

uint32_t crc32_from(uint32_t start, const uint8_t *data, size_t length) {
    return ~(can_fold(length) ? crc_of_blocks : crc_of_words)(~start, data, length);
}

/* --- SipHash-1-3 */

#define ROTATED(value, bits) ((value) >> (bits) | (value) << (64 - (bits)))
#define SIP_ROUND                                                                                                      \
    v0 += v1;                                                                                                          \
    v1 = ROTATED(v1, 51) ^ v0;                                                                                         \
    v0 = ROTATED(v0, 32);                                                                                              \
    v2 += v3;                                                                                                          \
    v3 = ROTATED(v3, 48) ^ v2;                                                                                         \
    v0 += v3;                                                                                                          \
    v3 = ROTATED(v3, 43) ^ v0;                                                                                         \
    v2 += v1;                                                                                                          \
    v1 = ROTATED(v1, 47) ^ v2;                                                                                         \
    v2 = ROTATED(v2, 32);

int64_t keyed_hash(const uint64_t key[2], Text text) {
    uint64_t v0 = key[0] ^ 0x736f6d6570736575, v1 = key[1] ^ 0x646f72616e646f6d;
    uint64_t v2 = key[0] ^ 0x6c7967656e657261, v3 = key[1] ^ 0x7465646279746573;
    const uint8_t *at = text.at;
    size_t left = text.length;
    for (; left >= 8; left -= 8, at += 8) {
        uint64_t word = little_endian(at);
        v3 ^= word;
        SIP_ROUND
        v0 ^= word;
    }
    uint64_t last = (uint64_t)text.length << 56;
    for (size_t byte = 0; byte < left; byte++)
        last |= (uint64_t)at[byte] << 8 * byte;
    v3 ^= last;
    SIP_ROUND
    v0 ^= last;
    v2 ^= 0xFF;
    SIP_ROUND
    SIP_ROUND
    SIP_ROUND
    return (int64_t)(v0 ^ v1 ^ v2 ^ v3);
}

/* A hash for each of `count` texts, which end in `bytes` at `ends`. */
EXPORTED void hash_texts(const uint64_t key[2], const uint8_t *bytes, const int64_t *ends, int64_t count,
                         int64_t *hashes) {
    int64_t start = 0;
    for (int64_t index = 0; index < count; index++) {
        hashes[index] = keyed_hash(key, (Text){bytes + start, (size_t)(ends[index] - start)});
        start = ends[index];
    }
}

/* Of which sources this was made; the build says so. */
EXPORTED const char *sources_digest(void) { return SOURCES_DIGEST; }
