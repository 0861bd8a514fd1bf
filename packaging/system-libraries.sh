#!/usr/bin/env bash
# Finds out which system libraries, fonts and programs the application or its tests lack on Linux, and installs
# them on Debian and Ubuntu when it may (root, or sudo without a password); elsewhere it says what to install
# and what will not work without. A compiler of C counts as one for tests, benchmarks and packages: they are about what
# is shipped, and that is compiled. Who only runs the application gets none, as it works without.
#
#   packaging/system-libraries.sh run | test | bench | package
#
# Looks once and leaves a stamp in .venv. AETHER_NO_APT=1 makes it only tell, never install.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
unset PYTHONPATH PYTHONHOME

purpose=${1:?run, test, bench or package}
[ "$(uname)" = Linux ] || exit 0
python=.venv/bin/python
screens="${DISPLAY:+x11}${WAYLAND_DISPLAY:+wayland}"
[ "$purpose" = run ] || screens=
stamp=.venv/.system-libraries-$purpose${screens:+-$screens}
# shellcheck source=/dev/null
machine="$(uname -n) $(. /etc/os-release 2> /dev/null && printf '%s %s' "${ID:-}" "${VERSION_ID:-}")"
[ -f "$stamp" ] && [ "$(cat "$stamp")" = "$machine" ] && [ ! .venv/.made-from -nt "$stamp" ] && exit 0

# The Debian package of a library, by the name the loader looks for.
package_of() {
    case $1 in
        libEGL.so.1) echo libegl1 ;;
        libGL.so.1 | libGLX.so.0 | libOpenGL.so.0) echo libgl1 ;;
        libxkbcommon.so.0) echo libxkbcommon0 ;;
        libxkbcommon-x11.so.0) echo libxkbcommon-x11-0 ;;
        libdbus-1.so.3) echo libdbus-1-3 ;;
        libfontconfig.so.1) echo libfontconfig1 ;;
        libfreetype.so.6) echo libfreetype6 ;;
        libglib-2.0.so.0 | libgthread-2.0.so.0) echo libglib2.0-0 ;;
        libz.so.1) echo zlib1g ;;
        libzstd.so.1) echo libzstd1 ;;
        libgssapi_krb5.so.2) echo libgssapi-krb5-2 ;;
        libX11.so.6) echo libx11-6 ;;
        libX11-xcb.so.1) echo libx11-xcb1 ;;
        libSM.so.6) echo libsm6 ;;
        libICE.so.6) echo libice6 ;;
        libxcb-util.so.1) echo libxcb-util1 ;;
        libxcb-icccm.so.4) echo libxcb-icccm4 ;;
        libxcb-image.so.0) echo libxcb-image0 ;;
        libxcb-keysyms.so.1) echo libxcb-keysyms1 ;;
        libxcb-render-util.so.0) echo libxcb-render-util0 ;;
        libxcb.so.1) echo libxcb1 ;;
        libxcb-*.so.*)
            local name=${1%%.so.*}
            echo "$name${1##*.so.}"
            ;;
        libwayland-client.so.0) echo libwayland-client0 ;;
        libwayland-cursor.so.0) echo libwayland-cursor0 ;;
        libwayland-egl.so.1) echo libwayland-egl1 ;;
    esac
}

qt=$("$python" -I -c 'import importlib.util as u; print(u.find_spec("PySide6").submodule_search_locations[0])')
plugins=$qt/Qt/plugins/platforms

can_compile() {
    [ -z "${CC:-}" ] || return 0 # whoever names a compiler has one, or will not have it from here
    local compiler
    for compiler in cc gcc clang; do
        echo '#include <stdlib.h>' | "$compiler" -E -o /dev/null - > /dev/null 2>&1 && return
    done
    return 1
}

unloadable() { # the libraries that the given files want and the loader does not find
    local file
    for file in "$@"; do
        [ -f "$file" ] && LC_ALL=C ldd "$file" 2> /dev/null
    done | sed -nE 's/^[[:space:]]*([^ ]+) => not found$/\1/p' | sort -u
}

