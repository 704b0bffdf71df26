#!/bin/sh
# Makes .venv with the pinned uv in it. Debian's bare python3 has no ensurepip: as root its package is installed,
# otherwise this says what to ask the administrator for.
set -eu
python=$1
[ -x .venv/bin/uv ] && exit 0
"$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))' || {
    echo "Python 3.11 to 3.14 is needed; $python is $("$python" --version). Say: make PYTHON=python3.11 ..." >&2; exit 1; }
echo "Setting up .venv (once)"
rm -rf .venv
if ! "$python" -c 'import ensurepip' 2>/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        export DEBIAN_FRONTEND=noninteractive; apt-get update -qq && apt-get install -qq -y python3-venv >/dev/null
    else
        echo "This Python cannot make environments. Ask for the package python3-venv, then run make again." >&2; exit 1
    fi
fi
"$python" -m venv .venv
uv=$(grep -oE '^uv==[0-9.]+' requirements.lock)
.venv/bin/pip install -q --disable-pip-version-check "$uv"
