# shellcheck shell=bash
# Shared by ci/test and ci/demo: a Python, a fresh virtual environment, system packages where they may be installed.
# Sourced, not run.

say() { printf '\n== %s\n' "$*"; }

# The newest suitable Python: PYTHON, else python3, python3.14 ... python3.11.
find_python() {
  for name in "${PYTHON:-}" python3 python3.14 python3.13 python3.12 python3.11; do
    if [ -z "$name" ] || ! command -v "$name" >/dev/null 2>&1; then
      continue
    fi
    if "$name" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$name"
      return 0
    fi
  done
  echo "expected Python 3.11 or later with venv; found none. Install one, or name it: PYTHON=/path/to/python $0" >&2
  return 1
}

# make_venv DIR: an empty virtual environment with a pip that knows dependency groups, and uv.
make_venv() {
  "$(find_python)" -m venv --clear "$1"
  "$1/bin/python" -m pip install --quiet --upgrade pip uv 2>/dev/null
}

# install DIR ARGUMENTS: into that environment; by uv, which is several times faster, else by pip.
install() {
  env_dir=$1
  shift
  "$env_dir/bin/uv" pip install --quiet --python "$env_dir/bin/python" "$@" ||
    "$env_dir/bin/python" -m pip install --quiet "$@"
}

# need_system_packages COMMAND=PACKAGE ...: install what is missing, as root on Debian; say so elsewhere.
need_system_packages() {
  missing=""
  for pair in "$@"; do
    command -v "${pair%%=*}" >/dev/null 2>&1 || missing="$missing ${pair#*=}"
  done
  [ -z "$missing" ] && return 0
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    say "installing$missing"
    # Words of $missing are package names.
    # shellcheck disable=SC2086
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing; } \
      >/dev/null && return 0
  fi
  echo "not installed:$missing; the tests that need them are skipped" >&2
}
