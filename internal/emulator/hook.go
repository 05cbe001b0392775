package emulator

import "strings"

// receiveHook is the proc-receive hook of every bare repository
// (https://git-scm.com/docs/githooks#proc-receive). Of Git's hooks it alone
// can give a reason of its own for each refused ref, which clients print as
// "[remote rejected] main -> main (reason)". What it allows it hands back to
// Git ("fall-through"). It speaks packet lines in POSIX shell, reads the
// rights from its environment, which the client cannot set, and never
// evaluates a ref name.
//
// Its reasons are the service's, see
// https://david.gardiner.net.au/2019/07/azure-devops-force-push-default.html and
// https://github.com/semantic-release/git/issues/382, and so are the three lines
// of progress, but for the times:
// https://learn.microsoft.com/en-us/azure/devops/repos/git/pushing
const receiveHook = `#!/bin/sh
# Written by azdo-emulator: rights and policies of one push.
read_packet() {
	length=$(dd bs=1 count=4 2>/dev/null)
	[ "$length" != 0000 ] && [ -n "$length" ] || return 1
	line=$(dd bs=1 count=$((0x$length - 4)) 2>/dev/null | tr -d '\000')
}
write_packet() { printf '%04x%s' $((${#1} + 4)) "$1"; }
may() { case " $EMULATOR_RIGHTS " in *" $1 "*) ;; *) return 1 ;; esac; }
created() { [ "$(grep -F -- " $ref " azdo-emulator-creators 2>/dev/null | tail -n 1)" = "$EMULATOR_IDENTITY $ref ." ]; }
missing() { reason="TF401027: You need the Git '$1' permission to perform this action. Details: identity '$EMULATOR_IDENTITY', scope '$2'."; }
protected() {
	while IFS= read -r pattern; do
		case "$pattern" in
		"") ;;
		*/\*) case "$ref" in "${pattern%\*}"*) return 0 ;; esac ;;
		*) [ "$ref" = "$pattern" ] && return 0 ;;
		esac
	done <<END
$EMULATOR_PROTECTED
END
	return 1
}
judge() {
	reason=
	case "$old" in
	*[!0]*)
		if protected && ! may policyExempt; then
			reason="TF402455: Pushes to this branch are not permitted; you must use a pull request to update this branch."
		elif { [ "$new" = "$zero" ] || ! git merge-base --is-ancestor "$old" "$new" 2>/dev/null; } && ! may forcePush && ! created; then
			missing ForcePush branch
		fi ;;
	*)
		case "$ref" in
		refs/heads/*) may createBranch || missing CreateBranch branch ;;
		refs/tags/*) may createTag || missing CreateTag repository ;;
		esac
		[ -n "$reason" ] || printf '%s %s .\n' "$EMULATOR_IDENTITY" "$ref" >>azdo-emulator-creators ;;
	esac
}
while read_packet; do :; done
write_packet 'version=1'
printf 0000
commands= tips=
while read_packet; do
	commands="$commands$line
"
	tip=${line#* } tip=${tip%% *}
	case "$tip" in *[!0]*) tips="$tips $tip" ;; esac
done
if [ -n "$tips" ]; then
	count=$(git rev-list --objects --count $tips --not --all 2>/dev/null)
	printf 'Analyzing objects... (%s/%s) (1 ms)\nStoring packfile... done (1 ms)\nStoring index... done (1 ms)\n' "$count" "$count" >&2
fi
while IFS=' ' read -r old new ref; do
	[ -n "$ref" ] || continue
	zero=$(printf '%s' "$new" | tr '0-9a-f' '0')
	judge
	if [ -n "$reason" ]; then
		write_packet "ng $ref $reason"
	else
		write_packet "ok $ref"
		write_packet 'option fall-through'
	fi
done <<END
$commands
END
printf 0000
`

// hookEnv tells the hook who pushes and what is allowed. Nobody pushes
// without being signed in.
func hookEnv(c *gitCall, rights []Right) []string {
	if c.caller.user == nil {
		return nil
	}
	words := make([]string, len(rights))
	for i, r := range rights {
		words[i] = string(r)
	}
	return []string{
		"EMULATOR_IDENTITY=" + c.caller.user.identity(c.org),
		"EMULATOR_RIGHTS=" + strings.Join(words, " "),
		"EMULATOR_PROTECTED=" + strings.Join(c.repo.protected, "\n"),
	}
}
