#!/bin/sh
# Fetches axe-core, a checker of accessibility, for the browser tests, where npm is there; elsewhere says why not and
# goes on (the test then skips with the reason). It is pinned by its sum, and never becomes part of this repository.
WANTED=e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745
cd "$(dirname "$0")/.." && mkdir -p .axe && cd .axe || exit 1
if command -v npm >/dev/null && npm pack --silent axe-core@4.14.1 >/dev/null \
        && echo "$WANTED  axe-core-4.14.1.tgz" | sha256sum --check --status; then
    tar -xzf axe-core-4.14.1.tgz --strip-components=1 package/axe.min.js && rm axe-core-4.14.1.tgz && exit 0
fi
rm -f axe-core-4.14.1.tgz
echo "No axe-core here (it comes by npm): the browser tests will check accessibility without it." >&2
