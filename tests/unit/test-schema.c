/* SPDX-License-Identifier: Apache-2.0 */

/* The decoder on a schema of its own with every shape, and a walk over the real ones. */

#include "decoding.h"
#include "load/contract.h"

struct leaf {
        struct number port;
        struct text note;
};

struct leaf_entry {
        struct name key;
        struct leaf value;
};

struct text_entry {
        struct env_name key;
        struct env_text value;
};

struct raw_entry {
        struct quadlet_key key;
        struct quadlet_text value;
};

struct raw {
        LIST(struct raw_entry) keys;
        struct number port;
};

struct value_entry {
        struct env_name key;
        struct value value;
};

struct part {
        struct name name;
        struct duration wait;
};

struct common {
        struct user_name user;
        struct image_ref image;
};

struct thing {
        struct name name;
        struct common common;
        struct choice mood;
        struct flag open;
        struct number port;
        struct duration wait;
        struct byte_size memory;
        struct cpus cpus;
        struct value secret;
        LIST(struct word) command;
        LIST(struct command) commands;
        LIST(struct name) tags, strict_tags;
        LIST(struct text_entry) labels;
        LIST(struct value_entry) env, config;
        struct leaf *leaf;
        struct raw *raw;
        LIST(struct part) parts;
        LIST(struct leaf_entry) leaves;
        struct abs_path from_path;
        LIST(struct abs_path) from_paths;
        struct leaf *from_leaf;
};

static const struct field leaf_fields[] = {
        FIELD(leaf, port, "port", "Port.", .min = 1, .max = 65535, .def = "80"),
        FIELD(leaf, note, "note", "Note."),
};
static SCHEMA(leaf, "A leaf.");

static const struct field raw_fields[] = {
        FIELD_MAP(raw, keys, "Keys", "Keys.", .flags = FIELD_INHERIT | FIELD_ALLOW_LIST),
        FIELD(raw, port, "number", "Port."),
};
static SCHEMA(raw, "Raw keys.");

static const struct field part_fields[] = {
        FIELD(part, name, "name", "Name.", .flags = FIELD_REQUIRED),
        FIELD(part, wait, "wait", "Time.", .min = 1000000, .max = 3600000000, .def = "5s"),
};
static SCHEMA(part, "A part.");

static const struct field common_fields[] = {
        FIELD(common, user, "user", "User.", .flags = FIELD_INHERIT),
        FIELD(common, image, "image", "Image.", .flags = FIELD_INHERIT),
};
static SCHEMA(common, "What all have.");

static const struct field thing_fields[] = {
        FIELD(thing, name, "name", "Name.", .flags = FIELD_REQUIRED),
        FIELD_INLINE(thing, common, common_schema),
        FIELD(thing, mood, "mood", "Mood.", .choices = "happy|sad|no", .def = "sad"),
        FIELD(thing, open, "open", "Whether it is open.", .def = "true"),
        FIELD(thing, port, "port", "Port.", .min = 1, .max = 65535),
        FIELD(thing, wait, "wait", "Time.", .min = 500000, .def = "1min 30s"),
        FIELD(thing, memory, "memory", "Memory.", .flags = FIELD_INHERIT),
        FIELD(thing, cpus, "cpus", "CPUs."),
        FIELD_VALUE(thing, secret, "secret", "Value.", .flags = FIELD_SECRET),
        FIELD_WORDS(thing, command, "command", "Command.", .def = "run 'all of it'", .flags = FIELD_INHERIT),
        FIELD_COMMANDS(thing, commands, "commands", "Commands.", .flags = FIELD_ONE_OK),
        FIELD_LIST(thing, tags, "tags", "Tags.", .flags = FIELD_ONE_OK | FIELD_INHERIT),
        FIELD_LIST(thing, strict_tags, "strict_tags", "Tags."),
        FIELD_MAP(thing, labels, "labels", "Labels.", .flags = FIELD_INHERIT),
        FIELD_MAP_OF_VALUE(thing, env, "env", "Environment.", .flags = FIELD_INHERIT | FIELD_SECRET),
        FIELD_MAP_OF_VALUE(thing, config, "config", "Settings.", .flags = FIELD_ALLOW_LIST | FIELD_SECRET),
        FIELD_STRUCT(thing, leaf, "leaf", leaf_schema, "Leaf.", .flags = FIELD_INHERIT),
        FIELD_STRUCT(thing, raw, "raw", raw_schema, "Raw.", .flags = FIELD_INHERIT),
        FIELD_STRUCTS(thing, parts, "parts", part_schema, "Parts."),
        FIELD_MAP_OF_STRUCT(thing, leaves, "leaves", leaf_schema, "Leaves by name.", .flags = FIELD_INHERIT | FIELD_ONE_OK),
        FIELD(thing, from_path, "from", "A path."),
        FIELD_LIST(thing, from_paths, "from", "Several paths."),
        FIELD_STRUCT(thing, from_leaf, "from", leaf_schema, "A leaf."),
};
static SCHEMA(thing, "A thing.");

