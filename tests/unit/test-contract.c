/* SPDX-License-Identifier: Apache-2.0 */

/* Contracts: from `config:` to variables. */

#include "config.h"
#include "worlds.h"

struct contract_row {
        const char *name;
        const char *variables, *sets;   /* flow style, without the brackets */
        const char *config;
        const char *environment;        /* NULL where the definition is broken */
        const char *diags, *hint;
};

#define URI "{env: URI, template: 'pg://{{ user | urlencode }}:{{ pw | urlencode }}@{{ host }}:{{ port }}/x'}"
#define PARTS "{name: user}, {name: pw, secret: true}, {name: host}, {name: port, default: '5432'}, "
#define S3 "{name: bucket, env: BUCKET}, {name: region, env: REGION}, {name: class, env: CLASS, default: standard}, {name: size, env: SIZE}"
#define S3_SET "{name: s3, variables: [bucket, region], optional: [class, size]}"

static const struct contract_row rows[] = {
        { "values: given", "{name: host, env: DB_HOST}", "", "host: db", "DB_HOST=db", "", NULL },
        { "values: none given", "{name: host, env: DB_HOST}", "", "", "", "", NULL },
        { "values: named like the variable", "{env: DB_HOST}", "", "DB_HOST: db", "DB_HOST=db", "", NULL },
        { "values: without a variable", "{name: host}", "", "host: db", "", "", NULL },
        { "values: empty", "{env: A}", "", "A: ''", "A=", "", NULL },
        { "values: of several lines", "{env: A}", "", "A: \"b\\nc\"", "A=b\nc", "", NULL },
        { "values: the instance's number", "{env: A}", "", "A: 'x-{{ instance }}'", "A=x-@", "", NULL },
        { "values: substituted", "{env: A}", "", "A: '{{ app_name }}'", "A=shop", "", NULL },
        { "values: a secret", "{env: A}", "", "A: {secret: known}", "!A={known}", "", NULL },
        { "values: an unknown secret", "{env: A}", "", "A: {secret: knwon}", NULL, "unknown-secret‹knwon›", "did you mean 'known'?" },

        { "required: given", "{env: A, required: true}", "", "A: x", "A=x", "", NULL },
        { "required: a secret will do", "{env: A, required: true}", "", "A: {secret: known}", "!A={known}", "", NULL },
        { "required: missing", "{env: A, required: true}", "", "", NULL, "config-missing‹c›", "requires 'A'; add it to 'config:'" },
        { "required: its description", "{env: A, required: true, doc: The letter}", "", "", NULL, "config-missing‹c›", "(The letter)" },
        { "required: two", "{env: A, required: true}, {env: B, required: true}", "", "", NULL, "config-missing‹c› config-missing‹c›", NULL },
        { "required: has a default", "{env: A, required: true, default: x}", "", "", "A=x", "", NULL },

        { "default: taken", "{env: A, default: x}", "", "", "A=x", "", NULL },
        { "default: replaced", "{env: A, default: x}", "", "A: 'y'", "A=y", "", NULL },
        { "default: empty", "{env: A, default: ''}", "", "", "A=", "", NULL },

        { "when: it holds", "{env: E}, {env: R, when: {E: s3}}", "", "E: s3, R: eu", "E=s3, R=eu", "", NULL },
        { "when: it does not", "{env: E}, {env: R, when: {E: s3}}", "", "E: file, R: eu", "E=file", "", NULL },
        { "when: by a default", "{env: E, default: s3}, {env: R, default: us, when: {E: s3}}", "", "", "E=s3, R=us", "", NULL },
        { "when: not given", "{env: E}, {env: R, default: us, when: {E: s3}}", "", "", "", "", NULL },
        { "when: required only then", "{env: E}, {env: R, required: true, when: {E: s3}}", "", "E: file", "E=file", "", NULL },
        { "when: required then", "{env: E}, {env: R, required: true, when: {E: s3}}", "", "E: s3", NULL, "config-missing‹c›", "'R'" },
        { "required when: it holds", "{env: E}, {env: R, required_when: {E: s3}}", "", "E: s3", NULL, "config-missing‹c›", "'R'" },
        { "required when: it does not", "{env: E}, {env: R, required_when: {E: s3}}", "", "E: file", "E=file", "", NULL },
        { "required when: given without need", "{env: E}, {env: R, required_when: {E: s3}}", "", "E: file, R: eu", "E=file, R=eu", "", NULL },
        { "required when: by a default", "{env: E, default: s3}, {env: R, required_when: {E: s3}}", "", "", NULL, "config-missing‹c›", "'R'" },
        { "required when: two conditions", "{env: E}, {env: F}, {env: R, required_when: {E: a, F: b}}", "", "E: a, F: c", "E=a, F=c", "", NULL },
        { "when: two conditions", "{env: E}, {env: F}, {env: R, default: x, when: {E: a, F: b}}", "", "E: a, F: c", "E=a, F=c", "", NULL },
        { "when: a secret is not compared", "{env: E}, {env: R, default: x, when: {E: known}}", "", "E: {secret: known}", "!E={known}", "", NULL },

        { "sets: not in use", S3, S3_SET, "", "", "", NULL },
        { "sets: whole", S3, S3_SET, "bucket: b, region: r", "BUCKET=b, CLASS=standard, REGION=r", "", NULL },
        { "sets: with an optional one", S3, S3_SET, "bucket: b, region: r, size: '1'", "BUCKET=b, CLASS=standard, REGION=r, SIZE=1", "", NULL },
        { "sets: one is missing", S3, S3_SET, "bucket: b", NULL, "config-missing‹bucket›", "'bucket' needs 'region' too (the set 's3' of the contract 'c')" },
        { "sets: without the first", S3, S3_SET, "region: r", NULL, "config-missing‹region›", "'region' has no effect without 'bucket'" },
        { "sets: an optional one without the first", S3, S3_SET, "class: r", NULL, "config-missing‹class›", "no effect without 'bucket'" },
        { "sets: required, not in use", "{env: A}, {env: B, required: true}", "{name: x, variables: [A, B]}", "", "", "", NULL },
        { "sets: required, optional, in use", "{env: A}, {env: B, required: true}", "{name: x, variables: [A], optional: [B]}", "A: b", NULL,
          "config-missing‹c›", "requires 'B'" },
        { "sets: the first is a secret", "{env: A}, {env: B}", "{name: x, variables: [A, B]}", "A: {secret: known}", NULL, "config-missing‹A›", NULL },

        { "template: of all", PARTS URI, "", "user: me, pw: {secret: known}, host: db", "!URI=pg://me:{known|urlencode}@db:5432/x", "", NULL },
        { "template: literals are encoded here", PARTS URI, "", "user: 'a@b', pw: {secret: known}, host: db",
          "!URI=pg://a%40b:{known|urlencode}@db:5432/x", "", NULL },
        { "template: a literal secret", PARTS URI, "", "user: me, pw: 'p/w é', host: db", "!URI=pg://me:p%2Fw%20%C3%A9@db:5432/x",
          "readable-secret‹pw›", NULL },
        { "template: nothing given", PARTS URI, "", "", "", "", NULL },
        { "template: a default alone is nothing given", "{name: port, default: '1'}, {name: host}, {env: U, template: '{{ host }}:{{ port }}'}", "", "", "", "", NULL },
        { "template: defaults for all", "{name: a, default: x}, {env: U, template: '<{{ a }}>'}", "", "", "U=<x>", "", NULL },
        { "template: one is missing", PARTS URI, "", "user: me, host: db", NULL, "config-missing‹host›", "'host' has an effect only with 'pw', for URI" },
        { "template: a required one is missing", "{name: a}, {name: b, required: true}, {env: U, template: '{{ a }}{{ b }}'}", "", "a: x", NULL,
          "config-missing‹c›", "requires 'b'" },
        { "template: one is not in force", "{name: a}, {name: b, when: {a: z}}, {env: U, template: '{{ a }}{{ b }}'}", "", "a: x, b: w", "", "", NULL },
        { "template: not in force itself", "{name: a}, {env: U, template: '{{ a }}', when: {a: z}}", "", "a: x", "", "", NULL },
        { "template: given itself", PARTS URI, "", "URI: x", NULL, "config-unknown‹URI›", "is made from other values" },
        { "template: the instance's number", "{name: a}, {env: U, template: '<{{ a }}>'}", "", "a: '{{ instance }}'", "U=<@>", "", NULL },
        { "template: encoded around the number", "{name: a}, {env: U, template: '{{ a | urlencode }}'}", "", "a: '/{{ instance }}/'", "U=%2F@%2F", "", NULL },
        { "template: the number beside a secret", PARTS URI, "", "user: 'u{{ instance }}', pw: {secret: known}, host: db", NULL,
          "instance-not-here‹'u{{ instance }}'›", "contains one" },
        { "template: secret by its own word", "{name: a}, {env: U, template: '<{{ a }}>', secret: true}", "", "a: x", "!U=<x>", "", NULL },

        { "list: joined", "{env: A, type: list}", "", "A: [a, b, 'c d']", "A=a,b,c d", "", NULL },
        { "list: empty", "{env: A, type: list}", "", "A: []", "A=", "", NULL },
        { "list: one text", "{env: A, type: list}", "", "A: a", "A=a", "", NULL },
        { "list: a comma in it", "{env: A, type: list}", "", "A: [a, 'b,c']", NULL, "config-type‹[a, 'b,c']›", "without commas" },
        { "list: where a text is wanted", "{env: A}", "", "A: [a]", NULL, "config-type‹[a]›", "a single value" },
        { "list: in a template", "{name: a, type: list}, {env: U, template: '<{{ a }}>'}", "", "a: [x, z]", "U=<x,z>", "", NULL },

        { "choices: one of them", "{env: A, choices: [a, b]}", "", "A: b", "A=b", "", NULL },
        { "choices: none of them", "{env: A, choices: [a, b, c]}", "", "A: d", NULL, "config-choice‹d›", "invalid value 'd' for 'A'; the contract 'c' allows a, b or c" },
        { "choices: a secret is not compared", "{env: A, choices: [a]}", "", "A: {secret: known}", "!A={known}", "", NULL },
        { "choices: not shown", "{env: A, secret: true, choices: [a]}", "", "A: hunter2", NULL, "config-choice‹hunter2›", "invalid value for 'A'" },
        { "choices: of a list", "{env: A, type: list, choices: [a, b]}", "", "A: [a, b]", "A=a,b", "", NULL },
        { "choices: of a list, one wrong", "{env: A, type: list, choices: [a, b]}", "", "A: [a, c]", NULL, "config-choice‹c›", NULL },

        { "types: an integer", "{env: A, type: integer}", "", "A: 4", "A=4", "", NULL },
        { "types: a negative integer", "{env: A, type: integer}", "", "A: -1", "A=-1", "", NULL },
        { "types: an integer in quotes", "{env: A, type: integer}", "", "A: '04'", "A=04", "", NULL },
        { "types: no integer", "{env: A, type: integer}", "", "A: 4.5", NULL, "config-type‹4.5›", "a whole number" },
        { "types: a sign alone", "{env: A, type: integer}", "", "A: '-'", NULL, "config-type‹'-'›", NULL },
        { "types: no integer but a secret", "{env: A, type: integer}", "", "A: {secret: known}", "!A={known}", "", NULL },
        { "types: a boolean", "{env: A, type: boolean}, {env: B, type: boolean}", "", "A: true, B: 'false'", "A=true, B=false", "", NULL },
        { "types: no boolean", "{env: A, type: boolean}", "", "A: 'True'", NULL, "config-type‹'True'›", "true or false" },
        { "types: a boolean as YAML has them too", "{env: A, type: boolean}", "", "A: yes", NULL, "quote-needed‹yes›", NULL },
        { "types: a URL", "{env: A, type: url}", "", "A: 'amqp://u:p@h:5672/v'", "A=amqp://u:p@h:5672/v", "", NULL },
        { "types: no URL", "{env: A, type: url}", "", "A: host", NULL, "config-type‹host›", "a URL" },
        { "types: a text", "{env: A}", "", "A: 5432", "A=5432", "", NULL },
        { "types: true is no text", "{env: A}", "", "A: true", NULL, "config-type‹true›", "put it in quotes" },
        { "types: true in quotes is one", "{env: A}", "", "A: 'true'", "A=true", "", NULL },

        { "unknown: near", "{name: dbhost}", "", "dbhots: x", NULL, "config-unknown‹dbhots›", "did you mean 'dbhost'?" },
        { "unknown: far", "{name: dbhost}", "", "colour: x", NULL, "config-unknown‹colour›", "put other variables under 'env:'" },
        { "unknown: templates are not offered", "{name: a}, {name: dburi, env: U, template: '{{ a }}'}", "", "dbuir: x", NULL, "config-unknown‹dbuir›", "under 'env:'" },

        { "secret: in clear", "{env: A, secret: true}", "", "A: hunter2", "!A=hunter2", "readable-secret‹A›", "chmod o-r" },
        { "secret: by name", "{env: A, secret: true}", "", "A: {secret: known}", "!A={known}", "", NULL },
        { "secret: a default", "{env: A, secret: true, default: x}", "", "", "!A=x", "", NULL },
        { "secret: the instance's number", "{env: A, secret: true}", "", "A: 'x{{ instance }}'", NULL,
          "readable-secret‹A› instance-not-here‹'x{{ instance }}'›", NULL },
        { "secret: a variable of Podman's", "{env: HTTPS_PROXY, secret: true}", "", "HTTPS_PROXY: x", NULL, "readable-secret‹HTTPS_PROXY› secret-variable‹HTTPS_PROXY›", NULL },

        { "bad: neither name nor variable", "{doc: x}", "", "", NULL, "bad-contract‹c› bad-contract‹{›", NULL },
        { "bad: twice", "{env: A}, {env: A}", "", "", NULL, "bad-contract‹c› bad-contract‹A›", "duplicate variable 'A'" },
        { "bad: an unknown condition of need", "{env: A, required_when: {B: x}}", "", "", NULL, "bad-contract‹c› bad-contract‹B›", "unknown variable 'B'" },
        { "bad: an unknown condition", "{env: A, when: {B: x}}", "", "", NULL, "bad-contract‹c› bad-contract‹B›", "unknown variable 'B'" },
        { "bad: a set of unknown ones", "{env: A}", "{name: x, variables: [B], optional: [D]}", "", NULL, "bad-contract‹c› bad-contract‹B› bad-contract‹D›", NULL },
        { "bad: an unknown name in a template", "{env: A, template: '{{ b }}'}", "", "", NULL, "bad-contract‹c› bad-contract‹'{{ b }}'›", "names an unknown variable" },
        { "bad: a template of templates", "{env: D}, {env: A, template: '{{ D }}'}, {env: B, template: '{{ A }}'}", "", "", NULL,
          "bad-contract‹c› bad-contract‹'{{ A }}'›", "names another template" },
        { "bad: an unknown filter", "{env: D}, {env: A, template: '{{ D | upper }}'}", "", "", NULL, "bad-contract‹c› bad-contract‹'{{ D | upper }}'›", "urlencode" },
        { "bad: braces that stay open", "{env: A, template: '{{ A'}", "", "", NULL, "bad-contract‹c› bad-contract‹'{{ A'›", "close it" },
        { "bad: a template without a variable", "{env: D}, {name: a, template: '{{ D }}'}", "", "", NULL, "bad-contract‹c› bad-contract‹{›", "needs 'env'" },
        { "bad: an unknown key", "{env: A, requierd: true}", "", "", NULL, "bad-contract‹c› unknown-key‹requierd›", "'required'" },
};

