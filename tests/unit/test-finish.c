/* SPDX-License-Identifier: Apache-2.0 */

/* From a definition to an app: what parts take over, what is worked out, in each container. */

#include "app/resolve.h"
#include "worlds.h"

static void put_words(struct buf *out, const struct word *words, size_t n) {
        for (size_t i = 0; i < n; i++) {
                buf_put(out, i > 0 ? "," : "");
                site_put(out, words[i].text);
        }
}

static void put_command(struct buf *out, const struct container *c) {
        put_words(out, c->command.at, c->command.n);
}

static void put_entrypoint(struct buf *out, const struct container *c) {
        buf_put(out, c->entrypoint.at ? "" : "(image's)");
        put_words(out, c->entrypoint.at, c->entrypoint.n);
}

static void put_hosts(struct buf *out, const struct container *c) {
        for (size_t i = 0; i < c->hosts.n; i++) {
                buf_put(out, i > 0 ? "," : "");
                buf_put_str(out, c->hosts.at[i].text);
        }
}

static void put_volumes(struct buf *out, const struct container *c) {
        for (size_t i = 0; i < c->mounts.n; i++) {
                buf_put(out, i > 0 ? "," : "");
                site_put(out, c->mounts.at[i].spec.text);
                buf_put(out, str_is_absent(c->mounts.at[i].unit.text) ? "" : " by ");
                buf_put_str(out, c->mounts.at[i].unit.text);
        }
}

static void put_env_files(struct buf *out, const struct container *c) {
        for (size_t i = 0; i < c->env_files.n; i++) {
                buf_put(out, i > 0 ? "," : "");
                buf_put_str(out, c->env_files.at[i].text);
        }
}

static void put_labels(struct buf *out, const struct container *c) {
        for (size_t i = 0; i < c->labels.n; i++) {
                buf_put(out, i > 0 ? "," : "");
                buf_put_str(out, c->labels.at[i].key.text);
                buf_put(out, "=");
                site_put(out, c->labels.at[i].value.text);
        }
}

static void put_secrets(struct buf *out, const struct container *c) {
        for (size_t i = 0; i < c->secrets.n; i++) {
                buf_put(out, i > 0 ? "," : "");
                buf_put_str(out, c->secrets.at[i].key.text);
                buf_put(out, ":");
                buf_put_str(out, c->secrets.at[i].value.credential.text);
                buf_put_str(out, c->secrets.at[i].value.file.text);
        }
}

static void put_image(struct buf *out, const struct container *c) {
        static const char *const pulls[] = { "", " always", " newer", " never" };

        buf_put_str(out, c->image.text);
        buf_put(out, " by ");
        buf_put_str(out, c->image_unit.text);
        buf_put(out, pulls[container_pull(c)]);
}

static void put_network(struct buf *out, const struct container *c) {
        const struct attached *a = &c->attached.at[0];

        buf_put_str(out, a->network.text);
        buf_put(out, str_is_absent(a->unit.text) ? "" : " by ");
        buf_put_str(out, a->unit.text);
}

static void put_user(struct buf *out, const struct container *c) {
        buf_put_str(out, c->user.text);
        buf_put_str(out, c->workdir.text);
}

static void put_times(struct buf *out, const struct container *c) {
        buf_put_u64(out, c->stop_timeout.usec / 1000000);
        buf_put_str(out, c->stop_signal.text);
}

static void put_limits(struct buf *out, const struct container *c) {
        buf_put_u64(out, c->resources ? c->resources->memory.bytes : 0);
        buf_put(out, "/");
        buf_put_u64(out, c->resources ? c->resources->pids.n : 0);
}

static void put_environment(struct buf *out, const struct container *c) {
        LIST_EACH(v, &c->environment) {
                buf_put(out, v == c->environment.at ? "" : ",");
                buf_put_str(out, v->name.text);
                buf_put(out, "=");
                site_put(out, v->pieces.at[0].literal);
                buf_put_str(out, v->pieces.at[0].secret.text);
        }
}

struct finish_row {
        const char *name, *yaml;
        void (*put)(struct buf *, const struct container *);
        const char *expected;           /* "UNIT=…; UNIT=…" */
};

#define WEB_JOB "services: [{name: web}, {name: job"
#define OTHERS "}]\nsidecars: [{name: side}]\ntasks: [{name: task}]\n"

