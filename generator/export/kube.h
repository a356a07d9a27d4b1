/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* An application for Kubernetes: the documents, and notes about settings that could not be carried over.
 *
 * One file for each kind of object: kube-environment, -secrets, -volumes and -pod make the pod; -workload,
 * -work and -network the objects around it. Other code that creates an object of the app gets the same names
 * from the functions here. */

#include "app/world.h"
#include "ctl/ctl.h"
#include "output/yaml-text.h"

/* In the order in which they are printed: what others need comes before them. */
enum kube_rank {
        KUBE_CONFIG,
        KUBE_VOLUME,
        KUBE_SERVICE,
        KUBE_WORKLOAD,
        KUBE_BUDGET,
        KUBE_INGRESS,
        KUBE_POLICY,
        KUBE_WORK,
        KUBE_RANKS
};

struct kube_document {
        struct yaml_text *root; /* its comment stands above it */
        struct str part;        /* for messages; absent for what is the whole app's */
        enum kube_rank rank;
};

/* A key of the app's Secret. */
struct kube_secret {
        /* value of a literal, to distinguish two with the same name; never written */
        struct str key, origin, value;
};

/* A volume that outlives its pods. */
struct kube_claim {
        struct str source, name;
        struct kube_document *document;
        uint64_t users; /* pods */
};

struct kube {
        struct arena *arena;
        struct world *world;
        struct app *app;
        struct str name;          /* the app's */
        struct yaml_text *header; /* its comment alone */
        VEC(struct kube_document *) documents;
        VEC(struct kube_secret) secrets;
        VEC(struct kube_claim) claims;
        VEC(struct str) missing;          /* lines for standard error */
        struct yaml_text *config, *files; /* data of the ConfigMaps; NULL for none */
        struct str config_hash;
};

/* The pod of a workload, independent of the controller that keeps it running. */
struct kube_part {
        struct container *container;
        struct str name, object; /* as the app has it, and as Kubernetes */
        const struct health *health;
        const struct service *service; /* NULL for all else */
        uint64_t replicas;
        bool runs_to_end, is_stateful;
        struct kube_document *document;
        struct yaml_text *claims; /* of a StatefulSet; made when there is one */
};

/* --- kube.c: documents and words --- */

/* A name by RFC 1035, of at most `max` bytes; if it had to be changed, with a hash of the original. */
struct str kube_name(struct arena *a, struct str text, size_t max);

/* Like the function above, with the app's name and '-' in front. */
struct str kube_object(struct kube *k, struct str suffix);

struct kube_document *kube_document(struct kube *k, enum kube_rank rank, const char *api, const char *kind,
                                    struct str name);

/* Its labels: of the app, and of the part if one is given. */
void kube_labels(struct kube *k, struct yaml_text *of, struct str part);

/* The labels by which pods are found, into `of`. */
void kube_selector(struct kube *k, struct yaml_text *of, struct str part);

struct yaml_text *kube_map(struct kube *k, struct yaml_text *of, const char *key);
struct yaml_text *kube_list(struct kube *k, struct yaml_text *of, const char *key);
struct yaml_text *kube_add_map(struct kube *k, struct yaml_text *list);

/* The item of a list that has this `name`; NULL if there is none, or no list. */
struct yaml_text *kube_find(const struct yaml_text *list, struct str name);

void kube_text(struct kube *k, struct yaml_text *of, const char *key, struct str text);
void kube_number(struct kube *k, struct yaml_text *of, const char *key, uint64_t n);
void kube_flag(struct kube *k, struct yaml_text *of, const char *key, bool is_true);

/* Whole seconds, rounded up; a day for "infinity". */
uint64_t kube_seconds(struct duration d);

/* With INSTANCE_MARK as {{ instance }}, for people. */
struct str kube_shown(struct kube *k, struct str text);

/* A line above the document (NULL: above all of them), how to do what it needs. */
void kube_say(struct kube *k, struct kube_document *d, struct str line);

/* Notes a setting without a counterpart; it is also reported on standard error, once. */
void kube_miss(struct kube *k, struct kube_document *d, struct str line);

/* As kube_say() and kube_miss(), from pieces. */
#define KUBE_SAY(k, d, ...) kube_say((k), (d), arena_join((k)->arena, __VA_ARGS__))
#define KUBE_MISS(k, d, ...) kube_miss((k), (d), arena_join((k)->arena, __VA_ARGS__))

/* Reports `requires` and its like, which have no counterpart. */
void kube_order(struct kube *k, struct kube_document *d, const struct container *c,
                const struct start_order *o);

/* --- what pods are made of --- */

/* Decides what all parts have in common, and makes the ConfigMaps of it. */
void kube_config(struct kube *k);

/* env and envFrom of the part's container. */
void kube_environment(struct kube *k, const struct kube_part *p, struct yaml_text *container);

/* True if {{ instance }} is in any of its settings. */
bool kube_has_instance(const struct container *c);

/* A text in which Kubernetes looks for $(NAME): it is what it was, and {{ instance }} the pod's number. */
struct str kube_expanded(struct kube *k, struct str text);

/* The name of the environment variable with the number of the instance. */
#define KUBE_INSTANCE "PYSERVICE_INSTANCE"

/* The container's secret of that name; NULL if it has none. */
const struct secret_entry *kube_find_secret(const struct container *c, struct str name);

/* The key of the app's Secret that holds this: a secret of the container's; the same as part of a URL; a
 * value of the definition. */
struct str kube_secret_key(struct kube *k, struct str part, const struct secret_entry *s);
struct str kube_encoded_key(struct kube *k, struct str part, const struct secret_entry *s);
struct str kube_value_key(struct kube *k, struct str part, struct str name, struct str value);

/* A file of the machine's, whose content may be anybody's secret. */
struct str kube_file_key(struct kube *k, struct str name, struct str path);

/* /run/secrets: a volume, and its mount. */
void kube_secret_mounts(struct kube *k, const struct kube_part *p, struct yaml_text *pod,
                        struct yaml_text *container);

/* Steps to do before the manifests can be used. */
void kube_secret_comment(struct kube *k);

void kube_volumes(struct kube *k, struct kube_part *p, struct yaml_text *pod, struct yaml_text *container);

/* The app's files, as keys of a ConfigMap or of the Secret. */
void kube_files(struct kube *k);
void kube_file_mounts(struct kube *k, const struct kube_part *p, struct yaml_text *pod,
                      struct yaml_text *container);

/* Who may have them at the same time is known when all parts are made. */
void kube_claims_finish(struct kube *k);

/* The template of a pod: metadata and spec. */
void kube_pod(struct kube *k, struct kube_part *p, struct yaml_text *of);

/* --- objects --- */

void kube_service(struct kube *k, struct service *s);
void kube_task(struct kube *k, struct task *t);
void kube_timer(struct kube *k, struct timer *t);

/* For the Service of that name. */
void kube_ingress(struct kube *k, const struct kube_part *p);

void kube_policy(struct kube *k);
