// SPDX-License-Identifier: Apache-2.0
//
// The systemd journal, where the build has libsystemd; elsewhere it is never connected.
#ifndef TCPINFO_COLLECT_TELEMETRY_JOURNAL_H
#define TCPINFO_COLLECT_TELEMETRY_JOURNAL_H

#include <string_view>

#include "collect/telemetry/log.h"

namespace tcpinfo::collect {

/// Whether standard error leads to the journal: JOURNAL_STREAM names the device and inode it had
/// when the service manager started us.
[[nodiscard]] bool journal_connected() noexcept;

/// Whether an entry would be taken now; another process may be faster.
[[nodiscard]] bool journal_takes_an_entry() noexcept;

/// Sends an entry, and waits where the journal does not read: libsystemd knows no other way. False
/// where the journal does not take it.
[[nodiscard]] bool send_to_journal(const log_event& what, std::string_view text,
                                   const log_subject& subject) noexcept;

}  // namespace tcpinfo::collect

#endif