static void decode(struct bench *b, const char *yaml, struct thing *ret) {
        *ret = (struct thing) { 0 };
        schema_decode(&b->arena, &b->diags, &thing_schema, bench_parse(b, yaml), ret);
}

struct diag_row {
        const char *name, *yaml, *diags, *hint;
};

static const struct diag_row diag_rows[] = {
        { "keys: none is wrong", "name: a\nx-note: [anything, {at: all}]\n", "", NULL },
        { "keys: unknown, with a hint", "name: a\nimgae: b\n", "unknown-key‹imgae›", "'image'" },
        { "keys: unknown, without a hint", "name: a\nfrobnicate: 1\n", "unknown-key‹frobnicate›", "pyservice.d(5)" },
        { "keys: unknown in a struct", "name: a\nleaf: {prot: 1}\n", "unknown-key‹prot›", "'port'" },
        { "keys: at the wrong depth", "name: a\nnote: b\n", "unknown-key‹note›", "'leaf:'" },
        { "keys: unknown in a list", "name: a\nparts: [{name: b, wiat: 5}]\n", "unknown-key‹wiat›", "'wait'" },
        { "keys: unknown in a map", "name: a\nleaves: {b: {n: 1}}\n", "unknown-key‹n›", NULL },
        { "keys: every error is told", "a: 1\nport: x\nmood: blue\n", "unknown-key‹a› bad-value‹x› bad-choice‹blue› missing-key‹a›", NULL },
        { "required: missing", "port: 1\n", "missing-key‹p›", "'name" },
        { "required: missing in a list", "name: a\nparts: [{wait: 5}]\n", "missing-key‹{›", "'name" },
        { "required: misspelt", "nmae: a\n", "unknown-key‹nmae›", "'name'" },
        { "empty: a key without a value", "name:\n", "empty-value‹name›", NULL },
        { "empty: a list without a value", "name: a\ntags:\n", "empty-value‹tags›", NULL },
        { "empty: an item", "name: a\ntags: [b, '']\n", "bad-value‹''›", NULL },
        { "empty: a plain item", "name: a\ntags:\n  - b\n  -\n", "empty-value‹›", NULL },
        { "empty: an empty list", "name: a\ntags: []\nparts: []\nenv: {}\ncommands: []\n", "", NULL },
        { "kind: a list for a scalar", "name: [a]\n", "wrong-kind‹[a]›", "a single value" },
        { "kind: a map for a scalar", "name: {a: b}\n", "wrong-kind‹{a: b}›", "a single value" },
        { "kind: a scalar for a list", "name: a\nstrict_tags: b\n", "wrong-kind‹b›", "a list" },
        { "kind: one for a list that allows it", "name: a\ntags: b\n", "", NULL },
        { "kind: a map for a list", "name: a\ntags: {b: c}\n", "wrong-kind‹{b: c}›", "a list" },
        { "kind: a list in a list", "name: a\ntags: [[b]]\n", "wrong-kind‹[b]›", "a single value" },
        { "kind: a scalar for a map", "name: a\nlabels: b\n", "wrong-kind‹b›", "a map" },
        { "kind: a map in a map", "name: a\nlabels: {B: {c: d}}\n", "wrong-kind‹{c: d}›", "a single value" },
        { "kind: a scalar for a struct", "name: a\nleaf: b\n", "wrong-kind‹b›", "a map" },
        { "kind: a scalar for a list of structs", "name: a\nparts: b\n", "wrong-kind‹b›", "a list" },
        { "kind: a scalar in a list of structs", "name: a\nparts: [b]\n", "wrong-kind‹b›", "part is a map" },
        { "kind: a scalar in a map of structs", "name: a\nleaves: {b: 8}\n", "", NULL },
        { "kind: a bad scalar in a map of structs", "name: a\nleaves: {b: c}\n", "bad-value‹c›", NULL },
        { "kind: a list in a map of structs", "name: a\nleaves: {b: [c]}\n", "wrong-kind‹[c]›", "leaf is a map" },
        { "kind: a list in a map", "name: a\nlabels: {B: [c]}\n", "wrong-kind‹[c]›", "a single value" },
        { "kind: a list in a map that allows it", "name: a\nraw: {Keys: {B: [c, 5, true], C: d}}\n", "", NULL },
        { "kind: a map in a list in a map", "name: a\nraw: {Keys: {B: [c, {d: e}]}}\n", "wrong-kind‹{d: e}›", "or a list" },
        { "text: a boolean as it is", "name: a\nraw: {Keys: {B: yes, C: off}}\n", "", NULL },
        { "text: null and octal numbers are no booleans", "name: a\nraw: {Keys: {B: ~, C: 010}}\n", "quote-needed‹~› quote-needed‹010›", NULL },
        { "kind: a map for a command", "name: a\ncommand: {b: c}\n", "wrong-kind‹{b: c}›", "a command" },
        { "kind: a list in a command", "name: a\ncommand: [b, [c]]\n", "wrong-kind‹[c]›", NULL },
        { "kind: a map in commands", "name: a\ncommands: [{b: c}]\n", "wrong-kind‹{b: c}›", NULL },
        { "kind: commands of both spellings", "name: a\ncommands: [b c, [d, e f]]\n", "", NULL },
        { "kind: the whole is a list", "- a\n", "wrong-kind‹- a›", "thing is a map" },
        { "kind: the whole is a scalar", "a\n", "wrong-kind‹a›", "thing is a map" },
        { "choice: one of them", "name: a\nmood: happy\n", "", NULL },
        { "choice: plain no", "name: a\nmood: no\n", "", NULL },
        { "choice: nearly one", "name: a\nmood: hapy\n", "bad-choice‹hapy›", "'happy'" },
        { "choice: none of them", "name: a\nmood: indifferent\n", "bad-choice‹indifferent›", "happy, sad or no" },
        { "choice: part of one", "name: a\nmood: hap\n", "bad-choice‹hap›", NULL },
        { "choice: two at once", "name: a\nmood: happy|sad\n", "bad-choice‹happy|sad›", NULL },
        { "choice: capitals", "name: a\nmood: Sad\n", "bad-choice‹Sad›", "'sad'" },
        { "flag: in quotes", "name: a\nopen: 'true'\n", "bad-value‹'true'›", "without quotes" },
        { "flag: another word", "name: a\nopen: yes\n", "bad-value‹yes›", "true or false" },
        { "number: at the bounds", "name: a\nport: 65535\nleaf: {port: 1}\n", "", NULL },
        { "number: in quotes", "name: a\nport: '80'\n", "", NULL },
        { "number: below", "name: a\nport: 0\n", "out-of-range‹0›", "between 1 and 65535" },
        { "number: above", "name: a\nport: 65536\n", "out-of-range‹65536›", "between 1 and 65535" },
        { "number: beyond 64 bits", "name: a\nport: 99999999999999999999999\n", "out-of-range‹99999999999999999999999›", NULL },
        { "number: octal", "name: a\nport: 0010\n", "bad-value‹0010›", "decimal digits" },
        { "number: hexadecimal", "name: a\nport: 0x50\n", "bad-value‹0x50›", NULL },
        { "number: negative", "name: a\nport: -1\n", "bad-value‹-1›", NULL },
        { "number: none", "name: a\nport: ~\n", "bad-value‹~›", NULL },
        { "time: too short", "name: a\nwait: 499ms\n", "out-of-range‹499ms›", "at least 500ms" },
        { "time: too long", "name: a\nparts: [{name: b, wait: 2h}]\n", "out-of-range‹2h›", "at most 1h" },
        { "time: not a time", "name: a\nwait: soon\n", "bad-value‹soon›", "1min 30s" },
        { "size: not a size", "name: a\nmemory: 1 GB\n", "bad-value‹1 GB›", "512M" },
        { "cpus: none", "name: a\ncpus: 0\n", "bad-value‹0›", NULL },
        { "text: plain no", "name: no\n", "quote-needed‹no›", "\"no\"" },
        { "text: plain number with a zero", "name: 010\n", "quote-needed‹010›", "\"010\"" },
        { "text: quoted no", "name: 'no'\n", "", NULL },
        { "text: instance where none may be", "name: a\nlabels: {B: c}\nuser: a b\n", "bad-value‹a b›", NULL },
        { "command: a quote not closed", "name: a\ncommand: b 'c\n", "bad-command‹b 'c›", "is not closed" },
        { "command: a plain boolean as a word", "name: a\ncommand: [b, yes]\n", "quote-needed‹yes›", NULL },
        { "map: a bad key", "name: a\nlabels: {a b: c}\n", "bad-value‹a b›", "variable name" },
        { "map: an octal value", "name: a\nlabels: {B: 0755}\n", "quote-needed‹0755›", NULL },
        { "map: no value", "name: a\nlabels: {B: }\n", "empty-value‹›", NULL },
        { "value: text", "name: a\nenv: {B: c, D: 4, E: 'yes'}\n", "", NULL },
        { "value: secret", "name: a\nenv: {B: {secret: c}}\n", "", NULL },
        { "value: secret and more", "name: a\nenv: {B: {secret: c, d: e}}\n", "wrong-kind‹{secret: c, d: e}›", "{secret: NAME}" },
        { "value: another map", "name: a\nenv: {B: {credential: c}}\n", "wrong-kind‹{credential: c}›", "{secret: NAME}" },
        { "value: secret of a list", "name: a\nenv: {B: {secret: [c]}}\n", "wrong-kind‹{secret: [c]}›", NULL },
        { "value: a list", "name: a\nenv: {B: [c]}\n", "wrong-kind‹[c]›", "not a list" },
        { "value: a list where one may be", "name: a\nconfig: {B: [c, d]}\n", "", NULL },
        { "value: a list in a list", "name: a\nconfig: {B: [c, [d]]}\n", "wrong-kind‹[d]›", NULL },
        { "value: a boolean", "name: a\nenv: {B: true}\n", "quote-needed‹true›", NULL },
        { "value: a boolean where one may be", "name: a\nconfig: {B: true, C: false}\n", "", NULL },
        { "value: a word that is no boolean", "name: a\nconfig: {B: yes}\n", "quote-needed‹yes›", NULL },
        { "alternatives: a scalar", "name: a\nfrom: /b\n", "", NULL },
        { "alternatives: a list", "name: a\nfrom: [/b, /c]\n", "", NULL },
        { "alternatives: a map", "name: a\nfrom: {port: 5}\n", "", NULL },
        { "alternatives: a bad scalar", "name: a\nfrom: b\n", "bad-value‹b›", "absolute path" },
        { "alternatives: a bad map", "name: a\nfrom: {prot: 5}\n", "unknown-key‹prot›", NULL },
        { "alternatives: nothing", "name: a\nfrom:\n", "empty-value‹from›", NULL },
};

