# Sourced by the builds: the time that everything in a package has, so that the same input gives the same files.
# It is that of the commit, or of the changelog where there is no repository.
if [ -z "${SOURCE_DATE_EPOCH:-}" ]; then
    SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2> /dev/null || date -u -r CHANGELOG.md +%s)
fi
export SOURCE_DATE_EPOCH