static void test_row(void **state) {
        const struct contract_row *row = *state;
        struct site s;
        struct app *app;

        site_open(&s);
        site_write(&s, "/etc/pyservice/contracts/c.yaml",
                   arena_printf(&s.arena, "variables: [%s]\n%s%s%s", row->variables, row->sets[0] ? "sets: [" : "", row->sets, row->sets[0] ? "]\n" : "").p);
        site_write(&s, "/etc/pyservice.d/shop.yaml",
                   arena_printf(&s.arena, "image: x\ncontract: c\nsecrets: {known: {credential: shop.known}}\nconfig: {%s}\n", row->config).p);
        site_load(&s);

        assert_site(&s, row->diags, row->hint);
        app = site_app(&s, "shop");
        assert_int_equal(app != NULL, row->environment != NULL);
        if (app)
                assert_string_equal(site_environment(&s, &app->services.at[0].container), row->environment);
        site_close(&s);
}

/* The first directory that has it wins, and a contract is read once, however many use it. */
static void test_directories(void **state) {
        struct site s;

        (void) state;
        site_open(&s);
        site_write(&s, DATADIR "/contracts/c.yaml", "variables: [{env: FROM, default: usr}]\n");
        site_write(&s, DATADIR "/contracts/other.yaml", "variables: [{env: FROM, default: share}]\n");
        site_write(&s, "/etc/pyservice/contracts/c.yaml", "variables: [{env: FROM, default: etc}]\n");
        site_write(&s, "/etc/pyservice.d/one.yaml", "image: x\ncontract: c\n");
        site_write(&s, "/etc/pyservice.d/two.yaml", "image: x\ncontract: c\n");
        site_write(&s, "/etc/pyservice.d/three.yaml", "image: x\ncontract: other\n");
        site_load(&s);

        assert_site(&s, "", NULL);
        assert_string_equal(site_environment(&s, &site_app(&s, "one")->services.at[0].container), "FROM=etc");
        assert_string_equal(site_environment(&s, &site_app(&s, "three")->services.at[0].container), "FROM=share");
        assert_int_equal(s.world.contracts.n, 2);
        site_close(&s);
}

