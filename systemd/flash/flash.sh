#!/bin/sh
# Puts the package, a configuration and a board's identity onto boards: docs/flash.md.
set -eu

usage() {
    cat <<'TEXT'
Usage:
  flash.sh root ROOT DEB [OPTIONS]       into the root file system that NVIDIA's tool writes to the board
  flash.sh board USER@HOST DEB [OPTIONS] onto a running board, over ssh; USER may run sudo there
  flash.sh boards DEB --boards CSV [OPTIONS]  onto every board of the list that has an address

Options:
  --config FILE    the configuration; @NAME@, @MQTT_USER@ and other columns of the list in it are filled in
  --boards CSV     the list: a header line with at least the column `name`; `address` for ssh;
                   `mqtt_password` goes to /etc/unmask/environment, the files that `client_cert` and
                   `client_key` name (beside the list) to /etc/unmask/client.pem and client.key; fields
                   without commas and quotes
  --name NAME      the line of the list that this board is

A root gets the package for its first start, when dpkg installs it; done twice, it is as done once.
Exit code: 0 done; 1 not, with the reason.
TEXT
}

die() {
    echo "flash.sh: $*" >&2
    exit 1
}

# The processor of a root: the machine number in its dpkg, as Debian names it.
root_arch() {
    [ -f "$1/usr/bin/dpkg" ] || die "$1 is no root file system of Debian or Ubuntu: it has no usr/bin/dpkg"
    case $(od -An -tu2 -j18 -N2 "$1/usr/bin/dpkg" | tr -d ' ') in
    183) echo arm64 ;;
    62) echo amd64 ;;
    *) die "$1 is a root of a processor that there is no package for" ;;
    esac
}

# A column of the line of $name in $boards; nothing where the list has no such column.
column() {
    awk -F, -v name="$name" -v wanted="$1" '
        { sub(/\r$/, "") }
        NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; if (!("name" in at)) exit 3; next }
        $at["name"] == name { if (wanted in at) print $at[wanted]; found = 1; exit }
        END { if (!found) exit 4 }' "$boards" || case $? in
    3) die "$boards has no column \`name\` in its first line" ;;
    *) die "$boards has no line for the board $name" ;;
    esac
}

columns() { head -n 1 "$boards" | tr -d '\r' | tr ',' ' '; }

# Lays out what goes to the board below $1.
stage() {
    mkdir -p "$1/var/lib/unmask-install" "$1/etc/unmask"
    cp "$deb" "$1/var/lib/unmask-install/unmask.deb"
    if [ -n "$config" ]; then
        cp "$config" "$1/etc/unmask/unmask.toml"
        if [ -n "$boards" ]; then
            for key in $(columns); do
                value=$(column "$key")
                upper=$(echo "$key" | tr '[:lower:]' '[:upper:]')
                # Through the environment: nothing in a value is special to awk there.
                key="@$upper@" value="$value" awk '
                    BEGIN { key = ENVIRON["key"]; value = ENVIRON["value"] }
                    { line = ""; rest = $0
                      while ((i = index(rest, key)) > 0) {
                          line = line substr(rest, 1, i - 1) value; rest = substr(rest, i + length(key))
                      }
                      print line rest }' \
                    "$1/etc/unmask/unmask.toml" >"$1/etc/unmask/filled"
                mv "$1/etc/unmask/filled" "$1/etc/unmask/unmask.toml"
            done
        fi
        if left=$(grep -n '@[A-Z_]*@' "$1/etc/unmask/unmask.toml"); then
            die "nothing is known for what is left in $config: $left"
        fi
        chmod 644 "$1/etc/unmask/unmask.toml"
    fi
    if [ -n "$boards" ]; then
        password=$(column mqtt_password)
        if [ -n "$password" ]; then
            (umask 077 && printf 'UNMASK_MQTT_PASSWORD=%s\n' "$password" >"$1/etc/unmask/environment")
            chmod 600 "$1/etc/unmask/environment"
        fi
        identity client_cert client.pem 644 "$1"
        identity client_key client.key 600 "$1"
    fi
}

