# SPDX-License-Identifier: Apache-2.0
# Completion of pyservicectl(1) for bash, which asks pyservicectl itself; needs nothing but bash.

_pyservicectl() {
        local line=${COMP_LINE:0:COMP_POINT} words word text head

        # Readline has split the words at '=' and '@', too.
        read -ra words <<<"$line"
        [[ $line == *[[:space:]] ]] && words+=('')
        word=${words[-1]}
        head=${word%"${word##*[=@:]}"}

        COMPREPLY=()
        while IFS=$'\t' read -r text _; do
                case $text in
                :files)
                        while read -r text; do
                                COMPREPLY+=("$text")
                        done < <(compgen -f -- "$word")
                        compopt -o filenames
                        ;;
                :directories)
                        mapfile -t COMPREPLY < <(compgen -d -- "${word#*=}")
                        compopt -o filenames
                        ;;
                *)
                        COMPREPLY+=("${text#"$head"}")
                        [[ $text == *[=.] ]] && compopt -o nospace
                        ;;
                esac
        done < <("${words[0]}" completion -- "${words[@]:1}" 2>/dev/null)
}

complete -F _pyservicectl pyservicectl
