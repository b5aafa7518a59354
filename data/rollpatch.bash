# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# bash completion for rollpatch(1). The program itself knows its verbs and options (--words), so
# that they cannot be forgotten here.

_rollpatch() {
        local word=${COMP_WORDS[COMP_CWORD]} words='' i
        local -a verb=()

        for ((i = 1; i < COMP_CWORD; i++)); do
                [[ ${COMP_WORDS[i]} == -* || ${COMP_WORDS[i]} == help ]] && continue
                verb+=("${COMP_WORDS[i]}")
                [[ ${verb[0]} == @(node|state|token) && ${#verb[@]} == 1 ]] || break
        done

        if [[ $word == -* || ${#verb[@]} == 0 || ${verb[*]} == @(node|state|token) ]]; then
                words=$(rollpatch "${verb[@]}" --words 2>/dev/null)
        else
                case ${verb[*]} in
                "node show" | "node revoke" | "node rekey" | status | logs | diagnose | bundle | retry | release | quarantine | unquarantine)
                        words=$(rollpatch nodes --no-legend --timeout 1s 2>/dev/null |
                                while read -r name _; do echo "$name"; done)
                        ;;
                esac
        fi

        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

# plan and run take a file
complete -o bashdefault -o default -F _rollpatch rollpatch
