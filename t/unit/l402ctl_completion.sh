#!/bin/bash
# Bash completion beside --help: the words that it offers are those that
# l402ctl has.
#
#   l402ctl_completion.sh <l402ctl> <completion file> <folder for files>
set -uo pipefail

ctl=$1
. "$2" || exit 2
cd "$3" || exit 2
touch keys.txt 'a key'
failed=0
types='(TEXT|LIST|NAME|TIME|UNIX|IP|UINT|CONDITION|AMOUNT|N)'

# offered <word>...: what completes the last of them
offered() {
    COMP_WORDS=(l402ctl "$@")
    COMP_CWORD=$#
    COMPREPLY=()
    _l402ctl l402ctl "${!#}" "${COMP_WORDS[COMP_CWORD-1]}"
    [ ${#COMPREPLY[@]} = 0 ] || printf '%s\n' "${COMPREPLY[@]}" | LC_ALL=C sort
}

# same <what> <wanted> <got>
same() {
    [ "$2" = "$3" ] && return
    printf '%s: wanted\n%s\nand got\n%s\n' "$1" "$2" "$3" >&2
    failed=1
}

lines() { printf '%s\n' "$@" | LC_ALL=C sort; }

options_of() {
    "$ctl" "$@" --help | grep -oE '^  -[^ ]+' | tr -d ' ' | tr , '\n' \
        | LC_ALL=C sort
}

commands=($("$ctl" --help \
    | sed -n '/^Subcommands:/,/^$/s/^  \([a-z]*\) .*/\1/p'))
[ ${#commands[@]} -ge 9 ] || { echo "no subcommands in --help" >&2; exit 1; }

same 'the function that complete names' 'complete -F _l402ctl l402ctl' \
    "$(complete -p l402ctl)"
same 'no subcommand' "$(lines "${commands[@]}" -h --help)" "$(offered '')"

for command in "${commands[@]}"; do
    same "$command" "$command" "$(offered "$command")"

    options=$(options_of "$command")
    same "$command -" "$options" "$(offered "$command" -)"

    for option in $options; do
        same "$command $option" "$option" \
            "$(offered "$command" "$option" | grep -x -- "$option")"

        # After one that takes a value no option is offered.
        if "$ctl" "$command" --help \
            | grep -qE "^  (-[a-z],)?$option $types"
        then
            same "$command $option -" '' \
                "$(offered "$command" "$option" - | grep -- ^-)"
        fi
    done
done

for command in mint verify inspect; do
    same "$command --key-file" "$(lines 'a key' keys.txt)" \
        "$(offered "$command" --key-file '')"
    same "$command --key-file=" "$(lines 'a key' keys.txt)" \
        "$(offered "$command" --key-file =)"
    same "$command --key-file=ke" keys.txt \
        "$(offered "$command" --key-file = ke)"
    same "$command --key-file x --j" "$(options_of "$command" | grep ^--j)" \
        "$(offered "$command" --key-file x --j)"
done
for option in --user-file --ca-file --password-file; do
    same "revoke $option ke" keys.txt "$(offered revoke $option ke)"
done
same 'attenuate --method P' "$(lines POST PUT PATCH)" \
    "$(offered attenuate --method P)"
same 'mint --bind-address u' unix: "$(offered mint --bind-address u)"
same 'verify --valid' '' "$(offered verify --valid)"

exit $failed
