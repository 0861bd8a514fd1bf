#!/usr/bin/env bash
# Installs the package on a clean Debian 12 (made with debootstrap; SUITE=trixie takes 13), starts the window under Xvfb, opens a file, uses the
# commands, removes the package and looks whether anything is left. Needs root, debootstrap, Xvfb and Debian's packages.
#
#   packaging/test-deb.sh [FILE.deb]
#
# The clean system is kept packed in build/package/ and used again for a week. Everything runs in mount and process
# namespaces of its own, so that nothing stays mounted or running, however this ends. Pictures of the window are left in
# build/package/pictures.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH=$PATH:/usr/sbin:/sbin
shopt -s nullglob

package=${1:-$(echo dist/aether-desktop_*.deb)}
[ -f "$package" ] || { echo 'There is no package to test: run make package first.' >&2; exit 1; }
for tool in debootstrap Xvfb xdotool unshare; do
    command -v "$tool" > /dev/null || { echo "$tool is missing; packaging/system-libraries.sh package installs it." >&2; exit 1; }
done
[ "$(id -u)" = 0 ] || { echo 'A clean Debian is made and entered by root only.' >&2; exit 1; }

if [ "${AETHER_IN_NAMESPACE:-}" != 1 ]; then
    AETHER_IN_NAMESPACE=1 exec unshare --mount --pid --fork --kill-child --mount-proc "$BASH" "$0" "$package"
fi

work=$PWD/build/package
suite=${SUITE:-bookworm}
clean=$work/$suite.tar
root=$work/$suite
pictures=$work/pictures
rm -rf --one-file-system "$root" "$pictures"
mkdir -p "$root" "$pictures"
step() { printf '\n== %s\n' "$*"; }
fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }

if [ -z "$(find "$clean" -mtime -7 2> /dev/null)" ]; then
    step "debootstrap: a Debian ($suite) with nothing but its base"
    debootstrap --variant=minbase "$suite" "$root" > "$work/debootstrap.txt" || { tail -n 5 "$work/debootstrap.txt"; exit 1; }
    tar -C "$root" -cf "$clean.new" . && mv "$clean.new" "$clean"
else
    tar -C "$root" -xpf "$clean"
fi
cp /etc/resolv.conf "$root/etc/resolv.conf"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 dev "$root/dev"
for device in null zero random urandom tty; do
    touch "$root/dev/$device" && mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir -m 1777 "$root/dev/shm"

# A display of its own that only this test knows; it ends with the namespace.
mkfifo "$work/display"
rm -f "$work/xvfb.txt"
Xvfb -displayfd 3 -screen 0 1600x1000x24 -nolisten tcp -ac 3> "$work/display" 2> "$work/xvfb.txt" &
DISPLAY=:$(head -n 1 "$work/display")
rm "$work/display"
export DISPLAY

inside() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
    ${http_proxy:+http_proxy="$http_proxy"} "$@"; }
visitor() { chroot --userspec=visitor:visitor "$root" env -i -C /home/visitor PATH=/usr/bin:/bin HOME=/home/visitor \
    LC_ALL=C.UTF-8 DISPLAY="$DISPLAY" "$@"; }
apt() { inside apt-get -qq -o APT::Install-Recommends=false "$@" > "$work/apt.txt" 2>&1 || { tail -n 20 "$work/apt.txt"; fail "apt-get $*"; }; }
expect() { # status, words: the command's exit status
    local wanted=$1 status=0
    shift
    "$@" || status=$?
    [ "$status" = "$wanted" ] || fail "$* ended with $status instead of $wanted"
}
# Where menus, types of files and icons are kept; a desktop has them, a bare Debian does not.
step 'The caches of a desktop, to see that they hear of the package'
apt update
apt install -y shared-mime-info desktop-file-utils
inside useradd --create-home visitor
inside find / -xdev \( -path /proc -o -path /dev -o -path /var/cache -o -path /var/log -o -path /var/lib/apt \
    -o -path /var/lib/dpkg -o -path /tmp \) -prune -o -print | sort > "$work/before.txt"

step "Installing $(basename "$package") and what it depends on, without recommendations"
cp "$package" "$root/tmp/package.deb"
apt install -y /tmp/package.deb
inside dpkg -L aether-desktop | sort > "$work/installed.txt"
echo "$(wc -l < "$work/installed.txt") files, $(inside dpkg-query -W -f '${Installed-Size}' aether-desktop) KB"
grep -q '^application/x-aether:\*.aether$' "$root/usr/share/mime/globs" || fail 'the type of .aether files is not known'
for type in application/x-aether x-scheme-handler/aether; do
    grep -q "^$type=aether-desktop.desktop" "$root/usr/share/applications/mimeinfo.cache" || fail "nothing opens $type"
done

step 'Every library is found'
inside find /usr/lib/aether-desktop -type f \( -name '*.so*' -o -perm -111 \) -exec ldd {} + 2> /dev/null > "$work/ldd.txt" || true
if grep 'not found' "$work/ldd.txt"; then fail 'libraries are missing'; fi