needed_for_qt=() needed_for_window=() needed_for_driving=() needed_for_packages=() needed_for_compiling=() unknown=()
look() {
    needed_for_qt=() needed_for_window=() needed_for_driving=() needed_for_compiling=() unknown=()
    local library package
    for library in $(unloadable "$qt"/Qt{Core,Gui,Widgets,Svg,Network}.abi3.so "$plugins/libqoffscreen.so" \
        "$qt"/Qt/plugins/{imageformats,iconengines}/libqsvg*.so); do
        package=$(package_of "$library")
        if [ -n "$package" ]; then needed_for_qt+=("$package"); else unknown+=("$library"); fi
    done
    # Without a font, text is drawn as boxes.
    [ -n "$(find -L /usr/share/fonts /usr/local/share/fonts "${HOME:-/nonexistent}"/{.fonts,.local/share/fonts} \
        \( -name '*.ttf' -o -name '*.otf' -o -name '*.ttc' \) -print -quit 2> /dev/null)" ] ||
        needed_for_qt+=(fonts-dejavu-core)

    local window_plugins=()
    case $purpose$screens in test* | package* | run*x11*) window_plugins+=("$plugins/libqxcb.so") ;; esac
    case $purpose$screens in package* | run*wayland) window_plugins+=("$plugins/libqwayland.so" "$plugins/libqwayland-generic.so") ;; esac
    if [ "${#window_plugins[@]}" -gt 0 ]; then
        for library in $(unloadable "${window_plugins[@]}"); do
            package=$(package_of "$library")
            if [ -n "$package" ]; then needed_for_window+=("$package"); else unknown+=("$library"); fi
        done
    fi

    if [ "$purpose" = test ]; then
        command -v Xvfb > /dev/null || needed_for_driving+=(xvfb)
        command -v openbox > /dev/null || needed_for_driving+=(openbox)
        command -v xdotool > /dev/null || needed_for_driving+=(xdotool)
    fi
    needed_for_packages=()
    if [ "$purpose" = package ]; then
        local tool
        for tool in dpkg-shlibdeps:dpkg-dev readelf:binutils lintian:lintian desktop-file-validate:desktop-file-utils \
            appstreamcli:appstream debootstrap:debootstrap Xvfb:xvfb xdotool:xdotool makensis:nsis; do
            PATH=$PATH:/usr/sbin:/sbin command -v "${tool%%:*}" > /dev/null || needed_for_packages+=("${tool##*:}")
        done
    fi
    if [ "$purpose" != run ] && ! can_compile; then needed_for_compiling+=(gcc libc6-dev); fi
    missing=$(printf '%s\n' "${needed_for_qt[@]+"${needed_for_qt[@]}"}" \
        "${needed_for_window[@]+"${needed_for_window[@]}"}" \
        "${needed_for_driving[@]+"${needed_for_driving[@]}"}" \
        "${needed_for_packages[@]+"${needed_for_packages[@]}"}" \
        "${needed_for_compiling[@]+"${needed_for_compiling[@]}"}" | sed '/^$/d' | sort -u | tr '\n' ' ')
    missing=${missing% }
}

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }
may_install() {
    [ -z "${AETHER_NO_APT:-}" ] && command -v apt-get > /dev/null &&
        { [ "$(id -u)" = 0 ] || sudo -n true 2> /dev/null; }
}
install() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 \
        install -y -qq --no-install-recommends "$@"
}

look
if [ -n "$missing" ] && may_install; then
    echo "Installing what this machine lacks: $missing"
    mkdir -p build
    # Package lists may be absent or old: only then is it worth asking for new ones.
    # shellcheck disable=SC2086
    install $missing > build/apt.txt 2>&1 ||
        { as_root apt-get update -qq && install $missing; } > build/apt.txt 2>&1 ||
        { echo "apt-get failed:" && tail -n 5 build/apt.txt; } >&2
    could_not_compile=${#needed_for_compiling[@]}
    look
    # It finds a compiler that was not there before.
    [ "$could_not_compile" = 0 ] || packaging/setup.sh
fi

if [ -z "$missing" ] && [ "${#unknown[@]}" = 0 ]; then
    echo "$machine" > "$stamp"
    exit 0
fi

{
    if [ -n "$missing" ]; then
        echo 'This machine lacks some system packages. On Debian and Ubuntu:'
        echo "    sudo apt-get install $missing"
        command -v apt-get > /dev/null || echo '(elsewhere the packages have similar names)'
    fi
    [ "${#unknown[@]}" = 0 ] || echo "Qt wants libraries that the loader does not find: ${unknown[*]}"
    echo 'Without them:'
    [ "${#needed_for_qt[@]}" = 0 ] || echo "  - the application does not start, or shows no text (${needed_for_qt[*]})"
    [ "${#needed_for_window[@]}" = 0 ] || echo "  - no window opens on this display (${needed_for_window[*]})"
    [ "${#needed_for_packages[@]}" = 0 ] || echo "  - some packages are not built or not checked (${needed_for_packages[*]})"
    [ "${#needed_for_compiling[@]}" = 0 ] || echo "  - nothing in C is compiled, and audits of large files take longer (${needed_for_compiling[*]})"
    [ "${#needed_for_driving[@]}" = 0 ] || echo "  - the tests that drive a real window fail (${needed_for_driving[*]})"
} >&2
# Only what Qt itself needs is worth stopping for: the rest costs some tests, or Qt finds another platform.
[ "${#needed_for_qt[@]}" = 0 ]