static void test_diag(void **state) {
        const struct diag_row *row = *state;
        struct thing thing;
        struct bench b;

        bench_init(&b);
        decode(&b, row->yaml, &thing);
        assert_diags(&b, row->diags, row->hint);
        bench_done(&b);
}

/* Whatever is wrong with a secret, neither it nor its line is shown. */
static const struct diag_row secret_rows[] = {
        { "secret: of an odd form", "name: a\nenv: {B: {hunter2: c}}\n", "wrong-kind‹{hunter2: c}›", NULL },
        { "secret: a list", "name: a\nenv: {B: [hunter2]}\n", "wrong-kind‹[hunter2]›", NULL },
        { "secret: a list of lists", "name: a\nconfig: {B: [[hunter2]]}\n", "wrong-kind‹[hunter2]›", NULL },
        { "secret: in place of its name", "name: a\nenv: {B: {secret: Hunter 2}}\n", "bad-value‹Hunter 2›", NULL },
        { "secret: an octal number", "name: a\nenv: {B: 0123}\n", "quote-needed‹0123›", NULL },
        { "secret: in place of the map", "name: a\nenv: hunter2\n", "wrong-kind‹hunter2›", NULL },
        { "secret: a bad key beside it", "name: a\nenv: {a b: hunter2}\n", "bad-value‹a b›", "'a b' is not a valid variable name" },
        { "secret: a value of its own", "name: a\nsecret: [hunter2]\n", "wrong-kind‹[hunter2]›", NULL },
};