step 'aether'
cp tests/data/permits-extract.ndjson "$root/home/visitor/events.ndjson"
cp packaging/probe_reducer.py "$root/home/visitor/probe.py"
expect 0 visitor aether --version
expect 0 visitor aether import permits.aether events.ndjson --namespace permits
expect 0 visitor aether namespaces permits.aether
visitor aether actors permits.aether --limit 1 | grep -q permit || fail 'no actor was listed'
[ "$(visitor aether events permits.aether --filter 'type:T05*' | wc -l)" -gt 1 ] || fail 'a filter found nothing'
expect 0 visitor aether audit permits.aether > "$work/audit.json"
sum=$(sha256sum < "$root/home/visitor/permits.aether")
actor=$(visitor aether actors permits.aether --limit 1 | sed -E 's/.*"actorId":"([^"]+)".*/\1/')
visitor aether state permits.aether --actor "$actor" --reducer-file probe.py --trust > "$work/probe.json" ||
    { cat "$work/probe.json"; fail 'a reducer in a file did not run'; }
grep -q '"problems":\[\]' "$work/probe.json" || { cat "$work/probe.json"; fail 'something does not load inside the bundle'; }
expect 3 visitor aether events nowhere.aether
expect 2 visitor aether nonsense

step 'aether-desktop, with a real window'
expect 0 visitor aether-desktop permits.aether --screenshot window.png --theme light
expect 0 visitor aether-desktop 'aether://open?url=sqlite:////home/visitor/permits.aether' --screenshot link.png --theme dark
cp "$root"/home/visitor/{window,link}.png "$pictures"
.venv/bin/python - "$pictures/window.png" "$pictures/link.png" <<'PYTHON'
import sys
from PySide6.QtGui import QImage
for name in sys.argv[1:]:
    image = QImage(name)
    colours = {image.pixel(x, y) for x in range(0, image.width(), 3) for y in range(0, image.height(), 3)}
    assert image.width() >= 1000 and len(colours) > 100, f"{name} shows nothing: {image.size()}, {len(colours)} colours"
    print(f"{name.rpartition('/')[2]}: {image.width()} x {image.height()}, {len(colours)} colours")
PYTHON
visitor aether-desktop "file:///home/visitor/permits.aether" > "$work/window.txt" 2>&1 &
window_process=$!
# A search fails when another window goes away meanwhile, so it is tried again.
for attempt in 1 2 3; do
    timeout 60 xdotool search --sync --onlyvisible --name 'permits' > "$work/windows.txt" && break
    [ "$attempt" -lt 3 ] || { cat "$work/window.txt"; fail 'no window came up'; }
done
window=$(head -n 1 "$work/windows.txt")
echo "the window is called: $(xdotool getwindowname "$window")"
xdotool windowfocus --sync "$window" key ctrl+q
status=0
timeout 60 tail --pid="$window_process" -f /dev/null || fail 'Ctrl+Q did not end the window'
wait "$window_process" || status=$?
[ "$status" = 0 ] || { cat "$work/window.txt"; fail "the window ended with $status"; }
[ ! -s "$work/window.txt" ] || { cat "$work/window.txt"; fail 'the window complained'; }
[ "$(sha256sum < "$root/home/visitor/permits.aether")" = "$sum" ] || fail 'looking at the file changed it'

step 'Removing it'
apt purge -y aether-desktop
while IFS= read -r path; do
    [ "$path" != /. ] || continue
    [ -d "$root$path" ] && grep -qxF "$path" "$work/before.txt" && continue
    [ ! -e "$root$path" ] && [ ! -L "$root$path" ] && continue
    # A folder that another package has too stays with it.
    [ -d "$root$path" ] && inside dpkg -S "$path" > /dev/null 2>&1 && continue
    fail "$path is still there"
done < "$work/installed.txt"
left=$(inside find / -xdev \( -path /proc -o -path /dev -o -path /home -o -path /var/log -o -path /tmp \) -prune -o -iname '*aether*' -print)
[ -z "$left" ] || fail "left behind: $left"
if grep -rl aether "$root"/usr/share/{applications,mime} "$root/var/lib/dpkg/info" "$root/var/lib/dpkg/status"; then fail 'something still knows of it'; fi
apt autoremove -y --purge
inside find / -xdev \( -path /proc -o -path /dev -o -path /var/cache -o -path /var/log -o -path /var/lib/apt \
    -o -path /var/lib/dpkg -o -path /tmp -o -path /home \) -prune -o -print | sort > "$work/after.txt"
if ! diff <(grep -v '^/home' "$work/before.txt") "$work/after.txt" > "$work/left.txt"; then
    echo "After removing what it depended on too, these files differ from before (they are of those packages):"
    head -n 10 "$work/left.txt"
fi
umount -R "$root/proc" "$root/dev"
rm -rf --one-file-system "$root"
printf '\nInstalled, started, used and removed on a clean Debian (%s).\n' "$suite"
