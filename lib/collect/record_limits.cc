// SPDX-License-Identifier: Apache-2.0
#include "collect/record_limits.h"

#include <fmt/format.h>

#include "text/values.h"

namespace tcpinfo::collect {

std::string policy_text(const record_limits& limits, bool finals_only) {
  std::string text;
  const auto add = [&text](const std::string& rule) {
    if (!text.empty()) text += ", ";
    text += rule;
  };
  if (limits.sample > 1) add(fmt::format("sample=1/{}", limits.sample));
  if (limits.thin_ns > 0) add("thin=" + text::format_duration(limits.thin_ns));
  if (finals_only) add("finals-only");
  return text;
}

}  // namespace tcpinfo::collect