static void test_broken_for_two(void **state) {
        struct site s;

        (void) state;
        site_open(&s);
        site_write(&s, "/etc/pyservice/contracts/c.yaml", "variables: [{env: 1A}]\n");
        site_write(&s, DATADIR "/contracts/c.yaml", "variables: [{env: AB}]\n");
        site_write(&s, "/etc/pyservice.d/one.yaml", "image: x\ncontract: c\n");
        site_write(&s, "/etc/pyservice.d/two.yaml", "image: x\ncontract: c\n");
        site_load(&s);

        assert_site(&s, "bad-contract‹c› bad-contract‹c› bad-value‹1A›", "fix /etc/pyservice/contracts/c.yaml");
        assert_null(site_app(&s, "one"));
        assert_null(site_app(&s, "two"));
        site_close(&s);
}

static void test_unknown(void **state) {
        struct site s;

        (void) state;
        site_open(&s);
        site_write(&s, DATADIR "/contracts/dci-api.yaml", "variables: [{env: A}]\n");
        site_write(&s, "/etc/pyservice.d/one.yaml", "image: x\ncontract: dci-ap\n");
        site_write(&s, "/etc/pyservice.d/two.yaml", "image: x\ncontract: else\n");
        site_load(&s);

        assert_site(&s, "unknown-contract‹dci-ap› unknown-contract‹else›", "did you mean 'dci-api'?");
        assert_site(&s, "unknown-contract‹dci-ap› unknown-contract‹else›", "write one to /etc/pyservice/contracts/else.yaml");
        site_close(&s);
}

