/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hmac.h"

#include <string.h>

#include "base/macro.h"

enum { BLOCK = 64, WORDS = 8, DIGEST = WORDS * 4 };

/* FIPS 180-4, 4.2.2. */
static const uint32_t constants[] = {
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
        0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
        0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
        0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
        0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
        0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
        0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t turn(uint32_t x, unsigned n) {
        return x >> n | x << (32 - n);
}

static uint32_t read_word(const uint8_t *p) {
        return (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16 | (uint32_t) p[2] << 8 | p[3];
}

/* 6.2.2, with its names. */
static void add_block(uint32_t h[static WORDS], const uint8_t *block) {
        uint32_t w[64], v[WORDS];

        for (size_t t = 0; t < 16; t++)
                w[t] = read_word(block + t * 4);
        for (size_t t = 16; t < 64; t++) {
                uint32_t s0 = turn(w[t - 15], 7) ^ turn(w[t - 15], 18) ^ w[t - 15] >> 3,
                         s1 = turn(w[t - 2], 17) ^ turn(w[t - 2], 19) ^ w[t - 2] >> 10;

                w[t] = w[t - 16] + s0 + w[t - 7] + s1;
        }

        memcpy(v, h, sizeof(v));
        for (size_t t = 0; t < 64; t++) {
                uint32_t s1 = turn(v[4], 6) ^ turn(v[4], 11) ^ turn(v[4], 25),
                         t1 = v[7] + s1 + ((v[4] & v[5]) ^ (~v[4] & v[6])) + constants[t] + w[t],
                         s0 = turn(v[0], 2) ^ turn(v[0], 13) ^ turn(v[0], 22),
                         t2 = s0 + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));

                memmove(v + 1, v, sizeof(v) - sizeof(*v));
                v[4] += t1;
                v[0] = t1 + t2;
        }
        for (size_t i = 0; i < WORDS; i++)
                h[i] += v[i];
}

/* Digests `first`, a whole block or nothing, and `rest`. */
static void digest(struct arena *a, struct str first, struct str rest, uint8_t ret[static DIGEST]) {
        uint32_t h[WORDS] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                              0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };
        size_t n = first.n + rest.n, padded = (n + 9 + BLOCK - 1) / BLOCK * BLOCK;
        uint8_t *text = arena_array(a, padded, uint8_t);
        uint64_t bits = (uint64_t) n * 8;

        if (first.n > 0)
                memcpy(text, first.p, first.n);
        if (rest.n > 0)
                memcpy(text + first.n, rest.p, rest.n);
        text[n] = 0x80;
        for (size_t i = 0; i < 8; i++)
                text[padded - 1 - i] = (uint8_t) (bits >> (i * 8));
        for (size_t at = 0; at < padded; at += BLOCK)
                add_block(h, text + at);
        explicit_bzero(text, padded);
        for (size_t i = 0; i < DIGEST; i++)
                ret[i] = (uint8_t) (h[i / 4] >> (24 - i % 4 * 8));
}

static struct str bytes_of(const uint8_t *p, size_t n) {
        return (struct str){ (const char *) p, n };
}

struct str hmac_sha256(struct arena *a, struct str key, struct str text) {
        uint8_t inner[BLOCK] = { 0 }, outer[BLOCK], sum[DIGEST];
        char *hex = arena_alloc(a, DIGEST * 2 + 1, 1);

        if (key.n > BLOCK)
                digest(a, (struct str){ 0 }, key, inner);
        else if (key.n > 0)
                memcpy(inner, key.p, key.n);
        for (size_t i = 0; i < BLOCK; i++) {
                outer[i] = inner[i] ^ 0x5c;
                inner[i] ^= 0x36;
        }

        digest(a, bytes_of(inner, BLOCK), text, sum);
        digest(a, bytes_of(outer, BLOCK), bytes_of(sum, DIGEST), sum);
        for (size_t i = 0; i < DIGEST; i++) {
                hex[i * 2] = "0123456789abcdef"[sum[i] >> 4];
                hex[i * 2 + 1] = "0123456789abcdef"[sum[i] & 15];
        }
        return (struct str){ hex, DIGEST * 2 };
}
