# bash completion for tcpinfo-dump                                       -*- shell-script -*-
# SPDX-License-Identifier: Apache-2.0

_tcpinfo_dump() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local command=${COMP_WORDS[1]} words head
  local filters='--uuid --port --sport --dport --host --src --dst --state'
  local owners='--cgroup --comm'
  local printing='--json --changes --zeros --time --color'
  local states='ESTABLISHED SYN_SENT SYN_RECV FIN_WAIT1 FIN_WAIT2 TIME_WAIT CLOSE CLOSE_WAIT LAST_ACK
    LISTEN CLOSING
    all connected synchronized bucket big'
  local columns='start duration local remote state closed sent received retransmitted min_rtt
    median_rtt peak_delivery_rate mean_rate cong snapshots gaps missed_polls dsack_dups reord_seen
    busy rwnd_limited sndbuf_limited network_limited uuid opened ended netns
    comm pid container pod cgroup executable owner why why_percent'

  COMPREPLY=()
  # readline takes --flag=value apart.
  [[ $previous == = ]] && previous=${COMP_WORDS[COMP_CWORD - 2]}
  [[ $current == = ]] && previous=${COMP_WORDS[COMP_CWORD - 1]} current=
  case $previous in
    --time) words='utc as-is epoch' ;;
    --color) words='auto always never' ;;
    --sort)
      [[ $command == top ]] && words='rate sent received retransmitted rtt cause owner' || words=$columns
      ;;
    --where)
      mapfile -t COMPREPLY < <(compgen -W "$columns" -- "$current")
      compopt -o nospace 2>/dev/null
      return
      ;;
    --segment-size) words='16MiB 64MiB 256MiB 1GiB' ;;
    --max-window) words='64MiB 128MiB 256MiB 512MiB 1GiB 2GiB' ;;
    --by)
      [[ $current == *,* ]] && head=${current%,*},
      words='port prefix as cc cgroup process hour minute closed cause'
      mapfile -t COMPREPLY < <(compgen -P "$head" -W "$words" -- "${current##*,}")
      compopt -o nospace 2>/dev/null
      return
      ;;
    --asn)
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -f -- "$current")
      return
      ;;
    --state | --columns)
      # The last of a list.
      [[ $current == *,* ]] && head=${current%,*},
      [[ $previous == --state ]] && words=$states || words=$columns
      mapfile -t COMPREPLY < <(compgen -P "$head" -W "$words" -- "${current##*,}")
      compopt -o nospace 2>/dev/null
      return
      ;;
    --uuid | --port | --sport | --dport | --host | --src | --dst | --cgroup | --comm | --since | --until | --every | \
      --interval | --reps | --rounds | --duration | --limit | --points | --jobs | -j | --level | --seed) return ;;
    --socket)
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -f -- "$current")
      return
      ;;
    --output | -o)
      compopt -o filenames 2>/dev/null
      local kind=-d
      [[ $command == plot ]] && kind=-f
      mapfile -t COMPREPLY < <(compgen "$kind" -- "$current")
      return
      ;;
  esac
  if [[ -n $words ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
    return
  fi

  if [[ $current == -* ]]; then
    case $command in
      ls)
        words="--json --csv --columns --where --sort --reverse --limit --exact --why --time --color --jobs
          --no-progress --max-window --verbose $filters $owners --since --until"
        ;;
      follow)
        words="$printing --max-window --verbose $filters $owners --since --until --from-start --duration"
        ;;
      get) words="--text $printing --since --until --max-window --verbose" ;;
      ask) words="--text $printing --socket" ;;
      live) words="$printing $filters --interval --reps" ;;
      top) words="$filters --sort --owner --reverse --interval --rounds --limit --plain --socket" ;;
      verify) words='--quiet --max-window --verbose' ;;
      pack)
        words='--output --replace --level --segment-size --quiet --no-progress --max-window --verbose'
        ;;
      erase) words='--host --dry-run --quiet --no-progress --max-window --verbose' ;;
      why)
        words="--json --limit --time --color --jobs --no-progress --max-window --verbose $filters
          $owners --since --until"
        ;;
      plot)
        words="--output --limit --points --jobs --no-progress --max-window --verbose $filters $owners --since
          --until"
        ;;
      summary)
        words="--json --html --by --asn --limit --why --jobs --no-progress --max-window --verbose
          $filters $owners --since --until"
        ;;
      compare)
        words="--json --asn --seed --why --jobs --no-progress --max-window --verbose $filters $owners
          --since --until"
        ;;
      unpack) words='--output --partial --quiet --no-progress --max-window --verbose' ;;
      *) words="$printing --max-window --verbose $filters $owners --since --until --every" ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words --help --version" -- "$current")
    return
  fi

  [[ $command == @(ask|live|top) && $COMP_CWORD -gt 1 ]] && return
  compopt -o filenames 2>/dev/null
  mapfile -t COMPREPLY < <(compgen -f -- "$current")
  if ((COMP_CWORD == 1)); then
    words='ls ask follow get live top verify why plot summary compare pack unpack erase'
    mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -W "$words" -- "$current")
  fi
}

complete -F _tcpinfo_dump tcpinfo-dump
