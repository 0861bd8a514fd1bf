/* BLAKE2b (RFC 7693) of texts that fit into one block with what stands in front of them. */

#include "native.h"

#include <string.h>

#define BLOCK 128
/* Parameters: 16 bytes of result, no key, one level. */
#define PARAMETERS 0x01010010

static const uint64_t start[8] = {
    0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
    0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
};

/* The same for one text and for several side by side; `kind` says how their words are rotated. */
#define MIX(kind, a, b, c, d, x, y)                                                                                    \
    a += b + (x);                                                                                                      \
    d = kind##_32(d ^ a);                                                                                              \
    c += d;                                                                                                            \
    b = kind##_24(b ^ c);                                                                                              \
    a += b + (y);                                                                                                      \
    d = kind##_16(d ^ a);                                                                                              \
    c += d;                                                                                                            \
    b = kind##_63(b ^ c);
#define ROUND(kind, s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14, s15)                              \
    MIX(kind, v0, v4, v8, v12, m[s0], m[s1])                                                                           \
    MIX(kind, v1, v5, v9, v13, m[s2], m[s3])                                                                           \
    MIX(kind, v2, v6, v10, v14, m[s4], m[s5])                                                                          \
    MIX(kind, v3, v7, v11, v15, m[s6], m[s7])                                                                          \
    MIX(kind, v0, v5, v10, v15, m[s8], m[s9])                                                                          \
    MIX(kind, v1, v6, v11, v12, m[s10], m[s11])                                                                        \
    MIX(kind, v2, v7, v8, v13, m[s12], m[s13])                                                                         \
    MIX(kind, v3, v4, v9, v14, m[s14], m[s15])
/* From the words `m` and the `lengths` to the first two words of the results, `r0` and `r1`; `none` is 0 of the type. */
#define COMPRESS(kind, type, none, lengths, r0, r1)                                                                    \
    type v0 = none + (start[0] ^ PARAMETERS), v1 = none + start[1], v2 = none + start[2], v3 = none + start[3];        \
    type v4 = none + start[4], v5 = none + start[5], v6 = none + start[6], v7 = none + start[7];                       \
    type v8 = none + start[0], v9 = none + start[1], v10 = none + start[2], v11 = none + start[3];                     \
    type v12 = (none + start[4]) ^ lengths, v13 = none + start[5], v14 = none + ~start[6], v15 = none + start[7];      \
    ROUND(kind, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)                                                  \
    ROUND(kind, 14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3)                                                  \
    ROUND(kind, 11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4)                                                  \
    ROUND(kind, 7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8)                                                  \
    ROUND(kind, 9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13)                                                  \
    ROUND(kind, 2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9)                                                  \
    ROUND(kind, 12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11)                                                  \
    ROUND(kind, 13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10)                                                  \
    ROUND(kind, 6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5)                                                  \
    ROUND(kind, 10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0)                                                  \
    ROUND(kind, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)                                                  \
    ROUND(kind, 14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3)                                                  \
    r0 = (none + (start[0] ^ PARAMETERS)) ^ v0 ^ v8;                                                                   \
    r1 = (none + start[1]) ^ v1 ^ v9;

static void fill(uint8_t block[BLOCK], Text prefix, Text text) {
    memset(block, 0, BLOCK);
    memcpy(block, prefix.at, prefix.length);
    memcpy(block + prefix.length, text.at, text.length);
}

static void write_little_endian(uint64_t word, uint8_t *bytes) {
    for (int byte = 0; byte < 8; byte++)
        bytes[byte] = (uint8_t)(word >> 8 * byte);
}

#define one_32(word) ((word) >> 32 | (word) << 32)
#define one_24(word) ((word) >> 24 | (word) << 40)
#define one_16(word) ((word) >> 16 | (word) << 48)
#define one_63(word) ((word) >> 63 | (word) << 1)

static void hash_one(Text prefix, Text text, uint8_t result[16]) {
    uint8_t block[BLOCK];
    uint64_t m[16], r0, r1;
    fill(block, prefix, text);
    for (int word = 0; word < 16; word++)
        m[word] = little_endian(block + 8 * word);
    uint64_t length = prefix.length + text.length;
    COMPRESS(one, uint64_t, 0, length, r0, r1)
    write_little_endian(r0, result);
    write_little_endian(r1, result + 8);
}

#if defined(__x86_64__)

#include <immintrin.h>

#define SIDE_BY_SIDE __attribute__((target("avx2")))

typedef uint64_t Four __attribute__((vector_size(32)));

SIDE_BY_SIDE static inline Four four_32(Four words) {
    return (Four)_mm256_shuffle_epi32((__m256i)words, 0xB1);
}

SIDE_BY_SIDE static inline Four four_24(Four words) {
    const __m256i order = _mm256_setr_epi8(3, 4, 5, 6, 7, 0, 1, 2, 11, 12, 13, 14, 15, 8, 9, 10, 3, 4, 5, 6, 7, 0, 1, 2,
                                           11, 12, 13, 14, 15, 8, 9, 10);
    return (Four)_mm256_shuffle_epi8((__m256i)words, order);
}

SIDE_BY_SIDE static inline Four four_16(Four words) {
    const __m256i order = _mm256_setr_epi8(2, 3, 4, 5, 6, 7, 0, 1, 10, 11, 12, 13, 14, 15, 8, 9, 2, 3, 4, 5, 6, 7, 0, 1,
                                           10, 11, 12, 13, 14, 15, 8, 9);
    return (Four)_mm256_shuffle_epi8((__m256i)words, order);
}

SIDE_BY_SIDE static inline Four four_63(Four words) { return words >> 63 | (words + words); }

SIDE_BY_SIDE static void hash_four(Text prefix, const Text texts[4], uint8_t results[4][16]) {
    const Four none = {0};
    uint8_t blocks[4][BLOCK];
    Four m[16], lengths, r0, r1;
    for (int text = 0; text < 4; text++) {
        fill(blocks[text], prefix, texts[text]);
        lengths[text] = prefix.length + texts[text].length;
    }
    for (int word = 0; word < 16; word++)
        for (int text = 0; text < 4; text++)
            m[word][text] = little_endian(blocks[text] + 8 * word);
    COMPRESS(four, Four, none, lengths, r0, r1)
    for (int text = 0; text < 4; text++) {
        write_little_endian(r0[text], results[text]);
        write_little_endian(r1[text], results[text] + 8);
    }
}

static int can_hash_four(void) { return __builtin_cpu_supports("avx2"); }

#else

static void hash_four(Text prefix, const Text texts[4], uint8_t results[4][16]) {
    for (int text = 0; text < 4; text++)
        hash_one(prefix, texts[text], results[text]);
}

static int can_hash_four(void) { return 0; }

#endif

void blake2b_16(Text prefix, const Text *texts, int count, uint8_t (*results)[16]) {
    int done = 0;
    if (can_hash_four())
        for (; done + 4 <= count; done += 4)
            hash_four(prefix, texts + done, results + done);
    for (; done < count; done++)
        hash_one(prefix, texts[done], results[done]);
}
