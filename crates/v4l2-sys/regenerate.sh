#!/bin/sh
# Writes src/bindings.rs from the kernel's headers, and checks that x86-64 and aarch64 agree on it.
#
# Needed only to take a newer version of the headers; the build takes the file as it is.
#
#   cargo install bindgen-cli --version 0.72.1 --locked
#   apt-get install clang libclang-dev linux-libc-dev linux-libc-dev-{amd64,arm64}-cross
#   crates/v4l2-sys/regenerate.sh
#
# Taken is what videodev2.h and v4l2-common.h define, which are also under BSD-3-Clause, and the
# integers that they are made of. Parameters of stateless codecs stay opaque: a camera has none, and
# they differ between releases of the headers.
set -eu
cd "$(dirname "$0")"

headers_of() {
    for folder in "/usr/$1-linux-gnu/include" /usr/include; do
        [ "$folder" = /usr/include ] && [ "$(uname -m)" != "$1" ] && continue
        if [ -e "$folder/linux/videodev2.h" ]; then
            echo "$folder"
            return
        fi
    done
    echo "regenerate.sh: no linux/videodev2.h for $1; install the packages that this script names" >&2
    exit 1
}

bindings_for() {
    headers=$(headers_of "$1")
    code=$(sed -n 's/#define LINUX_VERSION_CODE //p' "$headers/linux/version.h")
    echo "// Made by regenerate.sh from linux/videodev2.h of Linux $((code / 65536)).$((code / 256 % 256)): do not edit."
    echo "// SPDX-License-Identifier: BSD-3-Clause"
    echo "// Copyright (C) 1999-2012 the contributors; see LICENSE-BSD."
    echo
    bindgen wrapper.h \
        --disable-header-comment --no-doc-comments --use-core \
        --rust-target 1.85 --rust-edition 2024 \
        --allowlist-type time_t \
        --allowlist-file '.*/linux/(videodev2|v4l2-common)\.h' \
        --opaque-type 'v4l2_ctrl_.*' \
        -- --target="$1-linux-gnu" -nostdlibinc -isystem "$headers" \
        -isystem "/usr/include/$1-linux-gnu" -isystem /usr/include
}

made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
for arch in x86_64 aarch64; do
    bindings_for "$arch" >"$made/$arch.rs"
done
if ! diff -u "$made/x86_64.rs" "$made/aarch64.rs"; then
    echo "regenerate.sh: the architectures differ (or their headers are of two releases): nothing was written" >&2
    exit 1
fi
cp "$made/x86_64.rs" src/bindings.rs
