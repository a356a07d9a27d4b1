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

_pyservicectl_verb() {
        local i

        for ((i = 1; i < COMP_CWORD; i++)); do
                case ${COMP_WORDS[i]} in
                check|render|schema)
                        printf '%s' "${COMP_WORDS[i]}"
                        return
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

_pyservicectl_words() {
        mapfile -t COMPREPLY < <(compgen -W "$1" -- "$2")
        [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace
}

_pyservicectl() {
        local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} verb

        COMPREPLY=()
        if [[ $cur == = || $prev == = ]]; then
                mapfile -t COMPREPLY < <(compgen -d -- "${cur#=}")
                compopt -o filenames
                return
        fi

        verb=$(_pyservicectl_verb)
        case $verb,$cur in
        check,-*)
                _pyservicectl_words '--root= --json --help' "$cur"
                ;;
        render,-*)
                _pyservicectl_words '--output= --root= --json --help' "$cur"
                ;;
        schema,-*)
                _pyservicectl_words '--man --fuzz-dict --keys --no-pager --help' "$cur"
                ;;
        ,-*)
                _pyservicectl_words '--root= --json --no-pager --help --version' "$cur"
                ;;
        check,*|render,*)
                _pyservicectl_definitions "$cur"
                ;;
        schema,*)
                _pyservicectl_words 'app host contract' "$cur"
                ;;
        *)
                _pyservicectl_words 'check render schema' "$cur"
                ;;
        esac
}

complete -F _pyservicectl pyservicectl
