/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/type.h"

#include "schema/syntax.h"

#define TEXTS(...) ((const char *const[]) { __VA_ARGS__, NULL })

static const struct type types[KIND_COUNT] = {
        [KIND_FLAG]     = { .name = "boolean", .rule = "write true or false, without quotes",
                            .good = TEXTS("true", "false"), .bad = TEXTS("yes", "1", "on", "True") },
        [KIND_NUMBER]   = { .name = "number", .rule = "write decimal digits", .pattern = "^(0|[1-9][0-9]*)$",
                            .good = TEXTS("0", "4", "5000"), .bad = TEXTS("010", "-1", "0x10", "four", "1.0") },
        [KIND_DURATION] = { .name = "time span", .rule = "write seconds, or a time such as 5s, 1min 30s or 2h",
                            .pattern = "^[ \\t]*(infinity|(0|[1-9][0-9]*)|((0|[1-9][0-9]*)[ \\t]*(us|usec|ms|msec|s|sec|seconds?|m|min|minutes?|h|hr|hours?|d|days?|w|weeks?)[ \\t]*)+)[ \\t]*$",
                            .good = TEXTS("5", "5s", "1min 30s", "500ms", "infinity"), .bad = TEXTS("", "5 parsecs", "-1s", "s") },
        [KIND_BYTES]    = { .name = "size", .rule = "write bytes, or a size such as 512M or 2G", .pattern = "^[1-9][0-9]*[KMGT]?$",
                            .good = TEXTS("512M", "2G", "65536"), .bad = TEXTS("", "512MB", "-1", "lots") },
        [KIND_CPUS]     = { .name = "number of CPUs", .rule = "write a number such as 2 or 0.5", .pattern = "^(0|[1-9][0-9]*)(\\.[0-9]{1,3})?$",
                            .good = TEXTS("2", "0.5", "1.25"), .bad = TEXTS("", "0", "half", "1.2.3", "-1") },
        [KIND_CHOICE]   = { .name = "choice", .rule = "write one of the words listed" },

        [KIND_TEXT] = { .name = "text", .rule = "write one line of at most 4 KiB", .max = 4096,
                        .good = TEXTS("Catalogue de données", "50 % off"), .bad = TEXTS("", "two\nlines") },
        [KIND_NAME] = { .name = "name", .rule = "use lowercase letters, digits and '-' between them, at "
                                                "most 63",
                        .first = "a-z0-9", .chars = "a-z0-9-", .max = 63, .also = syntax_is_name,
                        .pattern = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$",
                        .good = TEXTS("web", "dci-api", "0"), .bad = TEXTS("", "-a", "a-", "Web", "a_b", "a.b", "a/b") },
        [KIND_IMAGE_REF] = { .name = "image reference", .rule =
                        "write [REGISTRY/]NAME[:TAG][@sha256:DIGEST], NAME in lowercase letters",
                        .first = "A-Za-z0-9", .chars = "A-Za-z0-9._/:@+-", .max = 512, .also = syntax_is_image,
                        .pattern = "^([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?(:[1-9][0-9]{0,4})?/)?[a-z0-9]([a-z0-9._-]*[a-z0-9])?(/[a-z0-9]([a-z0-9._-]*[a-z0-9])?)*(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(@sha256:[0-9a-f]{64})?$",
                        .good = TEXTS("quay.io/a/b:1", "localhost/hello:1", "localhost:5000/x"),
                        .bad = TEXTS("", "a b", "-x", "a//b", "a:", "a:b:c:d", "A/B@sha256:12", "../x") },
        [KIND_ABS_PATH] = { .name = "absolute path",
                        .rule = "begin with '/' and use letters, digits and ._@:+,=~-; no part may be empty, '.' or '..'",
                        .first = "/", .chars = "A-Za-z0-9._/@:+,=~-", .max = 1024, .also = syntax_is_path, .allows_instance = true,
                        .pattern = "^(/|(/(?!\\.\\.?(/|$))[A-Za-z0-9._@:+,=~-]+)+)$",
                        .good = TEXTS("/", "/etc/dci-api/sso.pem"), .bad = TEXTS("", "etc", "/a/../b", "/a//b", "/a b", "/a/") },
        [KIND_ENV_FILE] = { .name = "environment file", .rule =
                        "write an absolute path, optionally after '-'",
                        .first = "/-", .chars = "A-Za-z0-9._/@:+,=~-", .max = 1024, .also = syntax_is_env_file,
                        .pattern = "^-?(/|(/(?!\\.\\.?(/|$))[A-Za-z0-9._@:+,=~-]+)+)$",
                        .good = TEXTS("/etc/default/app", "-/etc/default/app"), .bad = TEXTS("", "app.env", "--/a") },
        [KIND_ENV_NAME] = { .name = "variable name", .rule = "use letters, digits and '_', not beginning with a digit",
                        .first = "A-Za-z_", .chars = "A-Za-z0-9_", .max = 255,
                        .good = TEXTS("PATH", "_x1"), .bad = TEXTS("", "1A", "A-B", "A=B", "A B") },
        [KIND_ENV_TEXT] = { .name = "value", .rule = "write a text of at most 96 KiB", .max = 96 * 1024,
                        .allows_instance = true, .allows_lines = true, .allows_empty = true,
                        .good = TEXTS("", "a b", "100%", "two\nlines"), .bad = TEXTS(NULL) },
        [KIND_LABEL_NAME] = { .name = "label name", .rule = "use letters, digits, '.', '_', '/' and '-'",
                        .first = "A-Za-z0-9", .chars = "A-Za-z0-9._/-", .max = 255,
                        .good = TEXTS("io.distributed-ci.app"), .bad = TEXTS("", "a=b", "a b", "-a") },
        [KIND_LABEL_TEXT] = { .name = "label", .rule = "write a text of at most 4 KiB", .max = 4096,
                        .allows_instance = true, .allows_lines = true, .allows_empty = true,
                        .good = TEXTS("dci_api", ""), .bad = TEXTS(NULL) },
        [KIND_WORD] = { .name = "word", .rule = "write a text of at most 96 KiB", .max = 96 * 1024,
                        .allows_instance = true, .allows_lines = true, .allows_empty = true,
                        .good = TEXTS("", "--x=1", ";", "$HOME"), .bad = TEXTS(NULL) },
        [KIND_UNIT_NAME] = { .name = "unit name", .rule = "write a name with its suffix, such as x.service",
                        .first = "A-Za-z0-9_", .chars = "A-Za-z0-9:_.@-", .max = 255, .also = syntax_is_unit,
                        .pattern = "^[A-Za-z0-9_][A-Za-z0-9:_.@-]*\\.(service|socket|target|timer|mount|automount|path|device|swap|slice|scope)$",
                        .good = TEXTS("haproxy.service", "a@1.service"), .bad = TEXTS("", "haproxy", "a b.service", "x.conf", "@.service") },
        [KIND_UNIT_REF] = { .name = "service or unit", .rule = "name a service of this app, or a unit such as x.service",
                        .first = "A-Za-z0-9_", .chars = "A-Za-z0-9:_.@-", .max = 255, .also = syntax_is_unit_ref,
                        .pattern = "^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?|[A-Za-z0-9_][A-Za-z0-9:_.@-]*\\.(service|socket|target|timer|mount|automount|path|device|swap|slice|scope))$",
                        .good = TEXTS("web", "postgresql.service"), .bad = TEXTS("", "a b", "Web", "x.conf") },
        [KIND_USER_NAME] = { .name = "user", .rule =
                        "write a user name or number, optionally with ':' and a group",
                        .first = "A-Za-z0-9_", .chars = "A-Za-z0-9_.:-", .max = 64, .also = syntax_is_user,
                        .pattern = "^[A-Za-z0-9_][A-Za-z0-9_.-]*(:[A-Za-z0-9_.-]+)?$",
                        .good = TEXTS("giftwrap", "1000", "app:app"), .bad = TEXTS("", "a b", ":", "a:b:c", "-a") },
        [KIND_NETWORK_REF] = { .name = "network", .rule = "name a Podman network or a file NAME.network, or write host or none",
                        .first = "A-Za-z0-9", .chars = "A-Za-z0-9_.-", .max = 128,
                        .good = TEXTS("quadlet.network", "podman", "host"), .bad = TEXTS("", "a b", "a:b", "-a", ".network") },
        [KIND_VOLUME_SPEC] = { .name = "volume",
                        .rule = "write SOURCE:/DESTINATION[:OPTIONS], where SOURCE is a path or a volume's "
                                "name; or {volume: NAME, dest: /DESTINATION} for a volume that does not "
                                "belong to the application",
                        .first = "A-Za-z0-9/", .chars = "A-Za-z0-9._/@:+,=~-", .max = 2048, .also = syntax_is_volume,
                        .allows_instance = true,
                        .pattern = "^([A-Za-z0-9][A-Za-z0-9._@+,=~-]*|/|(/(?!\\.\\.?([/:]|$))[A-Za-z0-9._@+,=~-]+)+):(/|(/(?!\\.\\.?([/:]|$))[A-Za-z0-9._@+,=~-]+)+)(:[A-Za-z0-9=,_-]+)?$",
                        .good = TEXTS("data:/data", "/scratch:/scratch:ro", "x.volume:/x"),
                        .bad = TEXTS("", "data", "a:b", "../x:/x", "/a:/b:ro:rw", "/a:/b:r o", "/a:/../b") },
        [KIND_VOLUME_NAME] = { .name = "volume name",
                        .rule = "begin with a letter or digit and use letters, digits, '.', '_' and '-'; "
                                "NAME.volume is the administrator's Quadlet file",
                        .first = "A-Za-z0-9", .chars = "A-Za-z0-9._-", .max = 128,
                        .also = syntax_is_volume_name, .allows_instance = true,
                        .pattern = "^(?!.*\\.volume$)[A-Za-z0-9][A-Za-z0-9._-]*$",
                        .good = TEXTS("data", "my_data", "systemd-data"),
                        .bad = TEXTS("", "a b", "a/b", "a:b", "-a", "a.volume", "a@b") },
        [KIND_PUBLISH_SPEC] = { .name = "published port", .rule = "write [[ADDRESS:]HOST-PORT:]CONTAINER-PORT[/tcp|/udp]",
                        .first = "0-9[", .chars = "0-9a-z.:/[]", .max = 64, .also = syntax_is_publish,
                        .pattern = "^((\\[[0-9a-f:]+\\]:|[0-9.]+:)?[0-9]*:)?[0-9]+(/tcp|/udp)?$",
                        .good = TEXTS("5000:5000", "127.0.0.1:80:8080/tcp", "53/udp", "[::1]:80:80"),
                        .bad = TEXTS("", "http", "0:80", "70000:80", "1.2.3:80:80", "80/sctp", "1:2:3:4") },
        [KIND_CREDENTIAL] = { .name = "credential", .rule = "use letters, digits, '.', '_' and '-'",
                        .first = "A-Za-z0-9_", .chars = "A-Za-z0-9._-", .max = 255,
                        .good = TEXTS("dci.dbpassword"), .bad = TEXTS("", "a/b", "../x", "a b", "a:b") },
        [KIND_CIPHERTEXT] = { .name = "ciphertext", .rule = "write the base64 that 'aws kms encrypt' gives, in one line", .max = 8192,
                        .good = TEXTS("AQICAHhexample0ciphertext0in0base064"), .bad = TEXTS("", "two\nlines") },
        [KIND_PODMAN_SECRET] = { .name = "Podman secret", .rule = "begin with a letter or digit and use letters, digits, '.', '_' and '-'",
                        .first = "A-Za-z0-9", .chars = "A-Za-z0-9._-", .max = 253,
                        .good = TEXTS("component-rabbitmq", "db_1"), .bad = TEXTS("", "a,b", "a/b", "a=b", "a b", "-a") },
        [KIND_SIGNAL] = { .name = "signal", .rule = "write a name such as SIGTERM", .first = "S", .chars = "A-Z0-9+-", .max = 16,
                        .also = syntax_is_signal,
                        .pattern = "^SIG(HUP|INT|QUIT|KILL|USR1|USR2|TERM|WINCH|ABRT|CONT|ALRM|RTMIN\\+([12]?[0-9]|30))$",
                        .good = TEXTS("SIGTERM", "SIGQUIT", "SIGRTMIN+30"), .bad = TEXTS("", "TERM", "15", "SIGNOPE", "SIGRTMIN+31") },
        [KIND_DOMAIN] = { .name = "domain", .rule =
                        "write a host name in lowercase letters, optionally beginning with '*.'",
                        .first = "a-z0-9*", .chars = "a-z0-9.*-", .max = 253, .also = syntax_is_domain,
                        .pattern = "^(\\*\\.)?[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$",
                        .good = TEXTS("giftwrap.example.com", "*.example.com"), .bad = TEXTS("", "a..b", "-a", "a.*", "Example.com", "a_b") },
        [KIND_HOST_GLOB] = { .name = "host", .rule = "write a host name, or a glob such as worker*.example.com",
                        .first = "A-Za-z0-9*?[", .chars = "A-Za-z0-9.*?[]_-", .max = 253,
                        .good = TEXTS("api1.example.com", "worker*.example.com"), .bad = TEXTS("", "a b", "!a", "|a") },
        [KIND_HOST_NAME] = { .name = "host name", .rule = "use letters, digits, '.', '_' and '-'",
                        .first = "A-Za-z0-9_", .chars = "A-Za-z0-9._-", .max = 253,
                        .good = TEXTS("db", "db.internal", "my_db"), .bad = TEXTS("", "a b", "-a", "*.a", "a:b") },
        [KIND_HTTP_PATH] = { .name = "path", .rule = "begin with '/', and percent-encode what is not allowed in a URL",
                        .first = "/", .chars = "A-Za-z0-9._~!&'()*+,;=:@%/?-", .max = 1024,
                        .good = TEXTS("/", "/api/v1/", "/healthz?full=1"), .bad = TEXTS("", "health", "/a b", "/a#b", "/ü") },
        [KIND_HTTP_STATUS] = { .name = "HTTP status", .rule = "write a code such as 200, a range such as 200-399, or several with ',' between them",
                        .first = "1-5", .chars = "0-9,-", .max = 128, .also = syntax_is_status,
                        .pattern = "^[1-5][0-9]{2}(-[1-5][0-9]{2})?(,[1-5][0-9]{2}(-[1-5][0-9]{2})?)*$",
                        .good = TEXTS("200", "200-399", "200,301-302"), .bad = TEXTS("", "ok", "20", "600", "200-", "200,,301", "200-399-400", "2xx") },
        [KIND_HEADER_NAME] = { .name = "header name", .rule = "begin with a letter and use letters, digits, '-' and '_'",
                        .first = "A-Za-z", .chars = "A-Za-z0-9_-", .max = 128,
                        .good = TEXTS("X-Frame-Options"), .bad = TEXTS("", "X:Y", "a b", "1a") },
        [KIND_HEADER_TEXT] = { .name = "header value", .rule = "use printable ASCII without '%'",
                        .first = "!-$&-~", .chars = " -$&-~", .max = 4096,
                        .good = TEXTS("DENY", "max-age=31536000; includeSubDomains"), .bad = TEXTS("", "100%", "a\nb", "é") },
        [KIND_BACKEND_NAME] = { .name = "backend name", .rule = "use letters, digits, '.', '_' and '-'",
                        .first = "A-Za-z0-9", .chars = "A-Za-z0-9._-", .max = 128,
                        .good = TEXTS("dci-api", "web_1"), .bad = TEXTS("", "a b", "a/b", "-a", "a:b") },
        [KIND_SERVER_ADDRESS] = { .name = "server", .rule = "write HOST:PORT",
                        .first = "A-Za-z0-9[", .chars = "A-Za-z0-9.:[]-", .max = 260, .also = syntax_is_server,
                        .pattern = "^([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*\\.?|\\[[0-9A-Fa-f.:]+\\]):[1-9][0-9]{0,4}$",
                        .good = TEXTS("api2.example.com:5000", "192.0.2.1:80", "[2001:db8::1]:80"), .bad = TEXTS("", "a", "a:0", "a:b", "a:70000", ":80", "a..b:80", "a-:80") },
        [KIND_IP_PREFIX] = { .name = "address", .rule =
                        "write an IPv4 or IPv6 address, optionally with /BITS",
                        .first = "0-9A-Fa-f:", .chars = "0-9A-Fa-f.:/", .max = 64, .also = syntax_is_prefix,
                        .pattern = "^([0-9]{1,3}(\\.[0-9]{1,3}){3}|[0-9A-Fa-f.]*:[0-9A-Fa-f.:]*)(/(0|[1-9][0-9]{0,2}))?$",
                        .good = TEXTS("10.8.0.0/24", "192.0.2.17", "2001:db8::/64"), .bad = TEXTS("", "10.0.0.0/33", "a.b", "1.2.3", "::/129", "any") },
        [KIND_CALENDAR] = { .name = "calendar expression", .rule =
                        "write times in the format of systemd.time(7), such as 'Mon, 02:00', '*-*-01 04:30' "
                        "or 'hourly'",
                        .first = "A-Za-z0-9*", .chars = "A-Za-z0-9*,.:/~+_ -", .max = 256, .also = syntax_is_unit_line,
                        .pattern = "^[A-Za-z0-9*]([A-Za-z0-9*,.:/~+_ -]{0,254}[A-Za-z0-9*,.:/~+_-])?$",
                        .good = TEXTS("Mon, 02:00", "*-*-01 04:30", "Mon..Fri *:0/15", "hourly", "*-02~03 12:00 Europe/Berlin"),
                        .bad = TEXTS("", " daily", "daily ", "%i", "a;b", "daily\nOnBootSec=1", "-1d") },
        [KIND_OPTION_TEXT] = { .name = "options", .rule = "use letters, digits and ._/:=,@+-, without blanks",
                        .first = "A-Za-z0-9._/", .chars = "A-Za-z0-9._/:=,@+-", .max = 1024,
                        .good = TEXTS("rw,hard,nfsvers=4.2", "nfs.example.com:/export/data"), .bad = TEXTS("", "a b", "a;b", "a\"b") },
        [KIND_URL] = { .name = "URL", .rule = "write SCHEME://HOST[:PORT][/PATH]",
                        .first = "a-z", .chars = "!#-&(-[]_a-z~", .max = 2048, .also = syntax_is_url, .pattern = "^[a-z][A-Za-z0-9+.-]*://[^ \"'\\\\]+$",
                        .good = TEXTS("redis://redis.example.com:6379/0"), .bad = TEXTS("", "redis", "a b://c", "http://", "http://a b") },
        [KIND_GIT_URL] = { .name = "Git repository", .rule = "write a URL (https, ssh, git, http, file), USER@HOST:PATH or an absolute path, without a password in it",
                        .first = "A-Za-z0-9/", .chars = "A-Za-z0-9._~/:@+%=,-", .max = 1024, .also = syntax_is_git_url,
                        .pattern = "^((https|ssh|git|http)://([A-Za-z0-9._~+=,-]+@)?[A-Za-z0-9._~+=,][A-Za-z0-9._~:+=,-]*/[A-Za-z0-9._~/:@+%=,-]+|(file://)?(/(?!\\.\\.?(/|$))[A-Za-z0-9._@:+,=~%-]+)+|([A-Za-z0-9][A-Za-z0-9._~+=,-]*@)?[A-Za-z0-9._~+=,][A-Za-z0-9._~+=,-]*:(?![:-])(?!.*://)[A-Za-z0-9._~/:@+%=,-]+)$",
                        .good = TEXTS("git@git.example.com:team/app.git", "https://git.example.com/team/app.git", "ssh://git@git.example.com:2222/app.git", "/srv/git/app.git"),
                        .bad = TEXTS("", "app", "ext::sh -c x", "ext::sh", "https://me:secret@git.example.com/app.git", "ssh://-oProxyCommand=x/y", "a b:c", "--upload-pack=x", "file://../x") },
        [KIND_GIT_REF] = { .name = "Git ref", .rule = "write the name of a tag or branch, or a commit",
                        .first = "A-Za-z0-9_", .chars = "A-Za-z0-9._/@+#=-", .max = 250, .also = syntax_is_git_ref,
                        .pattern = "^[A-Za-z0-9_](?!.*(\\.\\.|//|/[.-]|\\./|\\.lock(/|$)))([A-Za-z0-9._/@+#=-]*[A-Za-z0-9_@+#=-])?$",
                        .good = TEXTS("v1.4.0", "master", "feature/x-1", "4b825dc642cb6eb9a060e54bf8d69288fbee4904"),
                        .bad = TEXTS("", "-x", "a..b", "a b", "a~1", "a^", "a:b", "/a", "a/", "a.lock", "a/.b", "HEAD@{1}") },
        [KIND_RELATIVE_PATH] = { .name = "path in the repository", .rule =
                        "write it relative to the top of the repository, without '.' and '..', in letters, "
                        "digits and ._@+,=~-",
                        .first = "A-Za-z0-9._", .chars = "A-Za-z0-9._/@+,=~-", .max = 512, .also = syntax_is_relative_path,
                        .pattern = "^(?!\\.\\.?(/|$))[A-Za-z0-9._][A-Za-z0-9._@+,=~-]*(/(?!\\.\\.?(/|$))[A-Za-z0-9._@+,=~-]+)*$",
                        .good = TEXTS("requirements.txt", "requirements/prod.txt", ".docker/Containerfile"), .bad = TEXTS("", "/a", "../a", "a/../b", "a//b", "a/", "-a", "a b", ".") },
        [KIND_PACKAGE] = { .name = "Debian package", .rule =
                        "write its name in lowercase letters, optionally with =VERSION",
                        .first = "a-z0-9", .chars = "a-z0-9A-Z+.:=~-", .max = 200, .good = TEXTS("libpq5", "g++", "tini=0.19.0-1"), .bad = TEXTS("", "-y", "a b", "a;b", "Git") },
        [KIND_VERSION] = { .name = "version", .rule = "write numbers with '.' between them, such as \"3.12\"",
                        .first = "0-9", .chars = "0-9.", .max = 16, .also = syntax_is_version, .pattern = "^[0-9]+(\\.[0-9]+)*$",
                        .good = TEXTS("3.12", "3"), .bad = TEXTS("", "3.", "3..1", "3.12-slim", "three") },
        [KIND_QUADLET_KEY] = { .name = "unit key", .rule = "write a key as podman-systemd.unit(5) or systemd names it",
                        .first = "A-Z", .chars = "A-Za-z0-9", .max = 64, .good = TEXTS("ShmSize"), .bad = TEXTS("", "shm", "A=B", "A B") },
        [KIND_QUADLET_TEXT] = { .name = "unit value", .rule = "write one line without blanks at its ends, and without '\\' at its end", .max = 4096,
                        .also = syntax_is_unit_line, .allows_empty = true,
                        .pattern = "^([^\\s\\\\]|\\S[^\\n\\t]*[^\\s\\\\])?$",
                        .good = TEXTS("1g", "50%", ""), .bad = TEXTS("a\nb", "a\\", " a", "a ", "a\xc2\xa0") },
        [KIND_ACCOUNT] = { .name = "user or group", .rule = "write one name or number; a name has letters, digits, '_', '.' and '-', at most 31",
                        .first = "A-Za-z0-9_", .chars = "A-Za-z0-9_.-", .max = 31,
                        .good = TEXTS("giftwrap", "1000", "www-data"), .bad = TEXTS("", "a b", "a:b", "-a", "a/b") },
        [KIND_FILE_MODE] = { .name = "mode", .rule = "write three or four octal digits in quotes, such as \"0600\"",
                        .first = "0-7", .chars = "0-7", .max = 4, .also = syntax_is_mode, .pattern = "^[0-7]{3,4}$",
                        .good = TEXTS("0600", "644"), .bad = TEXTS("", "8", "06", "0800", "u+x", "00600") },
        [KIND_MODULE_NAME] = { .name = "Python module", .rule = "use letters, digits and '_', with '.' between the names of packages",
                        .first = "A-Za-z_", .chars = "A-Za-z0-9_.-", .max = 255, .also = syntax_is_module,
                        .good = TEXTS("giftwrap", "a.b_c", "gift-wrap"), .bad = TEXTS("", "a b", "1a", "a..b", "a.", "a;b") },
        [KIND_ANY_TEXT] = { .name = "value", .rule = "write a text of at most 96 KiB", .max = 96 * 1024,
                        .allows_instance = true, .allows_lines = true, .allows_empty = true,
                        .good = TEXTS("", "x"), .bad = TEXTS(NULL) },
};

const struct type *type_of(enum kind kind) {
        return &types[kind];
}

/* Is `c` in the bracket expression `set` ("A-Za-z_-", a '-' at the end stands for itself)? */
static bool is_in_set(const char *set, char c) {
        for (const char *s = set; *s; s++) {
                if (s[1] == '-' && s[2] != '\0') {
                        if (c >= s[0] && c <= s[2])
                                return true;
                        s += 2;
                } else if (*s == c)
                        return true;
        }

        return false;
}

static bool is_byte_allowed(const struct type *t, struct str text, size_t i) {
        char c = text.p[i];

        if (c == INSTANCE_MARK)
                return t->allows_instance;
        if (!t->chars)
                return (c != '\n' && c != '\t') || t->allows_lines;

        return is_in_set(i == 0 ? t->first : t->chars, c);
}

bool type_accepts(enum kind kind, struct str text) {
        const struct type *t = &types[kind];

        if (text.n == 0)
                return t->allows_empty;
        if (text.n > t->max)
                return false;

        for (size_t i = 0; i < text.n; i++)
                if (!is_byte_allowed(t, text, i))
                        return false;

        return !t->also || t->also(text);
}
