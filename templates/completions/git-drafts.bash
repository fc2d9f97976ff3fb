# Completion of `git drafts` and `git-drafts` in bash; `git drafts completions bash` prints it.
#
# git's own completion calls `_git_drafts` for `git drafts`. What is offered comes from
# `git-drafts complete`: a value and a description a line; its exit code 1 asks for file names.

# Offers what comes on standard input. One value is inserted, several are listed with what they mean.
__git_drafts_offer() {
    local value meaning wide=0 i columns=${COLUMNS:-80}
    local -a values=() meanings=()
    while IFS=$'\t' read -r value meaning; do
        values+=("$value")
        meanings+=("$meaning")
        ((${#value} > wide)) && wide=${#value}
    done
    COMPREPLY=()
    if ((${#values[@]} == 1)); then
        COMPREPLY=("${values[0]} ")
        return
    fi
    compopt -o nosort 2>/dev/null
    for i in "${!values[@]}"; do
        # Whoever goes through the values one by one (menu-complete) gets values alone.
        if [[ -n ${meanings[i]} && (${COMP_TYPE:-9} == 9 || ${COMP_TYPE:-9} == 63) ]]; then
            printf -v value '%-*s  %s' "$wide" "${values[i]}" "${meanings[i]}"
            COMPREPLY+=("${value:0:columns - 1}")
        else
            COMPREPLY+=("${values[i]}")
        fi
    done
}

_git_drafts() {
    local offered
    offered=$(git "${__git_C_args[@]}" drafts complete -- "${words[@]:__git_cmd_idx+1:cword-__git_cmd_idx}" 2>/dev/null) ||
        return
    [[ -z $offered ]] || __git_drafts_offer <<<"$offered"
}

_git_drafts_alone() {
    local offered
    offered=$(git-drafts complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null) || return
    [[ -z $offered ]] || __git_drafts_offer <<<"$offered"
}

complete -o bashdefault -o default -o nospace -F _git_drafts_alone git-drafts