# The file that a column names, to /etc/unmask/$2 with the mode $3 below $4. The package gives a key of root's
# to the service's group once there is one.
identity() {
    file=$(column "$1")
    [ -n "$file" ] || return 0
    case $file in
    /*) ;;
    *) file=$(dirname "$boards")/$file ;;
    esac
    [ -f "$file" ] || die "$boards, column $1 of $name: there is no file $file"
    install -m "$3" "$file" "$4/etc/unmask/$2"
}

into_root() {
    [ "$(id -u)" = 0 ] || die "files of a root belong to root: run this with sudo"
    arch=$(root_arch "$1")
    of_deb=$(dpkg-deb --field "$deb" Architecture) || die "$deb is no package"
    [ "$arch" = "$of_deb" ] || die "$1 is a root for $arch, $deb is for $of_deb"
    stage "$work"
    # Copied without the working folder's own mode and owner.
    tar -C "$work" --owner=0 --group=0 -c var/lib/unmask-install etc/unmask | tar -C "$1" -x --no-overwrite-dir
    chmod 755 "$1/etc/unmask"
    install -m 644 "$here/unmask-install.service" "$1/etc/systemd/system/unmask-install.service"
    mkdir -p "$1/etc/systemd/system/multi-user.target.wants"
    ln -sf ../unmask-install.service "$1/etc/systemd/system/multi-user.target.wants/unmask-install.service"
    if [ -n "$name" ]; then
        echo "$name" >"$1/etc/hostname"
    fi
    echo "$1: the package is installed at the first start${name:+, the board is $name}"
}

onto_board() {
    of_deb=$(dpkg-deb --field "$deb" Architecture) || die "$deb is no package"
    arch=$(ssh "$1" dpkg --print-architecture) || die "$1 cannot be reached, or has no dpkg"
    [ "$arch" = "$of_deb" ] || die "$1 is a board with $arch, $deb is for $of_deb"
    stage "$work"
    # What is already there stays: the conffile is the one that is sent, or the board's own.
    tar -C "$work" --owner=0 --group=0 -c var/lib/unmask-install etc/unmask |
        ssh "$1" 'sudo sh -ec "tar -C / -x --no-overwrite-dir
            dpkg --force-confold --install /var/lib/unmask-install/unmask.deb
            rm -r /var/lib/unmask-install
            unmask validate --offline /etc/unmask/unmask.toml
            systemctl restart unmask.service"' || die "$1: the installation failed, see above"
    echo "$1: installed${name:+ as $name}"
}

here=$(cd "$(dirname "$0")" && pwd)
[ $# -gt 0 ] || { usage >&2; exit 1; }
task=$1
shift
case $task in
root | board)
    [ $# -ge 2 ] || { usage >&2; exit 1; }
    target=$1
    shift
    ;;
boards) [ $# -ge 1 ] || { usage >&2; exit 1; } ;;
-h | --help) usage; exit 0 ;;
*) usage >&2; exit 1 ;;
esac
deb=$1
shift
config='' boards='' name=''
while [ $# -gt 0 ]; do
    case $1 in
    --config | --boards | --name) [ $# -ge 2 ] || die "$1 wants a value" ;;
    *) die "unknown option $1" ;;
    esac
    case $1 in
    --config) config=$2 ;;
    --boards) boards=$2 ;;
    --name) name=$2 ;;
    esac
    shift 2
done
for file in "$deb" ${config:+"$config"} ${boards:+"$boards"}; do
    [ -f "$file" ] || die "there is no file $file"
done
if [ "$task" = boards ]; then
    [ -n "$boards" ] || die "the boards are in a list: --boards CSV"
else
    [ -z "$boards" ] || [ -n "$name" ] || die "which line of $boards is this board? --name NAME"
    [ -z "$name" ] || [ -n "$boards" ] || die "--name is a line of a list: --boards CSV"
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

case $task in
root) into_root "$target" ;;
board) onto_board "$target" ;;
boards)
    failed=0
    for name in $(awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "name") at = i; next } at && $at != "" { print $at }' "$boards"); do
        address=$(column address)
        if [ -z "$address" ]; then
            echo "$name: no address, left out"
            continue
        fi
        # A board that fails does not keep the others from theirs.
        "$0" board "$address" "$deb" ${config:+--config "$config"} --boards "$boards" --name "$name" </dev/null ||
            failed=$((failed + 1))
    done
    [ "$failed" = 0 ] || die "$failed boards failed"
    ;;
esac
