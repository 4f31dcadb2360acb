# bash completion for tcpinfo-csv                                        -*- shell-script -*-
# SPDX-License-Identifier: Apache-2.0

_tcpinfo_csv() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} words head
  local connections=
  [[ " ${COMP_WORDS[*]} " == *' --connections '* ]] && connections=--connections
  [[ " ${COMP_WORDS[*]}" == *' --grid'* ]] && connections=--grid=1s
  local states='ESTABLISHED SYN_SENT SYN_RECV FIN_WAIT1 FIN_WAIT2 TIME_WAIT CLOSE CLOSE_WAIT LAST_ACK
    LISTEN CLOSING
    all connected synchronized bucket big'

  COMPREPLY=()
  # readline takes --flag=value apart.
  [[ $previous == = ]] && previous=${COMP_WORDS[COMP_CWORD - 2]}
  [[ $current == = ]] && previous=${COMP_WORDS[COMP_CWORD - 1]} current=
  case $previous in
    --format) words='csv tsv jsonl parquet' ;;
    --time) words='utc as-is epoch' ;;
    --sentinels) words='empty keep' ;;
    --compat) words='mlab' ;;
    --ddl) words='postgresql duckdb clickhouse bigquery sqlite clickhouse-plain' ;;
    --max-window) words='64MiB 128MiB 256MiB 512MiB 1GiB 2GiB' ;;
    --state | --columns | --partition)
      # The last of a list.
      [[ $current == *,* ]] && head=${current%,*},
      case $previous in
        --state) words=$states ;;
        --partition) words='date hour host' ;;
        *) words=$("${COMP_WORDS[0]}" $connections --list-columns 2>/dev/null | tail -n +2 | cut -f 1) ;;
      esac
      mapfile -t COMPREPLY < <(compgen -P "$head" -W "$words" -- "${current##*,}")
      compopt -o nospace 2>/dev/null
      return
      ;;
    --uuid | --port | --sport | --dport | --host | --src | --dst | --cgroup | --comm | --since | --until | --every | \
      --grid | --jobs | -j) return ;;
  esac
  if [[ -n $words ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
    return
  fi
  if [[ $current == -* ]]; then
    words='--output --connections --exact --grid --why --format --partition --columns --list-columns --ddl --time
      --sentinels --compat --jobs --max-window --strict --verbose --no-progress --uuid --port --sport --dport --host --src
      --dst --state --cgroup --comm --since --until --every --help --version'
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
    return
  fi
  compopt -o filenames 2>/dev/null
  mapfile -t COMPREPLY < <(compgen -f -- "$current")
}

complete -F _tcpinfo_csv tcpinfo-csv
