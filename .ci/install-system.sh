#!/bin/sh
# What the tests need from the system: a JDK 17+ and Maven, for a real Neo4j and for the search engines' own parsers of
# synonym files (hence the compiler). Installs them with apt where it may.
set -eu
missing=""
command -v javac >/dev/null 2>&1 || missing="$missing openjdk-17-jdk-headless"
command -v mvn >/dev/null 2>&1 || missing="$missing maven"
[ -z "$missing" ] && exit 0
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    apt-get update -q && apt-get install -q -y --no-install-recommends $missing
else
    echo "The tests start a real Neo4j and compile a small Java program, which needs:$missing" >&2
    echo "Install them, e.g.: sudo apt-get install$missing" >&2
    exit 2
fi
