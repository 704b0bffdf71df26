#!/bin/sh
# Makes .foreign, an environment with other people's Alma clients and nothing of ours; its words are how to call uv.
set -eu
lock=tests/foreign/requirements.lock
echo "Setting up .foreign (once)"
rm -rf .foreign
"$@" venv -q --no-project --python .venv/bin/python .foreign
"$@" pip sync -q --python .foreign/bin/python --require-hashes "$lock"
# almaapitk names Python 3.12 as its least, but all of it runs on 3.11 too: there it is installed as if on 3.12.
site=$(.foreign/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
[ -d "$site/almaapitk" ] || sed -n '/^almaapitk/,/[^\\]$/p' "$lock" | "$@" pip install -q --no-deps --require-hashes \
    --python .foreign/bin/python --python-version 3.12 --target "$site" -r -
.foreign/bin/python -c 'import almaapitk, almapipy, almapiwrapper'
touch .foreign/.made
