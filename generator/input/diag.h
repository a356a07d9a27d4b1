/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Messages for the user about definitions: file, line, column, what is wrong and what would be right.
 *
 * A diagnostic is not a failure of the program: decoding continues, so that one run reports all errors. Each
 * has an id from the one table below; each id has a file of that name in tests/bad. Wording: lower case, what
 * is wrong, then what would be right; text of the user's in quotes. */

#include "base/json.h"
#include "input/source.h"

enum severity {
        SEVERITY_ERROR,
        SEVERITY_WARNING,
};

#define DIAG_IDS(X)                                                  \
        /* the file itself */                                        \
        X(FILE_UNREADABLE, "file-unreadable", ERROR)                 \
        X(FILE_TOO_LARGE, "file-too-large", ERROR)                   \
        X(UNSAFE_PERMISSIONS, "unsafe-permissions", ERROR)           \
        X(READABLE_SECRET, "readable-secret", WARNING)               \
        X(HALF_WRITTEN, "half-written", WARNING)                     \
        X(BAD_FILE_NAME, "bad-file-name", ERROR)                     \
        X(FOREIGN_FILE, "foreign-file", ERROR)                       \
        X(UNUSED_DROP_IN, "unused-drop-in", WARNING)                 \
        X(UNUSED_NULL, "unused-null", WARNING)                       \
        X(TOO_MANY_APPS, "too-many-apps", ERROR)                     \
        X(TOO_MANY_INSTANCES, "too-many-instances", ERROR)           \
        /* YAML */                                                   \
        X(YAML_SYNTAX, "yaml-syntax", ERROR)                         \
        X(YAML_ANCHOR, "yaml-anchor", ERROR)                         \
        X(YAML_ALIAS, "yaml-alias", ERROR)                           \
        X(YAML_TAG, "yaml-tag", ERROR)                               \
        X(YAML_DIRECTIVE, "yaml-directive", ERROR)                   \
        X(YAML_DUPLICATE_KEY, "yaml-duplicate-key", ERROR)           \
        X(YAML_KEY, "yaml-key", ERROR)                               \
        X(YAML_DOCUMENTS, "yaml-documents", ERROR)                   \
        X(YAML_DEPTH, "yaml-depth", ERROR)                           \
        X(CONTROL_CHARACTER, "control-character", ERROR)             \
        X(LINE_BREAK, "line-break", ERROR)                           \
        X(NOT_UTF8, "not-utf8", ERROR)                               \
        X(EMPTY_DEFINITION, "empty-definition", ERROR)               \
        /* schema */                                                 \
        X(UNKNOWN_KEY, "unknown-key", ERROR)                         \
        X(MISSING_KEY, "missing-key", ERROR)                         \
        X(MISPLACED_KEY, "misplaced-key", ERROR)                     \
        X(WRONG_KIND, "wrong-kind", ERROR)                           \
        X(QUOTE_NEEDED, "quote-needed", ERROR)                       \
        X(BAD_VALUE, "bad-value", ERROR)                             \
        X(BAD_CHOICE, "bad-choice", ERROR)                           \
        X(OUT_OF_RANGE, "out-of-range", ERROR)                       \
        X(EMPTY_VALUE, "empty-value", ERROR)                         \
        X(BAD_COMMAND, "bad-command", ERROR)                         \
        X(UNKNOWN_VARIABLE, "unknown-variable", ERROR)               \
        X(BAD_SUBSTITUTION, "bad-substitution", ERROR)               \
        X(INSTANCE_NOT_HERE, "instance-not-here", ERROR)             \
        /* between keys and between apps */                          \
        X(NO_IMAGE, "no-image", ERROR)                               \
        X(IMAGE_AND_SOURCE, "image-and-source", ERROR)               \
        X(DUPLICATE_NAME, "duplicate-name", ERROR)                   \
        X(RESERVED_NAME, "reserved-name", ERROR)                     \
        X(UNIT_TAKEN, "unit-taken", ERROR)                           \
        X(PORT_TAKEN, "port-taken", ERROR)                           \
        X(PORT_MISSING, "port-missing", ERROR)                       \
        X(SHARED_PORT, "shared-port", WARNING)                       \
        X(LOW_PORT, "low-port", WARNING)                             \
        X(PORTS_EXHAUSTED, "ports-exhausted", ERROR)                 \
        X(BACKEND_TAKEN, "backend-taken", ERROR)                     \
        X(ROUTE_TAKEN, "route-taken", ERROR)                         \
        X(BEAT_SCALE, "beat-scale", ERROR)                           \
        X(BAD_SCHEDULE, "bad-schedule", ERROR)                       \
        X(UNKNOWN_ZONE, "unknown-zone", ERROR)                       \
        X(UNKNOWN_TASK, "unknown-task", ERROR)                       \
        X(UNKNOWN_SERVICE, "unknown-service", ERROR)                 \
        X(REFERENCE_CIRCLE, "reference-circle", ERROR)               \
        X(UNKNOWN_SECRET, "unknown-secret", ERROR)                   \
        X(UNKNOWN_NETWORK, "unknown-network", ERROR)                 \
        X(UNKNOWN_VOLUME, "unknown-volume", ERROR)                   \
        X(UNUSED_VOLUME, "unused-volume", WARNING)                   \
        X(NO_SPARE, "no-spare", WARNING)                             \
        X(VOLUME_LEFT, "volume-left", ERROR)                         \
        X(VOLUME_NAMESAKE, "volume-namesake", WARNING)               \
        X(SHELL_WITHOUT_EXEC, "shell-without-exec", WARNING)         \
        X(STOP_TOO_SHORT, "stop-too-short", WARNING)                 \
        X(SCHEDULER_SCALE, "scheduler-scale", WARNING)               \
        X(SECRET_SOURCE, "secret-source", ERROR)                     \
        X(NOT_INHERITED, "not-inherited", WARNING)                   \
        X(SECRET_VARIABLE, "secret-variable", ERROR)                 \
        X(PROXY_NEEDS_NETWORK, "proxy-needs-network", ERROR)         \
        X(TRUSTED_NEEDS_SUBNET, "trusted-needs-subnet", ERROR)       \
        X(ALIAS_NEEDS_NETWORK, "alias-needs-network", ERROR)         \
        X(STRIP_NEEDS_PATH, "strip-needs-path", ERROR)               \
        X(FILE_TAKEN, "file-taken", ERROR)                           \
        X(UNIT_TOO_LONG, "unit-too-long", ERROR)                     \
        X(SETTINGS_CONFLICT, "settings-conflict", ERROR)             \
        X(QUADLET_KEY_TAKEN, "quadlet-key-taken", ERROR)             \
        /* contracts */                                              \
        X(UNKNOWN_CONTRACT, "unknown-contract", ERROR)               \
        X(BAD_CONTRACT, "bad-contract", ERROR)                       \
        X(CONFIG_MISSING, "config-missing", ERROR)                   \
        X(CONFIG_UNKNOWN, "config-unknown", ERROR)                   \
        X(CONFIG_TYPE, "config-type", ERROR)                         \
        X(CONFIG_CHOICE, "config-choice", ERROR)                     \
        X(CONFIG_WITHOUT_CONTRACT, "config-without-contract", ERROR) \
        /* messages of other programs */                             \
        X(QUADLET_REFUSED, "quadlet-refused", ERROR)                 \
        X(HAPROXY_REFUSED, "haproxy-refused", ERROR)                 \
        X(NOT_APPLIED, "not-applied", WARNING)                       \
        X(FRONT_TAKEN, "front-taken", WARNING)                       \
        X(NO_FRONTEND, "no-frontend", WARNING)                       \
        X(HARD_STOP, "hard-stop", WARNING)                           \
        /* what the machine lacks */                                 \
        X(MISSING_PATH, "missing-path", WARNING)                     \
        X(SHORT_IMAGE, "short-image", WARNING)                       \
        X(NO_SUBORDINATE_IDS, "no-subordinate-ids", WARNING)         \
        X(FIXED_OWNERS, "fixed-owners", WARNING)                     \
        X(UNKNOWN_DEVICE, "unknown-device", WARNING)                 \
        /* what rollouts left */                                     \
        X(ROLLOUT_FAILED, "rollout-failed", ERROR)                   \
        X(BAD_STATE, "bad-state", ERROR)