static const struct finish_row finish_rows[] = {
        { "units: the short form", "image: x\n", put_image, "shop=x by shop" },
        { "units: several", "image: x\n" WEB_JOB OTHERS, put_image, "shop-web=x by shop; shop-job=x by shop; shop-side=x by shop; shop-task=x by shop" },
        { "units: a service named like the app", "image: x\nservices: [{name: shop}]\n", put_image, "shop-shop=x by shop" },
        { "units: the short form with others", "image: x\ntasks: [{name: task}]\n", put_image, "shop=x by shop; shop-task=x by shop" },
        { "units: no services", "image: x\nservices: []\n", put_image, "" },

        { "image: of its own", "image: x\n" WEB_JOB ", image: z" OTHERS, put_image,
          "shop-web=x by shop; shop-job=z by shop-job; shop-side=x by shop; shop-task=x by shop" },
        { "image: of its own, named like the app", "image: x\nservices: [{name: shop, image: z}, {name: web}]\n", put_image,
          "shop-shop=z by shop-shop; shop-web=x by shop" },
        { "image: pulled in another way", "image: x\npull: newer\n" WEB_JOB ", pull: always" OTHERS, put_image,
          "shop-web=x by shop newer; shop-job=x by shop-job always; shop-side=x by shop newer; shop-task=x by shop newer" },
        { "image: with other credentials", "image: x\nauth_file: /a\nservices: [{name: web}, {name: job, auth_file: /b}]\n", put_image,
          "shop-web=x by shop; shop-job=x by shop-job" },
        { "image: with a careless registry", "image: x\nservices: [{name: web}, {name: job, tls_verify: false}]\n", put_image,
          "shop-web=x by shop; shop-job=x by shop-job" },
        { "image: only of services", "services: [{name: web, image: x}]\n", put_image, "shop-web=x by shop-web" },

        { "lists: env_files come before", "image: x\nenv_files: [/a]\n" WEB_JOB ", env_files: [/b, -/c]" OTHERS, put_env_files,
          "shop-web=/a; shop-job=/a,/b,-/c; shop-side=/a; shop-task=/a" },
        { "lists: the short form has them once", "image: x\nenv_files: [/a]\nhosts: [h]\n", put_env_files, "shop=/a" },
        { "lists: volumes come before", "image: x\nvolumes: ['/a:/a']\n" WEB_JOB ", volumes: ['/b:/b']" OTHERS, put_volumes,
          "shop-web=/a:/a; shop-job=/a:/a,/b:/b; shop-side=/a:/a; shop-task=/a:/a" },
        { "lists: the short form has volumes once", "image: x\nvolumes: ['/a:/a']\n", put_volumes, "shop=/a:/a" },
        { "lists: hosts are replaced", "image: x\nhosts: [a, b]\n" WEB_JOB ", hosts: b" OTHERS, put_hosts, "shop-web=a,b; shop-job=b; shop-side=a,b; shop-task=a,b" },
        { "lists: the short form has hosts once", "image: x\nhosts: [a, b]\n", put_hosts, "shop=a,b" },
        { "maps: labels are replaced by name", "image: x\nlabels: {a: '1', b: '1'}\n" WEB_JOB ", labels: {b: '2', c: '2'}" OTHERS, put_labels,
          "shop-web=a=1,b=1; shop-job=a=1,b=2,c=2; shop-side=a=1,b=1; shop-task=a=1,b=1" },
        { "maps: secrets are replaced by name", "image: x\nsecrets: {a: {credential: one}}\n" WEB_JOB ", secrets: {a: {file: /two}, b: {credential: c}}" OTHERS,
          put_secrets, "shop-web=a:one; shop-job=a:/two,b:c; shop-side=a:one; shop-task=a:one" },
        { "maps: env", "image: x\nenv: {A: '1', B: '1'}\n" WEB_JOB ", env: {B: '2', C: '2'}" OTHERS, put_environment,
          "shop-web=A=1,B=1; shop-job=A=1,B=2,C=2; shop-side=A=1,B=1; shop-task=A=1,B=1" },
        { "texts: the command is not taken over", "image: x\ncommand: serve all\ntasks: [{name: task}]\n", put_command, "shop=serve,all; shop-task=" },
        { "texts: commands go to the shell", "image: x\ntasks: [{name: a, commands: [\"echo it\\\\'s\", [b, '', 'd e']]}]\n", put_command,
          "shop=; shop-a=/bin/sh,-c,'echo' 'it'\\''s' && 'b' '' 'd e'" },
        { "texts: one command too", "image: x\ntasks: [{name: a, commands: make all}]\n", put_command, "shop=; shop-a=/bin/sh,-c,'make' 'all'" },
        { "texts: the entry point is", "image: x\nentrypoint: [a, b]\n" WEB_JOB ", entrypoint: ''" OTHERS, put_entrypoint,
          "shop-web=a,b; shop-job=; shop-side=a,b; shop-task=a,b" },
        { "texts: no entry point", "image: x\n", put_entrypoint, "shop=(image's)" },
        { "texts: user and directory", "image: x\nuser: me\nworkdir: /a\n" WEB_JOB ", user: you" OTHERS, put_user,
          "shop-web=me/a; shop-job=you/a; shop-side=me/a; shop-task=me/a" },
        { "times: as given, and the default", "image: x\nservices: [{name: web, stop_timeout: 1min, stop_signal: SIGINT}, {name: job}]\n", put_times,
          "shop-web=60SIGINT; shop-job=10" },
        { "structs: limits are replaced as a whole", "image: x\nresources: {memory: 1K, pids: 5}\nservices: [{name: web}, {name: job, resources: {pids: 6}}]\n",
          put_limits, "shop-web=1024/5; shop-job=0/6" },

        { "network: Podman's", "image: x\nnetwork: podman\n", put_network, "shop=podman" },
        { "network: none said", "image: x\n", put_network, "shop=" },
        { "network: the app's", "image: x\nnetwork: back.network\nnetworks: {back: {}}\n", put_network, "shop=shop-back by shop-back-network.service" },
        { "network: the app's, by its name", "image: x\nnetwork: back\nnetworks: {back: {}}\n", put_network, "shop=shop-back by shop-back-network.service" },
        { "network: the administrator's", "image: x\nnetwork: front.network\n", put_network, "shop=front by front-network.service" },
        { "network: the app's before the administrator's", "image: x\nnetwork: front.network\nnetworks: {front: {}}\n", put_network,
          "shop=shop-front by shop-front-network.service" },
        { "network: of one part", "image: x\nnetwork: podman\n" WEB_JOB ", network: host" OTHERS, put_network,
          "shop-web=podman; shop-job=host; shop-side=podman; shop-task=podman" },

        { "volumes: the app's", "image: x\nvolumes: {data: {}}\nservices: [{name: web, volumes: ['data:/data:ro']}]\n", put_volumes,
          "shop-web=shop-data:/data:ro by shop-data-volume.service" },
        { "volumes: the administrator's", "image: x\nvolumes: ['media.volume:/media']\n", put_volumes, "shop=systemd-media:/media by media-volume.service" },
        { "volumes: the app's in the short form", "image: x\nvolumes: ['data:/data']\n", put_volumes, "shop=shop-data:/data by shop-data-volume.service" },
        { "volumes: the app's that is not in the map", "image: x\nvolumes: {a: {}}\nservices: [{name: web, volumes: ['my_Data:/data:ro', 'a:/a']}]\n", put_volumes,
          "shop-web=shop-my_Data:/data:ro by shop-my_Data-volume.service,shop-a:/a by shop-a-volume.service" },
        { "volumes: one for each instance", "image: x\nvolumes: ['data-{{ instance }}:/data']\n", put_volumes, "shop=shop-data-@:/data" },
        { "volumes: of others", "image: x\nvolumes: [{volume: data, dest: /data}, {volume: 'd-{{ instance }}', dest: /d, options: 'ro,z'}]\n", put_volumes,
          "shop=data:/data,d-@:/d:ro,z" },
        { "volumes: of others, in place of the app's", "image: x\nvolumes: ['data:/data', 'a:/a']\nservices: [{name: web, volumes: [{volume: data, dest: /data}]}]\n",
          put_volumes, "shop-web=shop-a:/a by shop-a-volume.service,data:/data" },
        { "volumes: an instance's", "image: x\nvolumes: ['/srv/{{ instance }}:/srv']\n", put_volumes, "shop=/srv/@:/srv" },

        { "environment: modes", "image: x\nservices: [{name: web, run_mode: WEB, worker_count: 3}, {name: job, run_mode: BEAT}]\n", put_environment,
          "shop-web=APP_RUN_MODE=WEB,APP_WORKER_COUNT=3; shop-job=APP_RUN_MODE=BEAT" },
        { "environment: env is over modes", "image: x\nenv: {APP_RUN_MODE: own}\nrun_mode: WEB\n", put_environment, "shop=APP_RUN_MODE=own" },

        { "tracking: all of it", "image: x\nentrypoint: e\nauth_tracking: {}\n", put_command,
          "shop=; shop-auth-tracking=bin/dci-sync-redis-auth,--interval,30,--threshold,10" },
        { "tracking: its entry point is cleared", "image: x\nentrypoint: e\nauth_tracking: {}\n", put_entrypoint, "shop=e; shop-auth-tracking=" },
        { "tracking: options", "image: x\nauth_tracking: {command: [sync, all], interval: 5, threshold: 6}\n", put_command,
          "shop=; shop-auth-tracking=sync,all,--interval,5,--threshold,6" },
        { "tracking: the app's image", "image: x\nauth_tracking: {}\n", put_image, "shop=x by shop; shop-auth-tracking=x by shop-auth-tracking" },
        { "tracking: one host", "image: x\nhosts: [a, b]\nauth_tracking: {host: a}\n", put_hosts, "shop=a,b; shop-auth-tracking=a" },
        { "tracking: Redis is told to all", "image: x\nauth_tracking: {redis_url: 'redis://r'}\n", put_environment,
          "shop=DCI_REDIS_URL=redis://r; shop-auth-tracking=DCI_REDIS_URL=redis://r" },
        { "tracking: switched off", "image: x\nauth_tracking: {enabled: false}\n", put_command, "shop=" },
};

