#!/bin/sh
# Installs Debian's Chromium for the browser test where that is possible; elsewhere says why not and goes on
# (the test then skips with the reason, except in CI, where it fails).
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing Chromium for the browser test (once)"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq && apt-get install -qq -y chromium >/dev/null && exit 0
fi
echo "No Chromium here, and it cannot be installed without root and apt: the browser test will be skipped." >&2
