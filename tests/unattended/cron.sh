#!/bin/bash
# A real cron, as a user of its own whose crontab has a line of their own, too.
# Usage, as root: unshare -m --propagation private bash cron.sh FOLDER PROGRAM
# Ends with 77 where this machine cannot, and says why. What the test looks at goes to stdout.
set -u
folder=$1
program=$2
skip() { echo "skipped: $*"; exit 77; }
[[ -x /usr/sbin/cron ]] || skip "there is no cron"

home=$folder/home
mkdir -p "$home" "$folder/bin" "$folder/none" "$folder/spool/crontabs"
cp "$program" "$folder/bin/git-drafts"
for file in passwd group shadow; do cp "/etc/$file" "$folder/$file"; done
echo "drafts:x:1500:1500::$home:/bin/sh" >>"$folder/passwd"
echo "drafts:x:1500:" >>"$folder/group"
echo 'drafts:*:19000:0:99999:7:::' >>"$folder/shadow"
: >"$folder/empty"
for file in passwd group shadow; do mount --bind "$folder/$file" "/etc/$file" || skip "no mounts"; done
# The machine's own jobs are not for here.
mount --bind "$folder/empty" /etc/crontab && mount --bind "$folder/none" /etc/cron.d || skip "no mounts"
chown root:crontab "$folder/spool/crontabs" && chmod 1730 "$folder/spool/crontabs"
mount --bind "$folder/spool" /var/spool/cron || skip "no mounts"
mount -t tmpfs none /run || skip "no tmpfs"
chown -R 1500:1500 "$home"

you() {
    setpriv --reuid 1500 --regid 1500 --clear-groups env -i HOME="$home" USER=drafts LOGNAME=drafts \
        PATH="$folder/bin:/usr/local/bin:/usr/bin:/bin" TZ=UTC LANG=C.UTF-8 GIT_CONFIG_NOSYSTEM=1 \
        bash -c "cd $home/demo 2>/dev/null || cd $home; $1" 2>&1
}
runs() { cat "$home"/demo/*/runs.jsonl 2>/dev/null; }

you 'git config --global user.name Sam; git config --global user.email sam@example.com
    git drafts demo demo >/dev/null 2>&1; cd demo; git drafts tick --dry-run
    printf "# mine\n@yearly true\n" | crontab -; git drafts schedule install --cron --every 1m
    git drafts schedule status | head -1
    git drafts schedule install --cron --enable'
cron -f &
cron=$!
for _ in $(seq 1 160); do runs | grep -q '"trigger":"cron"' && break; sleep 0.5; done
kill "$cron"
wait "$cron"
echo "== runs"
runs | grep -o '"trigger":"cron".*"exit":[0-9]*' | sed 's/"program.*"exit"/"exit"/' | head -1
you 'git drafts status | sed -n 2p' | sed 's/run .* (.*)/run/'
you 'git drafts schedule remove'
echo "== crontab"
you 'crontab -l'
