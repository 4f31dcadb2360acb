# bash completion for tcpinfo-collect                                    -*- shell-script -*-
# SPDX-License-Identifier: Apache-2.0

_tcpinfo_collect() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} words

  COMPREPLY=()
  # readline takes --flag=value apart.
  [[ $previous == = ]] && previous=${COMP_WORDS[COMP_CWORD - 2]}
  [[ $current == = ]] && previous=${COMP_WORDS[COMP_CWORD - 1]} current=
  case $previous in
    --anonymize) words='none netblock' ;;
    --owner) words='off cgroup process' ;;
    --sample) words='1 10 100 1000' ;;
    --thin) words='0 100ms 1s 10s' ;;
    --file-mode) words='0600 0640 0644 0660 0664' ;;
    --sampling) words='auto dump events' ;;
    --layout) words='connections segments' ;;
    --reconcile) words='1s 10s 1m' ;;
    --cpu-budget) words='0 5 10 25 50 100' ;;
    --max-age) words='1d 7d 30d 90d' ;;
    --max-disk) words='10GiB 100GiB 1000GiB' ;;
    --max-memory) words='64MiB 128MiB 256MiB 512MiB 1GiB 2GiB' ;;
    --event-buffer) words='4MiB 32MiB 128MiB 512MiB' ;;
    --eventsocket-mode | --query-socket-mode) words='0600 0660 0666' ;;
    --prometheus) return ;;
    --traffic-metrics) words='port port,cc port,prefix port,cc,prefix,cgroup,cause' ;;
    --label-limit) words='20 100 500' ;;
    --output | -o)
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -d -- "$current")
      return
      ;;
    --exclude-file | --uuid-prefix-file | --eventsocket | --query-socket)
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -f -- "$current")
      return
      ;;
    --netns)
      local names=(/run/netns/*)
      [[ -e ${names[0]} ]] || names=()
      mapfile -t COMPREPLY < <(compgen -W "all ${names[*]##*/}" -f -- "$current")
      return
      ;;
    --publish)
      mapfile -t COMPREPLY < <(compgen -W 'file:/ https:// nats:// kafka://' -- "$current")
      return
      ;;
    --publish-what)
      mapfile -t COMPREPLY < <(compgen -W 'blocks connections' -- "$current")
      return
      ;;
    --interval | --reps | --duration | --rotate | --flush | --level | --writers | \
      --exclude-srcport | --exclude-dstip | --finals-only) return ;;
  esac
  # It takes nothing but flags.
  [[ -n $words ]] ||
    words='--output --interval --reps --duration --layout --rotate --flush --level --writers --sampling --reconcile
      --no-realtime
      --cpu-budget --max-memory --max-age --max-disk
      --netns --include-local --exclude-srcport --exclude-dstip --exclude-file
      --sample --thin --finals-only --anonymize --owner --file-mode
      --event-buffer --uuid-prefix-file --prometheus --traffic-metrics --label-limit
      --eventsocket --eventsocket-mode --events-replay --events-owner --query-socket
      --query-socket-mode --publish --publish-what
      --verbose --help --version'
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}

complete -F _tcpinfo_collect tcpinfo-collect
