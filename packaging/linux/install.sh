#!/bin/sh
# Menu entry, icons, file type, links, manual and both commands of this folder, for whoever runs it. Nothing is copied but
# small files; --remove takes all of them away again.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
data=${XDG_DATA_HOME:-$HOME/.local/share}
bin=$HOME/.local/bin

each() { # function: called with each file below share/ and its place
    (cd "$here/share" && find applications icons mime man -type f) | while IFS= read -r file; do "$1" "$file" "$data/$file"; done
}
put() {
    mkdir -p "$(dirname -- "$2")"
    case $1 in
        # The path is quoted as desktop entries want it, for a folder with spaces.
        *.desktop) awk -v program="\"$here/aether-desktop\"" '/^Exec=aether-desktop/ {
            sub(/aether-desktop/, ""); sub(/^Exec=/, ""); print "Exec=" program $0; next } { print }' "$here/share/$1" > "$2" ;;
        *) cp "$here/share/$1" "$2" ;;
    esac
}
take() { rm -f "$2"; }

case ${1:-} in
    '')
        each put
        mkdir -p "$bin"
        for command in aether aether-desktop; do ln -sfn "$here/$command" "$bin/$command"; done
        echo "Installed for $(id -un). If the commands are not found, $bin is not on your PATH."
        ;;
    --remove)
        each take
        for command in aether aether-desktop; do
            [ "$(readlink "$bin/$command" 2> /dev/null)" = "$here/$command" ] && rm "$bin/$command"
        done
        echo "Removed. The folder $here is still there and can be deleted."
        ;;
    *)
        echo "usage: $0 [--remove]" >&2
        exit 2
        ;;
esac
for update in "update-desktop-database $data/applications" "update-mime-database $data/mime" \
    "gtk-update-icon-cache -q -t $data/icons/hicolor"; do
    # shellcheck disable=SC2086
    command -v ${update%% *} > /dev/null && $update 2> /dev/null || true
done