static void test_secret(void **state) {
        const struct diag_row *row = *state;
        struct thing thing;
        struct bench b;

        bench_init(&b);
        decode(&b, row->yaml, &thing);
        assert_diags(&b, row->diags, row->hint);
        assert_true(b.diags.list.at[0].is_secret);
        assert_null(strstr(bench_texts(&b), "unter"));
        assert_null(strstr(bench_texts(&b), "0123"));
        bench_done(&b);
}

static const char everything[] =
        "name: a\nuser: app:app\nmood: no\nopen: false\nport: 8080\nwait: 2h\nmemory: 1G\ncpus: 0.25\ncommand: run it\n"
        "commands: [a b, [c d, e]]\ntags: [v, w]\nenv: {A: b, C: {secret: d}}\nconfig: {L: [p, q], T: true}\n"
        "leaf: {note: hello}\nparts: [{name: p, wait: 9}, {name: q}]\nleaves: {one: {port: 1}, two: {}}\nfrom: [/a]\n";

static void test_scalars(void **state) {
        struct thing t;
        struct bench b;

        (void) state;
        bench_init(&b);
        decode(&b, everything, &t);
        assert_diags(&b, "", NULL);

        assert_true(str_is(t.name.text, "a"));
        assert_int_equal(t.name.at.off, 6);
        assert_int_equal(t.name.at.len, 1);
        assert_true(str_is(t.common.user.text, "app:app"));
        assert_true(str_is_absent(t.common.image.text));
        assert_int_equal(t.mood.index, 2);
        assert_false(t.open.yes);
        assert_int_equal(t.port.n, 8080);
        assert_int_equal(t.wait.usec, 7200000000);
        assert_int_equal(t.memory.bytes, 1 << 30);
        assert_int_equal(t.cpus.milli, 250);
        bench_done(&b);
}