/* A definition that only its owner can read may hold a secret in clear; `env:` has the last word. */
static void test_private_file(void **state) {
        struct site s;

        (void) state;
        site_open(&s);
        site_write(&s, "/etc/pyservice/contracts/c.yaml", "variables: [{env: A, secret: true}, {env: B}]\n");
        site_write_mode(&s, "/etc/pyservice.d/shop.yaml", "image: x\ncontract: c\nconfig: {A: hunter2, B: b}\nenv: {B: e}\n", 0600);
        site_load(&s);

        assert_site(&s, "", NULL);
        assert_string_equal(site_environment(&s, &site_app(&s, "shop")->services.at[0].container), "!A=hunter2, B=e");
        site_close(&s);
}

/* Where the API marks authentications: what is written there counts most, a default least. */
static void test_tracking(void **state) {
        static const char *const cases[][3] = {
                { "{}", "{}", "DCI_REDIS_URL=redis://contract" },
                { "{redis_url: 'redis://own'}", "{}", "DCI_REDIS_URL=redis://own" },
                { "{}", "{url: 'redis://config'}", "DCI_REDIS_URL=redis://config" },
                { "{redis_url: 'redis://own'}", "{url: 'redis://config'}", "DCI_REDIS_URL=redis://own" },
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct site s;

                site_open(&s);
                site_write(&s, "/etc/pyservice/contracts/c.yaml", "variables: [{name: url, env: DCI_REDIS_URL, default: 'redis://contract'}]\n");
                site_write(&s, "/etc/pyservice.d/shop.yaml",
                           arena_printf(&s.arena, "image: x\ncontract: c\nauth_tracking: %s\nconfig: %s\n", cases[i][0], cases[i][1]).p);
                site_load(&s);
                assert_site(&s, "", NULL);
                assert_string_equal(site_environment(&s, &site_app(&s, "shop")->sidecars.at[0].container), cases[i][2]);
                site_close(&s);
        }
}

int main(void) {
        static struct rows all;

        rows_add(&all, test_row, rows);
        rows_add_one(&all, test_directories);
        rows_add_one(&all, test_broken_for_two);
        rows_add_one(&all, test_unknown);
        rows_add_one(&all, test_private_file);
        rows_add_one(&all, test_tracking);
        return rows_run(&all, "contract");
}
