// SPDX-License-Identifier: Apache-2.0
//
// Lines of the log about files that writers could not write, the same in every layout.
#ifndef TCPINFO_COLLECT_WRITING_WRITE_REPORT_H
#define TCPINFO_COLLECT_WRITING_WRITE_REPORT_H

#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

#include "collect/writing/writer_context.h"

namespace tcpinfo::collect {

/// A write failed: counted and said.
void tell_write_failed(const writer_context& context, const std::string& part,
                       const std::error_code& ec);
/// Records were given up: said ("… and {why}").
void tell_dropped(const writer_context& context, const std::string& part, std::uint64_t records,
                  std::string_view why);
/// The file is gone: counted and said.
void tell_vanished(const writer_context& context, const std::string& part);

}  // namespace tcpinfo::collect

#endif
