# bash completion for tcpinfo-dump                                       -*- shell-script -*-
# SPDX-License-Identifier: Apache-2.0

_tcpinfo_dump() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local command=${COMP_WORDS[1]} words
  local filters='--uuid --port --sport --dport --host --src --dst --state'
  local printing='--json --changes --zeros --time'
  local states='ESTABLISHED SYN_SENT SYN_RECV FIN_WAIT1 FIN_WAIT2 TIME_WAIT CLOSE CLOSE_WAIT LAST_ACK
    LISTEN CLOSING'
  local columns='start duration local remote state closed sent received retransmitted min_rtt
    median_rtt peak_delivery_rate mean_rate cong snapshots gaps missed_polls uuid'

  COMPREPLY=()
  case $previous in
    --time) words='utc as-is epoch' ;;
    --state) words=$states ;;
    --sort) words=$columns ;;
    --uuid | --port | --sport | --dport | --host | --src | --dst | --since | --until | --every | \
      --interval | --reps) return ;;
  esac
  if [[ -n $words ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
    return
  fi

  if [[ $current == -* ]]; then
    case $command in
      ls) words="--json --csv --sort --reverse --time $filters --since --until" ;;
      live) words="$printing $filters --interval --reps" ;;
      verify) words='--quiet' ;;
      *) words="$printing $filters --since --until --every" ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words --help --version" -- "$current")
    return
  fi

  [[ $command == live && $COMP_CWORD -gt 1 ]] && return
  compopt -o filenames 2>/dev/null
  mapfile -t COMPREPLY < <(compgen -f -- "$current")
  if ((COMP_CWORD == 1)); then
    mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -W 'ls live verify' -- "$current")
  fi
}

complete -F _tcpinfo_dump tcpinfo-dump