static void test_row(void **state) {
        const struct finish_row *row = *state;
        struct container_list all;
        struct site s;
        struct buf out;

        site_open(&s);
        out = buf_in(&s.arena);
        site_write(&s, "/etc/containers/systemd/front.network", "[Network]\nNetworkName=front\n");
        site_write(&s, "/etc/containers/systemd/media.volume", "[Volume]\n");
        site_write(&s, "/etc/pyservice.d/shop.yaml", row->yaml);
        site_load(&s);
        assert_site(&s, "", NULL);

        all = app_containers(&s.arena, site_app(&s, "shop"));
        VEC_EACH(ref, &all.list) {
                buf_put(&out, out.n > 0 ? "; " : "");
                buf_put_str(&out, ref->container->unit.text);
                buf_put(&out, "=");
                row->put(&out, ref->container);
        }
        assert_string_equal(out.n > 0 ? buf_str(&out).p : "", row->expected);
        site_close(&s);
}

struct broken_row {
        const char *name, *yaml, *diags, *hint;
};

static const struct broken_row broken_rows[] = {
        { "broken: no image", "scale: 2\n", "no-image‹s›", "the app has no image" },
        { "broken: no image of one", "services: [{name: web, image: x}, {name: job}]\n", "no-image‹job›", "'job' has no image" },
        { "broken: an unknown network", "image: x\nnetwork: x.network\n", "unknown-network‹x.network›", "write one" },
        { "broken: a network misspelt", "image: x\nnetwork: forn.network\n", "unknown-network‹forn.network›", "did you mean 'front.network'?" },
        { "broken: an unknown volume", "image: x\nvolumes: ['data.volume:/data']\n", "unknown-volume‹'data.volume:/data'›", "'data:/data' for a volume of the application" },
        { "broken: what belongs to a service", "image: x\nscale: 2\nservices: [{name: web}]\n", "misplaced-key‹scale›", "move it there" },
        { "broken: a name as long as it may be", "image: x\nservices: [{name: a-123456789-123456789-123456789-123456789-123456789}]\n",
          "", NULL },
        { "broken: a name by one too long", "image: x\nservices: [{name: a-123456789-123456789-123456789-123456789-1234567891}]\n",
          "bad-value‹a-123456789-123456789-123456789-123456789-1234567891›", "longer than 56" },
        { "broken: one error, one message", "image: '{{ nothing }}'\n", "unknown-variable‹'{{ nothing }}'›", NULL },
        { "broken: several at once", "imgae: x\nscale: many\n", "unknown-key‹imgae› bad-value‹many›", NULL },
        { "broken: no map", "image\n", "wrong-kind‹image›", NULL },
};