enum diag_id {
#define X(symbol, name, severity) DIAG_##symbol,
        DIAG_IDS(X)
#undef X
                DIAG_ID_COUNT
};

struct diag {
        enum diag_id id;
        enum severity severity;
        struct span at, related; /* related.file is SPAN_NOWHERE if there is none */
        struct str text, related_text;
        struct str owner;  /* the app whose definition it is about; absent for none */
        bool is_secret;    /* never show the line */
        size_t n_left_out; /* the number of further diagnostics of this file that were not kept */
};

/* The bytes at `use` stand for the value at `value`. */
struct diag_alias {
        struct span use, value;
};

struct diags {
        struct arena *arena;
        const struct sources *sources;
        struct str owner; /* given to what is added from now on */
        VEC(struct diag) list;
        VEC(struct span) hidden; /* values that no excerpt shows */
        VEC(struct diag_alias) aliases;
        size_t n_errors; /* all of them, also those past what is shown */
};

enum { DIAG_SHOWN_MAX = 64 };

const char *diag_name(enum diag_id id);

/* True if it is about a file as such (its name, its permissions), not a place in it: no length, at the
 * beginning. Then neither line nor excerpt is shown. */
static inline bool diag_is_about_file(struct span at) {
        return at.off == 0 && at.len == 0;
}