static void test_collections(void **state) {
        struct thing t;
        struct bench b;

        (void) state;
        bench_init(&b);
        decode(&b, everything, &t);
        assert_diags(&b, "", NULL);

        assert_int_equal(t.command.n, 2);
        assert_true(str_is(t.command.at[1].text, "it"));

        assert_int_equal(t.commands.n, 2);
        assert_int_equal(t.commands.at[0].words.n, 2);
        assert_true(str_is(t.commands.at[1].words.at[0].text, "c d"));
        assert_int_equal(t.tags.n, 2);
        assert_true(str_is(t.tags.at[1].text, "w"));

        assert_int_equal(t.env.n, 2);
        assert_true(str_is(t.env.at[0].value.text.text, "b"));
        assert_true(t.env.at[0].value.is_plain);
        assert_true(str_is(t.env.at[1].value.secret.text, "d"));
        assert_true(str_is_absent(t.env.at[1].value.text.text));
        assert_true(t.config.at[0].value.is_list);
        assert_int_equal(t.config.at[0].value.n_items, 2);
        assert_true(str_is(t.config.at[0].value.items[1].text, "q"));
        assert_true(str_is(t.config.at[1].value.text.text, "true"));

        assert_true(str_is(t.leaf->note.text, "hello"));
        assert_int_equal(t.leaf->port.n, 0);
        assert_int_equal(t.parts.n, 2);
        assert_int_equal(t.parts.at[0].wait.usec, 9000000);
        assert_int_equal(t.leaves.n, 2);
        assert_true(str_is(t.leaves.at[1].key.text, "two"));
        assert_int_equal(t.leaves.at[0].value.port.n, 1);

        assert_true(str_is_absent(t.from_path.text));
        assert_int_equal(t.from_paths.n, 1);
        assert_null(t.from_leaf);
        bench_done(&b);
}

