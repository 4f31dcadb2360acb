// SPDX-License-Identifier: Apache-2.0
//
// The systemd journal, where the build has libsystemd; elsewhere it is never connected.
#ifndef TCPINFO_COLLECT_JOURNAL_H
#define TCPINFO_COLLECT_JOURNAL_H

#include <string_view>

#include "collect/log.h"

namespace tcpinfo::collect {

/// Whether standard error leads to the journal: JOURNAL_STREAM names the device and inode it had
/// when the service manager started us.
[[nodiscard]] bool journal_connected() noexcept;

/// Sends an entry. False where the journal does not take it.
[[nodiscard]] bool send_to_journal(const log_event& what, std::string_view text,
                                   const log_subject& subject) noexcept;

}  // namespace tcpinfo::collect

#endif
