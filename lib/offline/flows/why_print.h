// SPDX-License-Identifier: Apache-2.0
//
// Verdicts: paragraphs for people, JSON for programs.
#ifndef TCPINFO_OFFLINE_FLOWS_WHY_PRINT_H
#define TCPINFO_OFFLINE_FLOWS_WHY_PRINT_H

#include <cstdint>
#include <string>

#include "offline/flows/flow_summary.h"
#include "offline/flows/why_list.h"
#include "offline/text/times.h"

namespace tcpinfo::offline {

enum class why_format : std::uint8_t { text, json };

struct why_print_options {
  why_format format = why_format::text;
  time_style time = time_style::utc;
  bool colour = false;
};

/// Appends the verdicts of a connection: of text a paragraph each, of JSON a line each. Where there
/// is none, that its records have no counters.
void append_verdicts(std::string& to, const flow_summary& flow, const why_verdicts& verdicts,
                     const why_print_options& options);

}  // namespace tcpinfo::offline

#endif