static void test_defaults(void **state) {
        struct thing t;
        struct bench b;

        (void) state;
        bench_init(&b);
        decode(&b, "name: a\nopen: false\nleaf: {}\nparts: [{name: p}, {name: q, wait: 2s}]\nleaves: {one: {}}\n", &t);
        schema_apply_defaults(&b.arena, &thing_schema, &t);
        assert_diags(&b, "", NULL);

        assert_int_equal(t.mood.index, 1);
        assert_false(t.open.yes);       /* what is given stays, also where it is zero */
        assert_int_equal(t.wait.usec, 90000000);
        assert_int_equal(t.command.n, 2);
        assert_true(str_is(t.command.at[1].text, "all of it"));
        assert_int_equal(t.command.at[1].at.file, SPAN_NOWHERE);
        assert_int_equal(t.port.n, 0);
        assert_int_equal(t.leaf->port.n, 80);
        assert_int_equal(t.parts.at[0].wait.usec, 5000000);
        assert_int_equal(t.parts.at[1].wait.usec, 2000000);
        assert_int_equal(t.leaves.at[0].value.port.n, 80);
        assert_null(t.from_leaf);
        bench_done(&b);
}

/* An empty command is one that is given: it takes no default. */
static void test_empty_command(void **state) {
        struct thing t;
        struct bench b;

        (void) state;
        bench_init(&b);
        decode(&b, "name: a\ncommand: \"\"\n", &t);
        schema_apply_defaults(&b.arena, &thing_schema, &t);
        assert_int_equal(t.command.n, 0);
        assert_non_null(t.command.at);
        bench_done(&b);
}

static void test_inherit(void **state) {
        struct thing from, t;
        struct bench b;

        (void) state;
        bench_init(&b);
        decode(&b, "name: a\nuser: root\nimage: base:1\nmemory: 1G\nport: 1\ncommand: run base\ntags: [v, w]\nlabels: {A: a, B: b}\n"
                   "env: {A: a, B: b}\nleaf: {port: 1}\nleaves: {one: {port: 1}, two: {port: 2}}\n", &from);
        decode(&b, "name: b\nimage: own:1\ncommand: run own\ntags: z\nlabels: {B: c, C: c}\nenv: {B: {secret: s}}\nleaf: {note: own}\nleaves: {two: {port: 9}}\n", &t);
        assert_diags(&b, "", NULL);
        schema_inherit(&b.arena, &thing_schema, &from, &t);

        assert_true(str_is(t.name.text, "b"));
        assert_true(str_is(t.common.user.text, "root"));
        assert_true(str_is(t.common.image.text, "own:1"));
        assert_int_equal(t.memory.bytes, 1 << 30);
        assert_int_equal(t.port.n, 0);          /* not a row that is taken over */
        assert_true(str_is(t.command.at[1].text, "own"));

        /* Lists come one after another, maps are merged. */
        assert_int_equal(t.tags.n, 3);
        assert_true(str_is(t.tags.at[0].text, "v"));
        assert_true(str_is(t.tags.at[2].text, "z"));
        assert_int_equal(t.labels.n, 3);
        assert_true(str_is(t.labels.at[0].key.text, "A"));
        assert_true(str_is(t.labels.at[1].value.text, "c"));
        assert_int_equal(t.env.n, 2);
        assert_true(str_is(t.env.at[1].value.secret.text, "s"));
        assert_int_equal(t.leaves.n, 2);
        assert_int_equal(t.leaves.at[1].value.port.n, 9);

        /* A struct is replaced as a whole. */
        assert_int_equal(t.leaf->port.n, 0);
        assert_true(str_is(t.leaf->note.text, "own"));

        /* Nobody's own is touched. */
        assert_int_equal(from.tags.n, 2);
        assert_int_equal(from.labels.n, 2);
        bench_done(&b);
}

/* The rows of a struct that are taken over are so key by key; a list replaces all values of a key. */
static void test_inherit_by_key(void **state) {
        struct thing from, t;
        struct bench b;

        (void) state;
        bench_init(&b);
        decode(&b, "name: a\nraw: {Keys: {A: [1, 2], B: [3, 4]}, number: 7}\n", &from);
        decode(&b, "name: b\nraw: {Keys: {B: true, C: [5, 6]}}\n", &t);
        assert_diags(&b, "", NULL);
        schema_inherit(&b.arena, &thing_schema, &from, &t);

        assert_int_equal(t.raw->keys.n, 5);
        assert_true(str_is(t.raw->keys.at[1].key.text, "A"));
        assert_true(str_is(t.raw->keys.at[1].value.text, "2"));
        assert_true(str_is(t.raw->keys.at[2].key.text, "B"));
        assert_true(str_is(t.raw->keys.at[2].value.text, "true"));
        assert_true(str_is(t.raw->keys.at[4].value.text, "6"));
        assert_int_equal(t.raw->port.n, 0);
        assert_int_equal(from.raw->keys.n, 4);
        bench_done(&b);
}

