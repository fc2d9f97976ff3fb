# Completion of `git drafts` and `git-drafts` in fish; `git drafts completions fish` prints it.
#
# It belongs into ~/.config/fish/conf.d, for it is about two commands, and fish looks for completions by
# command.

function __git_drafts_offer
    set -l words (commandline -opc) (commandline -ct)
    set -l program (path basename -- $words[1])
    set -e words[1]
    # What stands before `drafts` is git's own, and `-C` among it counts for us, too.
    if test "$program" = git; and set -l at (contains -i -- drafts $words)
        set -e words[$at]
    end
    git-drafts complete -- $words 2>/dev/null
    or __fish_complete_path (commandline -ct)
end

complete -c git-drafts -f -k -a '(__git_drafts_offer)'
complete -c git -f -k -n '__fish_git_using_command drafts' -a '(__git_drafts_offer)'
