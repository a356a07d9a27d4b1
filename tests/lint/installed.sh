#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# installed.sh BUILD: is everything where it belongs after `DESTDIR=… meson install`, does the boot generator link
# libyaml and libc only, and are the programs hardened?
set -eu

build=$1
target=$(mktemp -d)
trap 'rm -rf "$target"' EXIT
DESTDIR=$target meson install --no-rebuild --quiet -C "$build"

fail() { echo "installed.sh: $*" >&2; exit 1; }
find_one() { find "$target" -path "$target*/$1" \( -type f -o -type l \) | grep -q . || fail "$1 is not installed"; }

for file in systemd/system-generators/pyservice-generator systemd/user-generators/pyservice-generator \
        systemd/system/pyservice.target systemd/system/pyservice-config@.service systemd/system/pyservice-proxy@.service systemd/system/pyservice-state.service \
        systemd/system/haproxy.service.d/pyservice.conf systemd/system/pyservice-update.service \
        systemd/user/pyservice-update.service systemd/system/podman-auto-update.service.d/50-pyservice.conf systemd/user/pyservice.target tmpfiles.d/pyservice.conf \
        bin/pyservicectl libexec/pyservice/pyservice-build libexec/pyservice/pyservice-convert libexec/pyservice/pyservice-environment libexec/pyservice/pyservice-proxy libexec/pyservice/pyservice-instance libexec/pyservice/pyservice-kms libexec/pyservice/pyservice-rollout \
        systemd/system/pyservice-keep.path systemd/system/pyservice-keep.service systemd/system/pyservice-watch.path systemd/system/pyservice-watch.service systemd/user/pyservice-watch.path systemd/user/pyservice-watch.service \
        systemd/user/pyservice-keep.path systemd/user/pyservice-keep.service \
        libexec/pyservice/pyservice-notify systemd/system/pyservice-notify.path systemd/system/pyservice-notify.service systemd/system/pyservice-notify@.service \
        systemd/system/pyservice-expiry.timer systemd/system/pyservice-expiry.service \
        systemd/system/pyservice-settle.timer systemd/system/pyservice-settle.service \
        systemd/user/pyservice-settle.timer systemd/user/pyservice-settle.service \
        systemd/system/pyservice-metrics.socket systemd/system/pyservice-metrics@.service \
        systemd/system/pyservice-certificate@.path systemd/system/pyservice-certificate@.service \
        systemd/system/pyservice-acme@.timer systemd/system/pyservice-acme@.service libexec/pyservice/pyservice-acme \
        systemd/catalog/pyservice.catalog \
        share/pyservice/contracts/dci-api.yaml share/pyservice/pyservice.schema.json share/pyservice/haproxy/haproxy.cfg share/pyservice/prometheus/pyservice.rules.yaml \
        share/man/man5/pyservice.d.5 share/man/man1/pyservicectl.1 share/man/man8/pyservice-generator.8 \
        share/bash-completion/completions/pyservicectl share/zsh/vendor-completions/_pyservicectl share/fish/vendor_completions.d/pyservicectl.fish; do
        find_one "$file"
done

[ -d "$target/etc/pyservice.d" ] || fail "/etc/pyservice.d does not exist"

generator=$(find "$target" -path '*system-generators/pyservice-generator')
needed=$(objdump -p "$generator" | awk '$1 == "NEEDED" { print $2 }' | sort | tr '\n' ' ')
[ "$needed" = "libc.so.6 libyaml-0.so.2 " ] || fail "the generator links $needed"

for program in "$generator" "$target"/usr/bin/pyservicectl "$target"/usr/libexec/pyservice/*; do
        if ! readelf -lW "$program" | grep -q INTERP; then      # static, for containers: nothing is bound
                nm "$program" | grep -q __stack_chk_fail || fail "$program has no stack protector"
                continue
        fi
        header=$(objdump -p "$program"; readelf -hd "$program")
        echo "$header" | grep -q 'RELRO' || fail "$program has no RELRO"
        echo "$header" | grep -qE 'BIND_NOW|FLAGS.*NOW' || fail "$program binds lazily"
        echo "$header" | grep -q 'DYN' || fail "$program is not position-independent"
        nm -D "$program" | grep -q __stack_chk_fail || fail "$program has no stack protector"
done
