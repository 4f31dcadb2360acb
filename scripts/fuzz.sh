# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# libFuzzer programs, for ./dev fuzz and ./dev check fuzz.

# Runs every libFuzzer program of build-fuzz for a time each, from the seeds that are checked in and from
# what earlier runs found.
run_fuzzers() {
  local seconds=$1 target targets=() name found
  if configure build-fuzz clang++ --werror -Dbuildtype=debugoptimized -Dtools=disabled -Dtests=enabled \
    -Ddocs=disabled -Dfuzz=enabled; then
    mapfile -t targets < <(ninja -C build-fuzz -t targets all |
      sed -n 's|^\(test/fuzz/fuzz_[a-z0-9_]*\): .*|\1|p')
  fi
  if ((${#targets[@]} == 0)) || ! ninja -C build-fuzz "${targets[@]}"; then
    note_failure fuzz "the build"
    return 0
  fi
  for target in "${targets[@]}"; do
    name=${target##*/fuzz_}
    found=build-fuzz/found/$name
    mkdir -p "$found"
    say "fuzzing $name for $seconds s"
    if "build-fuzz/$target" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 \
      -artifact_prefix="build-fuzz/$name-" "$found" "test/fuzz/corpus/$name" \
      >"build-fuzz/$name.log" 2>&1 </dev/null; then
      tail -n 1 "build-fuzz/$name.log"
      note_log fuzz "$(fuzz_log "$name" OK)"
    else
      tail -n 30 "build-fuzz/$name.log"
      note_failure fuzz "$name (build-fuzz/$name.log)"
    fi
  done
}

# A log of one line, in the form meson writes.
fuzz_log() {
  printf '{"name": "%s", "result": "%s"}\n' "$1" "$2" >"build-fuzz/$1.json"
  printf '%s' "build-fuzz/$1.json"
}
