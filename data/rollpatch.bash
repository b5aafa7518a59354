# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# bash completion for rollpatch(1). The program itself knows its verbs and options (--words), so
# that they cannot be forgotten here.

_rollpatch() {
        local word=${COMP_WORDS[COMP_CWORD]} verb='' words='' i

        for ((i = 1; i < COMP_CWORD; i++)); do
                [[ ${COMP_WORDS[i]} == -* ]] && continue
                verb=${COMP_WORDS[i]}
                break
        done

        if [[ $word == -* ]]; then
                words=$(rollpatch ${verb:+"$verb"} --words 2>/dev/null)
        elif [[ -z $verb || $verb == help ]]; then
                words=$(rollpatch --words 2>/dev/null)
        else
                case $verb in
                status | logs | retry | release | quarantine | unquarantine)
                        words=$(rollpatch nodes --no-legend --timeout 1s 2>/dev/null |
                                while read -r name _; do echo "$name"; done)
                        ;;
                esac
        fi

        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

# plan and run take a file
complete -o bashdefault -o default -F _rollpatch rollpatch