static void test_broken(void **state) {
        const struct broken_row *row = *state;
        struct site s;

        site_open(&s);
        site_write(&s, "/etc/containers/systemd/front.network", "[Network]\n");
        site_write(&s, "/etc/pyservice.d/shop.yaml", row->yaml);
        site_write(&s, "/etc/pyservice.d/other.yaml", "image: x\n");
        site_load(&s);

        assert_site(&s, row->diags, row->hint);
        assert_int_equal(site_app(&s, "shop") == NULL, row->diags[0] != '\0');
        assert_int_equal(site_definition(&s, "shop")->is_broken, row->diags[0] != '\0');
        assert_non_null(site_app(&s, "other"));
        VEC_EACH(d, &s.diags.list)
                assert_true(str_is(d->owner, "shop"));
        site_close(&s);
}

/* Each word once, not the whole line once per word. */
static void test_many_commands(void **state) {
        struct site s;
        struct buf yaml;

        (void) state;
        site_open(&s);
        yaml = buf_in(&s.arena);
        buf_put(&yaml, "image: x\ntasks: [{name: a, commands: [x");
        for (int i = 1; i < 3000; i++)
                buf_put(&yaml, ", x");
        buf_put(&yaml, "]}]\n");
        site_write(&s, "/etc/pyservice.d/shop.yaml", buf_str(&yaml).p);
        site_load(&s);
        assert_site(&s, "", NULL);
        assert_int_equal(site_app(&s, "shop")->tasks.at[0].container.command.at[2].text.n, 3000 * strlen("'x' && ") - strlen(" && "));
        assert_true(s.arena.total < (size_t) 8 << 20);
        site_close(&s);
}

int main(void) {
        static struct rows all;

        rows_add(&all, test_row, finish_rows);
        rows_add(&all, test_broken, broken_rows);
        rows_add_one(&all, test_many_commands);
        return rows_run(&all, "finish");
}
