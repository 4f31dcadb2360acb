#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Prints the SQL that adds to a table what a newer version of tcpinfo-csv writes more, as a new
# kernel's fields.
#
# usage: add-columns.sh OLD NEW
#
# OLD is what the --ddl that made the table printed, NEW what that of the newer version prints, of
# the same database and with the same flags. Columns are added behind those that are there; rows
# are loaded by the names of their first line. A column that has another type is an error (1): then
# nothing is printed. One that is written no more is told in a comment and stays.
set -eu

if [ $# -ne 2 ] || [ ! -r "$1" ] || [ ! -r "$2" ]; then
  echo 'usage: add-columns.sh OLD NEW, two files of tcpinfo-csv --ddl' >&2
  exit 2
fi

awk '
  # A column stands alone in its line. What it means may stand behind it, and a comma.
  function definition(line) {
    sub(/  -- .*$/, "", line)
    sub(/,$/, "", line)
    sub(/^ +/, "", line)
    return line
  }
  # Its type: what it means may be said otherwise.
  function type(text) {
    sub(/^[a-z0-9_]+ */, "", text)
    sub(/ (COMMENT|OPTIONS).*$/, "", text)
    return text
  }
  # Kept until it is known that nothing is wrong: the output may go straight into a database.
  function say(line) { said = said line "\n" }
  FNR == 1 { file++; inside = 0 }
  /^CREATE TABLE / { table[file] = $3; inside = 1; next }
  /^\)/ { inside = 0 }
  inside && file == 1 { old[$1] = type(definition($0)); order[++many] = $1 }
  inside && file == 2 {
    name = $1
    here[name] = 1
    text = definition($0)
    if (!(name in old)) {
      added[name] = 1
      say("ALTER TABLE " table[2] " ADD COLUMN " text ";")
    } else if (old[name] != type(text)) {
      print "add-columns.sh: " name " is " old[name] ", and would be " type(text) | "cat >&2"
      failed = 1
    }
  }
  file == 2 && /^COMMENT ON COLUMN / {
    split($4, parts, ".")
    if (parts[2] in added) say($0)
  }
  # What SQLite imports through has all columns, in the order of the rows.
  file == 2 && /^CREATE VIEW / { say("DROP VIEW " $3 ";"); importing = 1 }
  file == 2 && importing { say($0) }
  END {
    if (table[1] == "" || table[1] != table[2]) {
      print "add-columns.sh: these make no table, or two: " table[1] " " table[2] | "cat >&2"
      exit 1
    }
    for (i = 1; i <= many; i++)
      if (!(order[i] in here)) say("-- " order[i] " is written no more")
    if (failed) exit 1
    printf "%s", said
  }
' "$1" "$2"