static void test_inherit_nothing(void **state) {
        struct thing from, t;
        struct bench b;

        (void) state;
        bench_init(&b);
        decode(&b, "name: a\ntags: [x]\nenv: {A: a}\ncommand: run\n", &from);
        decode(&b, "name: b\ntags: []\nenv: {}\ncommand: ''\n", &t);
        schema_inherit(&b.arena, &thing_schema, &from, &t);
        assert_int_equal(t.tags.n, 1);          /* an empty list adds nothing */
        assert_int_equal(t.env.n, 1);
        assert_int_equal(t.command.n, 0);       /* an empty command replaces */
        bench_done(&b);
}

static void test_find(void **state) {
        size_t offset = 0;

        (void) state;
        assert_string_equal(schema_find(&thing_schema, STR("image"), &offset)->doc, "Image.");
        assert_int_equal(offset, offsetof(struct thing, common));
        offset = 0;
        assert_string_equal(schema_find(&thing_schema, STR("from"), &offset)->doc, "A path.");
        assert_int_equal(offset, 0);
        assert_null(schema_find(&thing_schema, STR("fro"), &offset));
}

/* A default is decoded while programs run, where nobody would hear of an error in it. */
static void check_default(struct bench *b, const struct field *f) {
        struct decoder d = { &b->arena, &b->diags };
        struct node node = { .kind = NODE_SCALAR, .plain = true, .at = NOWHERE, .text = str_of(f->def) };
        struct raw_list words = { 0 };
        char member[128] = { 0 };

        assert_true(f->shape == SHAPE_SCALAR || f->shape == SHAPE_WORDS);
        assert_true(f->size <= sizeof(member));
        if (f->shape == SHAPE_SCALAR)
                assert_true(decode_scalar(&d, f, f->kind, &node, member));
        else
                assert_true(decode_words(&d, f, &node, &words));
        assert_int_equal(b->diags.list.n, 0);
}

static void check_row(struct bench *b, const struct field *f) {
        assert_non_null(f->key);
        assert_true(str_is_made_of(str_of(f->key), "abcdefghijklmnopqrstuvwxyz_0123456789") || (f->key[0] >= 'A' && f->key[0] <= 'Z'));
        assert_non_null(f->doc);
        assert_true(str_has_suffix(str_of(f->doc), STR(".")) || str_has_suffix(str_of(f->doc), STR("…")));
        assert_int_equal(f->kind == KIND_CHOICE, f->choices != NULL);
        assert_true(f->max == 0 || f->min <= f->max);
        assert_false((f->flags & FIELD_REQUIRED) && f->def);
        if (f->def)
                check_default(b, f);
}

static void check_schema(struct bench *b, const struct schema *s, unsigned depth) {
        assert_true(depth < 16);
        assert_true(s->n > 0);
        assert_int_equal(s->doc[strlen(s->doc) - 1], '.');
        for (size_t i = 0; i < s->n; i++) {
                if (s->fields[i].shape != SHAPE_INLINE)
                        check_row(b, &s->fields[i]);
                if (s->fields[i].schema)
                        check_schema(b, s->fields[i].schema, depth + 1);
        }
}

struct schema_row {
        const char *name;
        const struct schema *schema;
};

static const struct schema_row schema_rows[] = {
        { "rows: of definitions", &app_schema },
        { "rows: of host.yaml", &host_schema },
        { "rows: of contracts", &contract_schema },
        { "rows: of this test", &thing_schema },
};

static void test_rows(void **state) {
        const struct schema_row *row = *state;
        struct bench b;

        bench_init(&b);
        check_schema(&b, row->schema, 0);
        bench_done(&b);
}

int main(void) {
        static struct rows rows;

        rows_add(&rows, test_diag, diag_rows);
        rows_add(&rows, test_secret, secret_rows);
        rows_add_one(&rows, test_scalars);
        rows_add_one(&rows, test_collections);
        rows_add_one(&rows, test_defaults);
        rows_add_one(&rows, test_empty_command);
        rows_add_one(&rows, test_inherit);
        rows_add_one(&rows, test_inherit_by_key);
        rows_add_one(&rows, test_inherit_nothing);
        rows_add_one(&rows, test_find);
        rows_add(&rows, test_rows, schema_rows);
        return rows_run(&rows, "schema");
}
