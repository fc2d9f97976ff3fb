#!/usr/bin/env bash
# Builds git-drafts_VERSION_ARCH.deb into a folder (target/debian without one), with nothing but cargo and
# dpkg-deb: the program, man pages, completions for bash, zsh and fish, licences, changes.
# PROGRAM names one that has been built already.
set -euo pipefail
cd "$(dirname "$0")/.."

out=${1:-target/debian}
version=$(sed -n '/^\[package\]/,/^\[/s/^version = "\(.*\)"$/\1/p' Cargo.toml)
architecture=$(dpkg --print-architecture)
# The same commit gives the same package.
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}

if [[ -z ${PROGRAM:-} ]]; then
    cargo build --release --locked --quiet
    PROGRAM=${CARGO_TARGET_DIR:-target}/release/git-drafts
fi
program=$(realpath "$PROGRAM")

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
chmod 755 "$root"
put() { install -D -m "$1" "$2" "$root/$3"; }

put 755 "$program" usr/bin/git-drafts
"$program" man "$root/usr/share/man/man1" 2>/dev/null
gzip -9n "$root"/usr/share/man/man1/*.1
put 644 templates/completions/git-drafts.bash usr/share/bash-completion/completions/git-drafts
put 644 templates/completions/_git-drafts usr/share/zsh/vendor-completions/_git-drafts
put 644 templates/completions/git-drafts.fish usr/share/fish/vendor_conf.d/git-drafts.fish

documents=usr/share/doc/git-drafts
put 644 README.md $documents/README.md
mkdir -p "$root/$documents"
gzip -9nc CHANGELOG.md >"$root/$documents/changelog.gz"
{
    printf 'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n'
    printf 'Upstream-Name: git-drafts\n\nFiles: *\nCopyright: %s\n' \
        "$(sed -n 's/^Copyright (c) //p' LICENSE-MIT)"
    printf 'License: Expat or Apache-2.0\n\nLicense: Expat\n'
    sed -n '/^Permission is hereby granted/,$p' LICENSE-MIT | sed 's/^$/./; s/^/ /'
    printf '\nLicense: Apache-2.0\n The text is in /usr/share/common-licenses/Apache-2.0.\n'
} >"$root/$documents/copyright"

# What the program is linked with: the C library alone, in the version of its newest symbol.
libc=$(objdump -T "$program" | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -n 1)
size=$(du -k -s --apparent-size "$root/usr" | cut -f 1)
mkdir "$root/DEBIAN"
cat >"$root/DEBIAN/control" <<CONTROL
Package: git-drafts
Version: $version
Architecture: $architecture
Maintainer: The git-drafts authors <git-drafts@machine.invalid>
Installed-Size: $size
Depends: git, libc6 (>= ${libc#GLIBC_})
Recommends: man-db
Suggests: bash-completion
Section: vcs
Priority: optional
Description: answers an inbox by drafts that you approve with a commit
 git-drafts takes in messages, commits an answer to each as a draft to a git
 repository on your disk, and sends exactly the bytes that you approved with a
 commit, once. Nothing is sent that a person did not approve.
CONTROL
(cd "$root" && find usr -type f -print0 | sort -z | xargs -0 md5sum) >"$root/DEBIAN/md5sums"
find "$root" -type d -exec chmod 755 {} +
find "$root" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +

mkdir -p "$out"
package=$out/git-drafts_${version}_$architecture.deb
dpkg-deb --root-owner-group -Zxz -z2 --build "$root" "$package" >/dev/null
printf '%s\n' "$package"
