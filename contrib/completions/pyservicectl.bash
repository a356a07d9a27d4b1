# SPDX-License-Identifier: Apache-2.0
# Completion of pyservicectl(1) for bash; needs nothing but bash.

# Readline takes "--root=DIR" for three words.
_pyservicectl_root() {
        local i

        for ((i = 1; i + 2 < ${#COMP_WORDS[@]}; i++)); do
                if [[ ${COMP_WORDS[i]} == --root && ${COMP_WORDS[i + 1]} == = ]]; then
                        printf '%s' "${COMP_WORDS[i + 2]%/}"
                        return
                fi
        done
}

# The verb and what follows it, in _pyservicectl_line, without options: of those, only --root and --output have words after '='.
_pyservicectl_read_line() {
        local i

        _pyservicectl_line=()
        for ((i = 1; i < COMP_CWORD; i++)); do
                case ${COMP_WORDS[i]} in
                =)
                        ((i++))
                        ;;
                -*) ;;
                *)
                        _pyservicectl_line+=("${COMP_WORDS[i]}")
                        ;;
                esac
        done
}

# The paths of all definitions, of those whose application's name begins like the word, and other YAML files.
_pyservicectl_definitions() {
        local file

        while read -r file; do
                [[ $file == "$1"* || ${file##*/} == "$1"* ]] && COMPREPLY+=("$file")
        done < <(compgen -G "$(_pyservicectl_root)/etc/pyservice.d/*.yaml")

        while read -r file; do
                [[ -d $file || $file == *.yaml ]] && COMPREPLY+=("$file")
        done < <(compgen -f -- "$1")

        compopt -o filenames
}

# The names of all applications that have a definition, or had one.
_pyservicectl_apps() {
        local root path

        root=$(_pyservicectl_root)
        while read -r path; do
                path=${path##*/}
                [[ $path == "$1"* ]] && COMPREPLY+=("${path%.yaml}")
        done < <(compgen -G "$root/etc/pyservice.d/*.yaml"; compgen -G "$root/run/pyservice/apps/*")
        ((${#COMPREPLY[@]} == 0)) || mapfile -t COMPREPLY < <(printf '%s\n' "${COMPREPLY[@]}" | sort -u)
}

# The revisions of an application that can be gone back to; root sees them.
_pyservicectl_revisions() {
        local path

        while read -r path; do
                path=${path##*/}
                [[ $path == "$2"* ]] && COMPREPLY+=("$path")
        done < <(compgen -G "$(_pyservicectl_root)/var/lib/pyservice/$1/bundles/*")
}

_pyservicectl_rollout() {
        case ${#_pyservicectl_line[@]} in
        1)
                _pyservicectl_words 'status history undo retry pause resume' "$1"
                ;;
        2)
                _pyservicectl_apps "$1"
                ;;
        3)
                [[ ${_pyservicectl_line[1]} == undo ]] && _pyservicectl_revisions "${_pyservicectl_line[2]}" "$1"
                ;;
        esac
}

# The names of the secrets that an application's definition has.
_pyservicectl_secrets() {
        local root line

        root=$(_pyservicectl_root)
        while read -r line; do
                [[ $line =~ ^\"secret\":\ *\"([a-z0-9-]+)\" && ${BASH_REMATCH[1]} == "$2"* ]] && COMPREPLY+=("${BASH_REMATCH[1]}")
        done < <("${COMP_WORDS[0]}" ${root:+"--root=$root"} --json secret list "$1" 2>/dev/null)
}

_pyservicectl_secret() {
        case ${#_pyservicectl_line[@]} in
        1)
                _pyservicectl_words 'list set rm edit' "$1"
                ;;
        2)
                _pyservicectl_apps "$1"
                ;;
        3)
                [[ ${_pyservicectl_line[1]} != list ]] && _pyservicectl_secrets "${_pyservicectl_line[2]}" "$1"
                ;;
        esac
}

_pyservicectl_words() {
        mapfile -t COMPREPLY < <(compgen -W "$1" -- "$2")
        [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace
}

_pyservicectl() {
        local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} _pyservicectl_line

        COMPREPLY=()
        if [[ $cur == = || $prev == = ]]; then
                mapfile -t COMPREPLY < <(compgen -d -- "${cur#=}")
                compopt -o filenames
                return
        fi

        _pyservicectl_read_line
        case ${_pyservicectl_line[0]-},$cur in
        check,-*)
                _pyservicectl_words '--root= --user --json --help' "$cur"
                ;;
        render,-*)
                _pyservicectl_words '--output= --root= --user --json --help' "$cur"
                ;;
        rollout,-*)
                _pyservicectl_words '--root= --user --json --no-follow --help' "$cur"
                ;;
        secret,-*)
                _pyservicectl_words '--root= --user --json --help' "$cur"
                ;;
        purge,-*)
                _pyservicectl_words '--yes --root= --user --help' "$cur"
                ;;
        update,-*)
                _pyservicectl_words '--auto --local --user --help' "$cur"
                ;;
        schema,-*)
                _pyservicectl_words '--man --fuzz-dict --keys --no-pager --help' "$cur"
                ;;
        ,-*)
                _pyservicectl_words '--root= --user --json --no-pager --help --version' "$cur"
                ;;
        check,*|render,*)
                _pyservicectl_definitions "$cur"
                ;;
        rollout,*)
                _pyservicectl_rollout "$cur"
                ;;
        schema,*)
                _pyservicectl_words 'app host contract' "$cur"
                ;;
        secret,*)
                _pyservicectl_secret "$cur"
                ;;
        purge,*|update,*)
                _pyservicectl_apps "$cur"
                ;;
        *)
                _pyservicectl_words 'check purge render rollout schema secret update' "$cur"
                ;;
        esac
}

complete -F _pyservicectl pyservicectl
