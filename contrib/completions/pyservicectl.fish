# SPDX-License-Identifier: Apache-2.0
# Completion of pyservicectl(1) for fish, which asks pyservicectl itself.

function __pyservicectl_complete
    set -l words (commandline -opc)
    set -l word (commandline -ct)

    for line in ($words[1] completion -- $words[2..-1] $word 2>/dev/null)
        switch $line
            case ':files*'
                __fish_complete_path $word
            case ':directories*'
                set -l sides (string split -m 1 = -- $word)
                for path in (__fish_complete_directories $sides[2] '')
                    echo "$sides[1]=$path"
                end
            case '*'
                echo $line
        end
    end
end

complete -c pyservicectl -f -a '(__pyservicectl_complete)'
