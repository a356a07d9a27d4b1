/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* "What the emitter wrote, every reader reads back": text through one key of a unit, then through Quadlet and systemd. Used
 * by the fuzz target with random words and by the unit test with named ones. */

#include "consumer.h"
#include "output/unit.h"

/* One per encoding and reader; the fuzzer's first byte chooses. */
enum roundtrip_key {
        ROUNDTRIP_EXEC,
        ROUNDTRIP_PODMAN_ARGS,
        ROUNDTRIP_ENVIRONMENT,
        ROUNDTRIP_LABEL,
        ROUNDTRIP_SECRET,
        ROUNDTRIP_ENTRYPOINT,
        ROUNDTRIP_HEALTH_CMD,
        ROUNDTRIP_WORKDIR,
        ROUNDTRIP_VOLUME,
        ROUNDTRIP_SERVICE_EXEC,
        ROUNDTRIP_SERVICE_ENVIRONMENT,
        ROUNDTRIP_MOUNTS,
        ROUNDTRIP_UNIT_LINE,
        ROUNDTRIP_CREDENTIAL,
        ROUNDTRIP_TEXT,
        ROUNDTRIP_RAW,
        ROUNDTRIP_COUNT
};

/* Must the types of values for that key refuse this text? The emitter would abort. */
bool roundtrip_is_refused(enum roundtrip_key key, struct str text);

/* Words after that many are not looked at. */
enum { ROUNDTRIP_WORDS_MAX = 26 };

/* A .container with the words in that key, between other keys. */
struct str roundtrip_container(struct arena *a, enum roundtrip_key key, const struct words *words);

/* NULL where the .service that Quadlet (or the reader that these tests have for it) made of it holds the words as they
 * were, else what went wrong. */
const char *roundtrip_check(struct arena *a, enum roundtrip_key key, const struct words *words, struct str service);

/* Both: NULL where all the words came back as they were (INSTANCE_MARK as "7"), else what went wrong. Keys of one value take the
 * first word only. No word may be one that is refused. */
const char *roundtrip_unit(struct arena *a, enum roundtrip_key key, const struct words *words);
