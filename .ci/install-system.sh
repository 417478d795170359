#!/bin/sh
# What the tests need from the system: a JDK 17+ and Maven, for a real Neo4j and for the search engines' own parsers of
# synonym files (hence the compiler), and Chromium with fonts that have Chinese, for Neo4j Browser as its users see it.
# Installs them with apt where it may.
set -eu
missing=""
command -v javac >/dev/null 2>&1 || missing="$missing openjdk-17-jdk-headless"
command -v mvn >/dev/null 2>&1 || missing="$missing maven"
command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 ||
    command -v google-chrome >/dev/null 2>&1 || missing="$missing chromium fonts-noto-cjk"
[ -z "$missing" ] && exit 0
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    apt-get update -q && apt-get install -q -y --no-install-recommends $missing
else
    echo "The tests start a real Neo4j and a real browser and compile a small Java program, which needs:$missing" >&2
    echo "Install them, e.g.: sudo apt-get install$missing" >&2
    exit 2
fi
