/* Checksums and hashes: CRC-32 of a row, BLAKE2b of an id, and a keyed hash that stands for a text in one audit. */

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

/* --- BLAKE2b (RFC 7693) of one block */

static const uint64_t blake2b_start[8] = {
    0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
    0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
};

#define ROTATED(value, bits) ((value) >> (bits) | (value) << (64 - (bits)))
#define MIX(a, b, c, d, x, y)                                                                                          \
    a += b + (x);                                                                                                      \
    d = ROTATED(d ^ a, 32);                                                                                            \
    c += d;                                                                                                            \
    b = ROTATED(b ^ c, 24);                                                                                            \
    a += b + (y);                                                                                                      \
    d = ROTATED(d ^ a, 16);                                                                                            \
    c += d;                                                                                                            \
    b = ROTATED(b ^ c, 63);
#define ROUND(s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14, s15)                                    \
    MIX(v0, v4, v8, v12, m[s0], m[s1])                                                                                 \
    MIX(v1, v5, v9, v13, m[s2], m[s3])                                                                                 \
    MIX(v2, v6, v10, v14, m[s4], m[s5])                                                                                \
    MIX(v3, v7, v11, v15, m[s6], m[s7])                                                                                \
    MIX(v0, v5, v10, v15, m[s8], m[s9])                                                                                \
    MIX(v1, v6, v11, v12, m[s10], m[s11])                                                                              \
    MIX(v2, v7, v8, v13, m[s12], m[s13])                                                                               \
    MIX(v3, v4, v9, v14, m[s14], m[s15])

void blake2b_16(const uint8_t *prefix, size_t prefix_length, Text text, uint8_t result[16]) {
    uint8_t block[128] = {0};
    uint64_t m[16];
    memcpy(block, prefix, prefix_length);
    memcpy(block + prefix_length, text.at, text.length);
    for (int word = 0; word < 16; word++)
        m[word] = little_endian(block + 8 * word);
    const uint64_t *s = blake2b_start;
    /* Parameters: 16 bytes of result, no key, one level. */
    uint64_t h0 = s[0] ^ 0x01010010, h1 = s[1];
    uint64_t v0 = h0, v1 = h1, v2 = s[2], v3 = s[3], v4 = s[4], v5 = s[5], v6 = s[6], v7 = s[7];
    uint64_t v8 = s[0], v9 = s[1], v10 = s[2], v11 = s[3];
    uint64_t v12 = s[4] ^ (prefix_length + text.length), v13 = s[5], v14 = ~s[6], v15 = s[7];
    ROUND(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
    ROUND(14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3)
    ROUND(11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4)
    ROUND(7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8)
    ROUND(9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13)
    ROUND(2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9)
    ROUND(12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11)
    ROUND(13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10)
    ROUND(6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5)
    ROUND(10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0)
    ROUND(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
    ROUND(14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3)
    uint64_t words[2] = {h0 ^ v0 ^ v8, h1 ^ v1 ^ v9};
    for (int byte = 0; byte < 16; byte++)
        result[byte] = (uint8_t)(words[byte >> 3] >> 8 * (byte & 7));
}

/* --- SipHash-1-3 */

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