/* Adds one, about the bytes `at`. The result may be marked further (diag_note, is_secret) until the next
 * add. */
struct diag *diag_add(struct diags *ds, enum diag_id id, struct span at, const char *format, ...)
        PRINTF_LIKE(4, 5);

/* A second place that belongs to it ("first defined here"). */
void diag_note(struct diags *ds, struct diag *d, struct span related, const char *format, ...)
        PRINTF_LIKE(4, 5);

/* From now on a diagnostic about one of these places has a note with the other, and a value that is hidden is
 * hidden in both. */
void diag_alias(struct diags *ds, struct span use, struct span value);

/* From now on, and in what was added before, excerpts show stars in place of these bytes: a value that may
 * be secret. */
void diag_hide(struct diags *ds, struct span value);

/* Sorts by file and offset (stable) and drops exact repetitions. */
void diag_sort(struct diags *ds);

/* "'nam' … did you mean 'name'?": the nearest of `names` within a third of its length (at least 1), absent
 * if none is near. */
struct str diag_nearest(struct str word, const struct str *names, size_t n);

/* The suggestion as the end of a sentence: "did you mean 'name'?", or `otherwise` if none is near. */
struct str diag_hint(struct arena *a, struct str word, const struct str *names, size_t n,
                     struct str otherwise);

enum diag_flags {
        DIAG_COLOR = 1 << 0,
        DIAG_BRIEF = 1 << 1, /* one line each, without the excerpt: for kmsg */
};

/* All diagnostics as text; with an `owner`, only the diagnostics of that app. Control bytes in excerpts are
 * escaped; after DIAG_SHOWN_MAX a line has the number of further ones. */
void diag_print(struct buf *out, const struct diags *ds, struct str owner, unsigned flags);

/* The members "file", "line" and "column" of the object that is open; null if they are unknown. */
void diag_put_place(struct json_writer *w, const struct sources *sources, struct span at);

/* The member "diagnostics" of the object that is open: all, or only those of an `owner`. */
void diag_put_json(struct json_writer *w, const struct diags *ds, struct str owner);
