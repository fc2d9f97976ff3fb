#!/bin/bash
# A real `systemd --user`, a real timer and a real journal, as a user of its own, without systemd as process 1.
# Usage, as root: unshare -m --propagation private bash systemd.sh FOLDER PROGRAM
# Ends with 77 where this machine cannot, and says why. What the test looks at goes to stdout.
set -u
folder=$1
program=$2
skip() { echo "skipped: $*"; exit 77; }

home=$folder/home
mkdir -p "$home" "$folder/bin"
cp "$program" "$folder/bin/git-drafts"
# Who that is, is known in here alone.
for file in passwd group; do cp "/etc/$file" "$folder/$file"; done
echo "drafts:x:1500:1500::$home:/bin/sh" >>"$folder/passwd"
echo "drafts:x:1500:" >>"$folder/group"
for file in passwd group; do mount --bind "$folder/$file" "/etc/$file" || skip "no mounts"; done

# The manager moves every process of its control group: it gets one of its own.
groups=()
for root in /sys/fs/cgroup/systemd /sys/fs/cgroup/unified /sys/fs/cgroup; do
    [[ -e $root/cgroup.procs ]] || continue
    [[ $root == /sys/fs/cgroup && ${#groups[@]} -gt 0 ]] && continue
    group=$root/git-drafts-test-$$
    mkdir "$group" 2>/dev/null || skip "no control group of its own"
    groups+=("$group")
    chown -R 1500:1500 "$group"
    echo $$ >"$group/cgroup.procs" 2>/dev/null || skip "control groups cannot be entered"
done
((${#groups[@]})) || skip "no control groups"
mount -t tmpfs none /run || skip "no tmpfs"
mkdir -p /run/systemd/system /run/systemd/journal
install -d -m 700 -o 1500 -g 1500 /run/user/1500
chown -R 1500:1500 "$home"

/usr/lib/systemd/systemd-journald >"$folder/journald.log" 2>&1 &
journald=$!
as=(setpriv --reuid 1500 --regid 1500 --clear-groups env -i HOME="$home" USER=drafts
    PATH="$folder/bin:/usr/local/bin:/usr/bin:/bin" XDG_RUNTIME_DIR=/run/user/1500 TZ=UTC LANG=C.UTF-8
    GIT_CONFIG_NOSYSTEM=1)
"${as[@]}" /usr/lib/systemd/systemd --user --log-target=console >"$folder/manager.log" 2>&1 &
manager=$!

ends() {
    "${as[@]}" systemctl --user exit >/dev/null 2>&1
    wait "$manager"
    kill "$journald"
    wait "$journald"
    for group in "${groups[@]}"; do
        echo $$ >"${group%/*}/cgroup.procs"
        find "$group" -depth -type d -exec rmdir {} \; 2>/dev/null
    done
}
trap ends EXIT

# Looks until something is so; the programs tell nobody when they are ready.
until_so() {
    for _ in $(seq 1 200); do "$@" >/dev/null 2>&1 && return; sleep 0.2; done
    echo "never so: $*"
    "${as[@]}" systemctl --user --no-pager status '*' 2>&1 | tail -30
    journalctl -D /run/log/journal --no-pager 2>&1 | tail -30
    exit 1
}
until_so "${as[@]}" systemctl --user is-system-running --wait
until_so test -S /run/systemd/journal/socket

you() { "${as[@]}" bash -c "cd $home/demo 2>/dev/null || cd $home; $1" 2>&1; }
runs() { cat "$home"/demo/*/runs.jsonl 2>/dev/null; }
by_timer() { runs | grep '"trigger":"timer"' | grep '"drafted":\['; }
timed() { [[ $(runs | grep -c '"trigger":"timer"') -ge $1 ]]; }

you 'git config --global user.name Sam; git config --global user.email sam@example.com
    git drafts demo demo >/dev/null 2>&1; cd demo
    git drafts tick --dry-run; git drafts schedule install --every 1m >/dev/null 2>&1'
unit=$(cd "$home/.config/systemd/user" && echo *.timer)
service=${unit%.timer}.service
echo "== the service by hand"
you "systemctl --user start $service"
runs | tail -1 | grep -o '"trigger":"[a-z]*"'
echo "== on"
you 'git drafts schedule install --enable >/dev/null 2>&1; git drafts schedule status | head -1'
# Not every minute, but every few seconds: nobody should wait here.
mkdir -p "$home/.config/systemd/user/$unit.d"
printf '[Timer]\nOnCalendar=\nOnCalendar=*:*:0/3\nAccuracySec=100ms\nRandomizedDelaySec=0\n' \
    >"$home/.config/systemd/user/$unit.d/fast.conf"
chown -R 1500:1500 "$home/.config/systemd"
you "systemctl --user daemon-reload; systemctl --user restart $unit"
until_so timed 2
you 'sed "s/^Message-I[Dd]: .*/Message-ID: <new@example.net>/" mail/inbox/new/02-opening-hours >mail/inbox/new/another'
until_so by_timer
echo "== streak"
you 'git drafts status | sed -n 1,2p'
echo "== journal"
id=$(by_timer | sed -n 's/.*"drafted":\["\([a-z]*\)".*/\1/p' | tail -1)
until_so sh -c "journalctl -D /run/log/journal DRAFT_ID=$id -o cat --no-pager | grep -q ."
journalctl -D /run/log/journal "DRAFT_ID=$id" -o cat --no-pager
echo "== by invocation"
invocation=$(by_timer | sed -n 's/.*"invocation":"\([0-9a-f]*\)".*/\1/p' | tail -1)
journalctl -D /run/log/journal "GIT_DRAFTS_INVOCATION=$invocation" -o cat --no-pager | grep -c "$id"
echo "== no names and subjects"
journalctl -D /run/log/journal -t git-drafts -o cat --no-pager | grep -c -e 'Kim Lee' -e 'Re: '
echo "== a dead hub"
you 'printf "[source.hub]\nkind = \"hub\"\nurl = \"http://127.0.0.1:9/\"\nagent = \"sam\"\n" >>config.toml'
count=$(runs | wc -l)
faulty() { runs | tail -n +"$((count + 1))" | grep -q '"ending":"faults"'; }
until_so faulty
you "systemctl --user show $service -p Result -p ExecMainStatus"
echo "== a broken desk"
you 'mv drafts/.git drafts/.gone'
failed() { [[ $("${as[@]}" systemctl --user show "$service" -p Result --value) == exit-code ]]; }
until_so failed
you 'mv drafts/.gone drafts/.git'
works() { [[ $("${as[@]}" systemctl --user show "$service" -p Result --value) == success ]]; }
until_so works
echo "== next"
next() { you 'git drafts schedule status' | grep -q 'next run'; }
until_so next && echo known
echo "== a click"
you "systemctl --user stop $unit $service"
desktop=(dbus-daemon Xvfb dunst dunstctl)
if ! command -v "${desktop[@]}" >"$folder/found" || [[ $(wc -l <"$folder/found") != "${#desktop[@]}" ]]; then
    echo "left out: there is no ${desktop[*]}"
else
    you 'sed -i /^.source.hub/,\$d config.toml; printf "[notify]\nopen = [\"sh\", \"-c\", \"date >../opened\"]\n" >>config.toml
        sed "s/^Message-I[Dd]: .*/Message-ID: <newer@example.net>/" mail/inbox/new/02-opening-hours >mail/inbox/new/newer'
    bus=unix:path=/run/user/1500/bus
    sed "s,FOLDER,/run/user/1500," >"$folder/bus.conf" <<'BUS'
<busconfig><type>session</type><listen>unix:path=FOLDER/bus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>
BUS
    printf '[urgency_normal]\ntimeout = 0\n' >"$folder/dunstrc"
    "${as[@]}" dbus-daemon --config-file="$folder/bus.conf" --nofork >"$folder/bus.log" 2>&1 &
    "${as[@]}" Xvfb -displayfd 1 -screen 0 640x320x24 -nolisten tcp >"$folder/display" 2>"$folder/screen.log" &
    until_so test -s "$folder/display"
    "${as[@]}" env DISPLAY=":$(<"$folder/display")" DBUS_SESSION_BUS_ADDRESS="$bus" dunst -conf "$folder/dunstrc" >"$folder/dunst.log" 2>&1 &
    ctl() { "${as[@]}" env DBUS_SESSION_BUS_ADDRESS="$bus" dunstctl "$@"; }
    until_so ctl is-paused
    # It is over, and its bubble is kept all the same.
    you "systemctl --user start $service"
    kept() { "${as[@]}" systemctl --user --no-legend list-units 'run-*.service' | grep -c bubble; }
    echo "$("${as[@]}" systemctl --user show "$service" -p ActiveState --value), $(ctl count displayed) shown, $(kept) kept"
    ctl action 0
    until_so test -s "$home/demo/opened"
    gone() { [[ $(kept) == 0 ]]; }
    until_so gone && echo opened
    for job in $(jobs -p); do [[ $job == "$manager" || $job == "$journald" ]] || kill "$job"; done
fi
echo "== off"
you "systemctl --user start $unit; systemctl --user disable --now $unit >/dev/null 2>&1; git drafts schedule status | head -1"
you 'git drafts schedule remove; git drafts schedule status | head -1; ls ~/.config/systemd/user/*.service 2>&1 | wc -l'
